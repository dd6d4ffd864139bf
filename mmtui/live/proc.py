"""What /proc says about a process's memory: areas, page-table entries, frames. Reading only."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import gzip
import os
import platform
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

PAGE: Final = 4096
PTRS_PER_TABLE: Final = 512
TABLE_SPAN: Final = PAGE * PTRS_PER_TABLE  # what one page-table page maps: 2 MiB
TASK_SIZE: Final = (1 << 47) - PAGE

# Bits of a /proc/PID/pagemap entry.
PM_PRESENT: Final = 1 << 63
PM_SWAP: Final = 1 << 62
PM_FILE: Final = 1 << 61
PM_GUARD: Final = 1 << 58
PM_UFFD_WP: Final = 1 << 57
PM_EXCLUSIVE: Final = 1 << 56
PM_SOFT_DIRTY: Final = 1 << 55
PM_PFN: Final = (1 << 55) - 1

_SCAN_PRESENT: Final = 1 << 3
_SCAN_SWAPPED: Final = 1 << 4
_SCAN_ZERO: Final = 1 << 5
_SCAN_GUARD: Final = 1 << 8


class Area(NamedTuple):
    """One VMA as /proc/PID/smaps shows it. `flags` is VmFlags (`rd wr mr ...`), `dev` is `major:minor:inode`."""

    start: int
    end: int
    perms: str
    flags: str
    offset: int
    dev: str
    path: str


_HEAD = re.compile(rb"^([0-9a-f]+)-([0-9a-f]+) (....) ([0-9a-f]+) (\S+) (\d+) *(.*)$")


def areas(smaps: bytes) -> dict[int, Area]:
    """The areas of a /proc/PID/smaps text, by start; the kernel's own gate page above the user's half is left out."""
    found: dict[int, Area] = {}
    head: re.Match[bytes] | None = None
    for line in smaps.split(b"\n"):
        if line.startswith(b"VmFlags:"):
            if head is not None:
                area = _area(head, line[8:].decode().strip())
                if area.start < TASK_SIZE:
                    found[area.start] = area
            head = None
        elif not line[:1].isupper():
            head = _HEAD.match(line) or head
    return found


def _area(head: re.Match[bytes], flags: str) -> Area:
    start, end, perms, offset, device, inode, path = head.groups()
    name = path.decode("utf-8", "backslashreplace")
    return Area(
        int(start, 16), int(end, 16), perms.decode(), flags, int(offset, 16),
        f"{device.decode()}:{inode.decode()}", name,
    )  # fmt: skip


def read_whole(fd: int) -> bytes:
    """A /proc file from its beginning, through a descriptor that stays open."""
    parts = []
    offset = 0
    while part := os.pread(fd, 1 << 16, offset):
        parts.append(part)
        offset += len(part)
    return b"".join(parts)


class Pagemap:
    """/proc/PID/pagemap of one address space; the descriptor keeps naming that space, whoever execs."""

    def __init__(self, tgid: int) -> None:
        self.fd = os.open(f"/proc/{tgid}/pagemap", os.O_RDONLY | os.O_CLOEXEC)
        self._scanner = PageScan(self.fd)

    def table(self, number: int) -> bytes:
        """The 512 entries of one page table's span, 8 bytes each; all zero where nothing is mapped.

        Raises ProcessLookupError when the address space is no more.
        """
        raw = os.pread(self.fd, PTRS_PER_TABLE * 8, number * PTRS_PER_TABLE * 8)
        if not raw:
            raise ProcessLookupError(errno.ESRCH, "the address space is gone")
        return raw.ljust(PTRS_PER_TABLE * 8, b"\0")

    def populated(self, vmas: Iterable[Area]) -> set[int]:
        """The numbers of the tables in which something is mapped (or, on a kernel without a scan, could be)."""
        if self._scanner.works:
            return self._scanner.tables()
        numbers: set[int] = set()
        for area in vmas:
            numbers.update(range(area.start // TABLE_SPAN, (area.end - 1) // TABLE_SPAN + 1))
        return numbers

    def zero_pages(self) -> set[int]:
        """The addresses that map the zero page, as far as this kernel tells (PAGEMAP_SCAN); for want of frames."""
        return self._scanner.zero_pages() if self._scanner.works else set()

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.fd)


class _ScanArgument(ctypes.Structure):
    """struct pm_scan_arg."""

    _fields_ = (
        ("size", ctypes.c_uint64), ("flags", ctypes.c_uint64), ("start", ctypes.c_uint64), ("end", ctypes.c_uint64),
        ("walk_end", ctypes.c_uint64), ("vec", ctypes.c_uint64), ("vec_len", ctypes.c_uint64),
        ("max_pages", ctypes.c_uint64), ("category_inverted", ctypes.c_uint64), ("category_mask", ctypes.c_uint64),
        ("category_anyof_mask", ctypes.c_uint64), ("return_mask", ctypes.c_uint64),
    )  # fmt: skip


_PAGEMAP_SCAN: Final = (3 << 30) | (ctypes.sizeof(_ScanArgument) << 16) | (ord("f") << 8) | 16


class PageScan:
    """ioctl(PAGEMAP_SCAN), Linux 6.7: the mapped ranges of a whole address space without reading the empty ones."""

    REGIONS: Final = 1024

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._vector = (ctypes.c_uint64 * (3 * self.REGIONS))()
        self.works = True
        try:
            self._regions(0, _SCAN_PRESENT, PAGE)
        except OSError as error:
            if error.errno not in (errno.ENOTTY, errno.EINVAL):
                raise
            self.works = False

    def _regions(self, start: int, wanted: int, end: int = TASK_SIZE) -> tuple[list[tuple[int, int]], int]:
        argument = _ScanArgument(
            size=ctypes.sizeof(_ScanArgument), start=start, end=end, vec=ctypes.addressof(self._vector),
            vec_len=self.REGIONS, category_anyof_mask=wanted, return_mask=wanted,
        )  # fmt: skip
        count = fcntl.ioctl(self._fd, _PAGEMAP_SCAN, argument)
        vector = self._vector
        return [(vector[3 * i], vector[3 * i + 1]) for i in range(count)], argument.walk_end

    def _all(self, wanted: int) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        start = 0
        while start < TASK_SIZE:
            part, walked = self._regions(start, wanted)
            found += part
            if walked <= start:
                break
            start = walked
        return found

    def tables(self) -> set[int]:
        """The numbers of the page tables' spans in which an entry is present, swapped or a guard."""
        numbers: set[int] = set()
        for start, end in self._all(_SCAN_PRESENT | _SCAN_SWAPPED | _SCAN_GUARD):
            numbers.update(range(start // TABLE_SPAN, (end - 1) // TABLE_SPAN + 1))
        return numbers

    def zero_pages(self) -> set[int]:
        """The addresses that map the zero page."""
        return {a for start, end in self._all(_SCAN_ZERO) for a in range(start, end, PAGE)}


class Frames:
    """/proc/kpagecount and /proc/kpageflags; only root may read them."""

    def __init__(self) -> None:
        self._count = os.open("/proc/kpagecount", os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._flags = os.open("/proc/kpageflags", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            os.close(self._count)
            raise

    def read(self, pfn: int) -> tuple[int, int]:
        """(how many page-table entries map the frame, its KPF_* flags)."""
        count = os.pread(self._count, 8, pfn * 8)
        flags = os.pread(self._flags, 8, pfn * 8)
        return int.from_bytes(count, "little"), int.from_bytes(flags, "little")

    def close(self) -> None:
        """Close both descriptors."""
        os.close(self._count)
        os.close(self._flags)


def may_see_frames() -> bool:
    """Does pagemap give this process frame numbers (CAP_SYS_ADMIN), and may it read kpagecount?"""
    page = ctypes.create_string_buffer(b"x" * PAGE * 2)
    address = ctypes.addressof(page) + PAGE
    try:
        with open("/proc/self/pagemap", "rb", buffering=0) as pagemap:
            pagemap.seek(address // PAGE * 8)
            entry = int.from_bytes(pagemap.read(8), "little")
        Frames().close()
    except OSError:
        return False
    return bool(entry & PM_PFN)


def thread_group(tid: int) -> int:
    """The tgid (what getpid() says) of a task. Raises OSError, or ValueError if the kernel does not say."""
    with open(f"/proc/{tid}/status", "rb") as status:
        for line in status:
            if line.startswith(b"Tgid:"):
                return int(line[5:])
    raise ValueError(f"/proc/{tid}/status has no Tgid")


def command_name(tgid: int) -> str:
    """The comm of a task, "" once it is gone."""
    try:
        return Path(f"/proc/{tgid}/comm").read_bytes()[:-1].decode("utf-8", "backslashreplace")
    except OSError:
        return ""


def state_and_faults(stat: bytes) -> tuple[str, int]:
    """From a /proc/.../stat text: the state's letter, and minflt + majflt. The comm may hold anything, `)` too."""
    fields = stat[stat.rindex(b")") + 2 :].split(b" ", 10)
    return fields[0].decode(), int(fields[7]) + int(fields[9])


def kernel_facts() -> dict[str, object]:
    """What the reader of a recording must know of this kernel: release, machine, options that change meanings."""
    options = _options()
    facts: dict[str, object] = {
        "kernel": platform.release(), "arch": platform.machine(), "page": os.sysconf("SC_PAGE_SIZE"),
        "page_mapcount": options.get("CONFIG_PAGE_MAPCOUNT"), "soft_dirty": options.get("CONFIG_MEM_SOFT_DIRTY"),
    }  # fmt: skip
    try:
        text = Path("/sys/kernel/mm/transparent_hugepage/enabled").read_text()
        facts["thp"] = text.partition("[")[2].partition("]")[0]
    except OSError:
        facts["thp"] = None
    return facts


def _options() -> dict[str, bool]:
    """The kernel's build options, as far as it tells; an option that is not there is unknown."""
    try:
        text = gzip.decompress(Path("/proc/config.gz").read_bytes()).decode()
    except (OSError, EOFError):
        try:
            text = Path(f"/boot/config-{platform.release()}").read_text()
        except OSError:
            return {}
    found = dict.fromkeys(re.findall(r"^(CONFIG_\w+)=y$", text, re.M), True)
    return found | dict.fromkeys(re.findall(r"^# (CONFIG_\w+) is not set$", text, re.M), False)
