"""The operations of a scenario, in words, and what each does to a machine."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mmtui.engine.kernel.model import INODE_FILE, INODE_SHMEM

if TYPE_CHECKING:
    from mmtui.live.scenario_machine import Done, Machine

PAGE: Final = 4096
SIGSEGV, SIGBUS = 11, 7
WHERE: Final = r"(?P<at>\w+\+\d+)"


@dataclass(frozen=True)
class Call:
    """One operation: what it does, and what its text names."""

    act: Callable[[Machine, str, Call, Done], None]
    words: dict[str, str]
    text: str

    def number(self, name: str, default: int = 0) -> int:
        """A number of the text, decimal or `0x...`."""
        text = self.words.get(name) or ""
        return int(text, 0) if text else default


class Calls:
    """Patterns of operations, in the order in which they are tried."""

    def __init__(self) -> None:
        self._patterns: list[tuple[re.Pattern[str], Callable[[Machine, str, Call, Done], None]]] = []

    def add(self, pattern: str) -> Callable[[Any], Any]:
        """Marks a function as what operations of this form do."""

        def mark(act: Any) -> Any:
            self._patterns.append((re.compile(pattern), act))
            return act

        return mark

    def find(self, text: str) -> Call | None:
        """What an operation does; words in parentheses at its end are a remark."""
        bare = re.sub(r"\s*\([^)]*\)\s*$", "", text).strip()
        for pattern, act in self._patterns:
            match = pattern.fullmatch(bare)
            if match:
                words = {key: value for key, value in match.groupdict().items() if value is not None}
                for key, value in re.findall(r"(\w+)=(\S+)", bare):
                    words.setdefault(key, value)
                return Call(act, words, bare)
        return None


CALLS: Final = Calls()


# The CPU


def _touch(machine: Machine, role: str, address: int, value: int | None, done: Done) -> None:
    """One load or store. A signal that nobody handles ends the process."""
    mm = machine.mm(role)
    place = machine.place_of(address)
    if beyond_end(machine, mm, address):
        done.faults.append(f"{role}:{place}")
        done.signals.append((role, SIGBUS))
        return
    result, _, _, faults = machine.kernel.access(mm, address, value)
    done.faults += [f"{role}:{place}"] * faults
    if result in ("SIGSEGV", "SIGBUS"):
        done.signals.append((role, SIGSEGV if result == "SIGSEGV" else SIGBUS))


def beyond_end(machine: Machine, mm: int, address: int) -> bool:
    """Is the page of a file that this address would need beyond the file's end?"""
    kernel = machine.kernel
    vma = kernel.vma_at(mm, address)
    file = machine.columns["vma.vm_file"][vma]
    if not vma or not file:
        return False
    ptep = kernel.pte_offset(mm, address)
    if ptep and machine.columns["pte.val"][ptep]:
        return False
    inode = machine.columns["file.inode"][file]
    sizes = [each.pages for each in machine.named.values() if each.inode == inode and each.pages is not None]
    return bool(sizes) and kernel.linear_page_index(vma, address) >= sizes[0]


@CALLS.add(rf"read {WHERE}")
def read(machine: Machine, role: str, call: Call, done: Done) -> None:
    """A load."""
    _touch(machine, role, machine.address(call.words["at"]), None, done)


@CALLS.add(rf"write {WHERE}(?: (?P<value>\w+))?")
def write(machine: Machine, role: str, call: Call, done: Done) -> None:
    """A store."""
    _touch(machine, role, machine.address(call.words["at"]), call.number("value"), done)


@CALLS.add(r"poke\b.*")
def poke(machine: Machine, role: str, call: Call, done: Done) -> None:
    """A store by which the program prepares the arguments of a later call, in its newest region."""
    if machine.regions:
        _touch(machine, role, list(machine.regions.values())[-1].start, 0, done)


# Files


@CALLS.add(r"open (?P<name>\w+) (?P<path>\S+)(?: (?P<how>\S+))?")
def open_file(machine: Machine, role: str, call: Call, done: Done) -> None:
    """open: a file on a disk, all of it in the page cache, or /dev/zero."""
    from mmtui.live.scenario_machine import File

    kernel, path = machine.kernel, call.words["path"]
    read_only = "O_RDWR" not in call.words.get("how", "")
    if path == "/dev/zero":
        done.ret = machine.open(role, call.words["name"], File(path, 0, 0, read_only, zero=True))
        return
    inode = kernel.open_inode(path, INODE_FILE)
    file = kernel.open_file(inode, read_only)
    done.ret = machine.open(role, call.words["name"], File(path, inode, file, read_only))


@CALLS.add(r"memfd_create (?P<name>\w+).*")
def memfd_create(machine: Machine, role: str, call: Call, done: Done) -> None:
    """memfd_create: a file in shared memory, empty."""
    from mmtui.live.scenario_machine import File

    kernel = machine.kernel
    name = f"memfd:{call.words['name']}:{len(machine.named)}"
    inode = kernel.open_inode(name, INODE_SHMEM)
    kernel.index.inodes[INODE_FILE, kernel.strings.number(name)] = inode  # mmap looks it up by its name
    file = kernel.open_file(inode, False)
    done.ret = machine.open(role, call.words["name"], File(name, inode, file, False, pages=0))


@CALLS.add(r"ftruncate (?P<name>\w+) .*")
def ftruncate(machine: Machine, role: str, call: Call, done: Done) -> None:
    """ftruncate: what is cut off leaves every page table."""
    file = machine.named.get(call.words["name"])
    if file is None:
        done.ret = -errno.EBADF
        return
    pages = call.number("pages")
    if file.pages is not None and pages < file.pages:
        machine.kernel.truncate_range(file.inode, pages, file.pages)
    file.pages = pages
    done.ret = 0


@CALLS.add(r"close (?P<name>\w+)")
def close(machine: Machine, role: str, call: Call, done: Done) -> None:
    """close."""
    done.ret = machine.close(role, call.words["name"])


@CALLS.add(rf"p?read(?:v|64)? \w+ (?:->|into|to) {WHERE}(?: .*)?")
def read_into(machine: Machine, role: str, call: Call, done: Done) -> None:
    """read(2) into a range: the kernel writes to it, and faults by itself."""
    _copy(machine, role, call, done, 0)


@CALLS.add(rf"p?write(?:v|64)? \w+ (?:<-|from) {WHERE}(?: .*)?")
def write_from(machine: Machine, role: str, call: Call, done: Done) -> None:
    """write(2) from a range: the kernel reads it."""
    _copy(machine, role, call, done, None)


def _copy(machine: Machine, role: str, call: Call, done: Done, value: int | None) -> None:
    start, pages = machine.address(call.words["at"]), call.number("pages", 1)
    mm = machine.mm(role)
    for page in range(pages):
        address = start + page * PAGE
        if beyond_end(machine, mm, address) or machine.kernel.access(mm, address, value)[0] != "ok":
            done.ret = page * PAGE or -errno.EFAULT
            return
    done.ret = pages * PAGE


# Processes


@CALLS.add(r"v?fork (?P<child>\w+)")
def fork(machine: Machine, role: str, call: Call, done: Done) -> None:
    """fork: the child runs as another role."""
    done.ret = machine.add_role(call.words["child"], role)


@CALLS.add(r"exit(?:_group)?\b.*")
def leave(machine: Machine, role: str, call: Call, done: Done) -> None:
    """exit."""
    machine.remove_role(role)


@CALLS.add(r"wait\w*\b.*")
def wait(machine: Machine, role: str, call: Call, done: Done) -> None:
    """wait: the memory of the dead is gone already."""
    done.ret = "pid"


@CALLS.add(r"exec\w*\b.*")
def execve(machine: Machine, role: str, call: Call, done: Done) -> None:
    """execve: the old address space goes."""
    machine.kernel.exit_mmap(machine.mm(role))
    done.ret = 0


@CALLS.add(rf"process_vm_(?P<way>writev|readv) (?P<whose>\w+) {WHERE}(?: (?P<bytes>\d+) bytes)?(?: .*)?")
def process_vm(machine: Machine, role: str, call: Call, done: Done) -> None:
    """One process writes to, or reads from, another: the pages are pinned meanwhile."""
    whose = call.words["whose"]
    if whose == "child":
        whose = next((each for each, parent in machine.parents.items() if parent == role and each in machine.pids), "")
    elif whose == "parent":
        whose = machine.parents[role]
    kernel, mm, start = machine.kernel, machine.mm(whose), machine.address(call.words["at"])
    size = call.number("bytes", PAGE * call.number("pages", 1))
    for address in range(start, start + size, PAGE):
        page = kernel.get_user_pages(mm, address, call.words["way"] == "writev", False, True)
        if page < 0:
            done.ret = page if address == start else address - start
            return
        if machine.columns["page.count"][page] > 1023:
            kernel.unpin_user_page(page)
    done.ret = size


@CALLS.add(rf"vmsplice (?P<pipe>\w+)?.*?{WHERE}(?: .*)?")
def vmsplice(machine: Machine, role: str, call: Call, done: Done) -> None:
    """vmsplice: a pipe keeps references (FOLL_GET), which protect nothing from fork."""
    done.ret = _keep(machine, role, call, False)


@CALLS.add(rf"(?:io_uring_register|pin) (?P<pipe>\w+)?.*?{WHERE}(?: .*)?")
def register(machine: Machine, role: str, call: Call, done: Done) -> None:
    """A registered buffer: a ring pins pages (FOLL_PIN)."""
    done.ret = 0 if _keep(machine, role, call, True) else -errno.EFAULT


def _keep(machine: Machine, role: str, call: Call, pinned: bool) -> int:
    """Bytes of which the pages are kept."""
    kernel, mm, start = machine.kernel, machine.mm(role), machine.address(call.words["at"])
    for number in range(call.number("pages", 1)):
        page = kernel.get_user_pages(mm, start + number * PAGE, pinned, False, pinned)
        if page < 0:
            return number * PAGE
        if not pinned:
            kernel.get_page(page)
        machine.kept.append((call.words.get("pipe", ""), page, pinned))
    return call.number("pages", 1) * PAGE


@CALLS.add(r"(?:io_uring_unregister|unpin) (?P<pipe>\w+).*")
def unregister(machine: Machine, role: str, call: Call, done: Done) -> None:
    """The ring gives its pages back."""
    machine.let_go(call.words["pipe"])


@CALLS.add(r"kill (?P<whose>\w+).*")
def kill(machine: Machine, role: str, call: Call, done: Done) -> None:
    """kill: the process that gets the signal ends."""
    if call.words["whose"] in machine.pids:
        machine.remove_role(call.words["whose"])
    done.ret = 0


@CALLS.add(r"(?:msync|mincore|getpid|gettid|sched_yield|nanosleep|pause|prctl|brk|lseek|fsync|fallocate)\b.*")
def nothing(machine: Machine, role: str, call: Call, done: Done) -> None:
    """A system call that leaves the regions as they are; what it returns is not known."""
