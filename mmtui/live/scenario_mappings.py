"""The operations of a scenario that change mappings: mmap, munmap, mprotect, mremap, madvise, mlock."""

from __future__ import annotations

import errno
import re
from typing import TYPE_CHECKING, Any, Final

from mmtui.engine import ops
from mmtui.engine.flags import VM_ACCOUNT, VM_GROWSDOWN, VM_LOCKED, VM_LOCKONFAULT, VM_NORESERVE
from mmtui.engine.kernel.model import INODE_FILE, NO_PAGE
from mmtui.live.scenario_calls import CALLS, PAGE, WHERE, Call

if TYPE_CHECKING:
    from mmtui.live.scenario_machine import Done, Machine

MAP_SHARED, MAP_ANONYMOUS, MAP_GROWSDOWN = 0x1, 0x20, 0x100
MAP_LOCKED, MAP_NORESERVE, MAP_POPULATE, MAP_NONBLOCK = 0x2000, 0x4000, 0x8000, 0x10000
PROTS: Final = ("none", "r", "w", "rw", "x", "r-x", "wx", "rwx")


@CALLS.add(r"mmap (?P<name>\w+) .*")
def mmap(machine: Machine, role: str, call: Call, done: Done) -> None:
    """mmap of a new region; what its flags ask for beyond the mapping itself follows."""
    kernel, mm = machine.kernel, machine.mm(role)
    pages, flags, fd = call.number("pages", 1), call.number("flags"), call.words.get("fd", "-1")
    shared = flags & 3 != 2
    file = machine.named.get(fd)
    if not flags & MAP_ANONYMOUS and file is None:
        done.ret = -errno.EBADF
        return
    off = call.number("off")
    pgoff = off // PAGE if off % PAGE == 0 else off
    named = "at" in call.words
    start = machine.address(call.words["at"]) if named else machine.place(call.words["name"], pages)
    backing = ops.Backing(anon=True)
    if file is not None and not file.zero:
        backing = ops.Backing(file=file.name, pgoff=pgoff)
        _fill_page_cache(machine, file, pgoff, pages)
    op: Any = ops.Mmap(
        pid=1, addr=start, pages=pages, prot=PROTS[_prot(call)],  # type: ignore[arg-type]
        flags=("shared" if shared else "private",), backing=backing, ro_file=file is not None and file.read_only,
    )  # fmt: skip
    error = kernel.do_mmap_pgoff(mm, start, op)
    done.ret = error or start
    if not error:
        _mmap_flags(machine, mm, start, start + pages * PAGE, flags)


def _mmap_flags(machine: Machine, mm: int, start: int, end: int, flags: int) -> None:
    kernel = machine.kernel
    vma = kernel.vma_at(mm, start)
    wanted = int(machine.columns["vma.vm_flags"][vma])
    wanted |= VM_LOCKED if flags & MAP_LOCKED else 0
    wanted |= VM_GROWSDOWN if flags & MAP_GROWSDOWN else 0
    if flags & MAP_NORESERVE:
        wanted = wanted & ~VM_ACCOUNT | VM_NORESERVE
    kernel.vma_modify_flags(vma, start, end, wanted)
    if flags & MAP_LOCKED or (flags & MAP_POPULATE and not flags & MAP_NONBLOCK):
        kernel.mm_populate(mm, start, end)


def _fill_page_cache(machine: Machine, file: Any, pgoff: int, pages: int) -> None:
    """A file on a disk has been read before: its pages are there."""
    kernel = machine.kernel
    if machine.columns["inode.kind"][file.inode] != INODE_FILE:
        return
    for index in range(pgoff, pgoff + pages):
        if kernel.page_cache_lookup(file.inode, index) == NO_PAGE:
            page = kernel.alloc_pages(0)
            if page == NO_PAGE:
                return
            kernel.add_to_page_cache(page, file.inode, index)


@CALLS.add(rf"munmap {WHERE}(?: .*)?")
def munmap(machine: Machine, role: str, call: Call, done: Done) -> None:
    """munmap."""
    done.ret = machine.kernel.do_munmap(machine.mm(role), machine.address(call.words["at"]), _length(call))


@CALLS.add(rf"mprotect {WHERE} .*")
def mprotect(machine: Machine, role: str, call: Call, done: Done) -> None:
    """mprotect."""
    prot = PROTS[_prot(call)]
    done.ret = machine.kernel.sys_mprotect(machine.mm(role), machine.address(call.words["at"]), _length(call), prot)


def _prot(call: Call) -> int:
    """PROT_READ 1, PROT_WRITE 2, PROT_EXEC 4: `prot=3`, `PROT_READ|PROT_WRITE` or `rw-`."""
    text = call.words.get("prot", "")
    if text[:1].isdigit():
        return int(text, 0) & 7
    names = call.text
    named = sum(1 << bit for bit, word in enumerate(("PROT_READ", "PROT_WRITE", "PROT_EXEC")) if word in names)
    short = re.search(r"\b([r-][w-][x-])(?:\s|$)", names)
    return named or (sum(1 << bit for bit, letter in enumerate(short[1]) if letter != "-") if short else 0)


@CALLS.add(rf"mremap {WHERE} .*")
def mremap(machine: Machine, role: str, call: Call, done: Done) -> None:
    """mremap, in place, or to another region (`to=B` or `-> B`)."""
    counts = [int(word) for word in re.findall(r"(?:=|-> ?|\s)(\d+)\b", call.text)]
    old = call.number("old", counts[0] if counts else 1)
    new = call.number("new", counts[1] if len(counts) > 1 else old)
    goal = re.search(r"(?:to[ =]|-> ?)([A-Za-z]\w*)(\+\d+)?", call.text)
    target = -1
    if goal and goal[1] not in machine.regions:
        target = machine.place(goal[1], new)
    elif goal:
        target = machine.address(goal[1] + (goal[2] or "+0"))
    at = machine.address(call.words["at"])
    error = machine.kernel.sys_mremap(machine.mm(role), at, old * PAGE, new * PAGE, target)
    done.ret = error or (at if target < 0 else target)


@CALLS.add(rf"madvise {WHERE} (?:.* )?MADV_(?P<advice>[A-Z_]+)(?: .*)?")
def madvise(machine: Machine, role: str, call: Call, done: Done) -> None:
    """madvise."""
    mm, at = machine.mm(role), machine.address(call.words["at"])
    done.ret = machine.kernel.do_madvise(mm, at, _length(call), call.words["advice"])


@CALLS.add(rf"mlock(?P<two>2)? {WHERE}(?: .*)?")
def mlock(machine: Machine, role: str, call: Call, done: Done) -> None:
    """mlock; mlock2 with `flags=1` locks on fault."""
    flags = VM_LOCKED | (VM_LOCKONFAULT if "two" in call.words and call.number("flags") & 1 else 0)
    done.ret = machine.kernel.do_mlock(machine.mm(role), machine.address(call.words["at"]), _length(call), flags)


@CALLS.add(rf"munlock {WHERE}(?: .*)?")
def munlock(machine: Machine, role: str, call: Call, done: Done) -> None:
    """munlock."""
    done.ret = machine.kernel.do_mlock(machine.mm(role), machine.address(call.words["at"]), _length(call), 0)


@CALLS.add(r"mlockall\b.*")
def mlockall(machine: Machine, role: str, call: Call, done: Done) -> None:
    """mlockall(MCL_CURRENT)."""
    _lock_all(machine, role, VM_LOCKED)
    done.ret = 0


@CALLS.add(r"munlockall\b.*")
def munlockall(machine: Machine, role: str, call: Call, done: Done) -> None:
    """munlockall."""
    _lock_all(machine, role, 0)
    done.ret = 0


def _lock_all(machine: Machine, role: str, flags: int) -> None:
    mm = machine.mm(role)
    for region in machine.regions.values():
        for _, start, stop in list(machine.kernel.vmas_in(mm, region.start, region.start + region.pages * PAGE)):
            machine.kernel.do_mlock(mm, start, stop - start, flags)


def _length(call: Call) -> int:
    return call.number("pages", 1) * PAGE
