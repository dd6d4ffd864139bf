"""The operations of a trace: one frozen struct each, as the trace file spells them.

Addresses and page frame numbers are plain integers here; `mmtui.trace.codec` has already read the
`"0x..."` strings of a file. A field that a file may leave out has its default here and nowhere else.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Prot = Literal["none", "r", "rw", "r-x", "rwx"]
GetPage = Literal["unless_reserved"] | bool

# What a trace can mean at all; within these bounds it is the kernel's to refuse. The codec reads a type with a pattern
# from "0x..." strings too.
_HEX_ADDRESS = {"pattern": "^0[xX]0{0,4}[0-9a-fA-F]{1,12}$"}
_HEX_PFN = {"pattern": "^0[xX]0{0,7}[0-9a-fA-F]{1,9}$"}
Pid = Annotated[int, Meta(ge=1, le=1 << 22)]
Address = Annotated[int, Meta(ge=0, le=(1 << 48) - 1, extra_json_schema=_HEX_ADDRESS)]
Pfn = Annotated[int, Meta(ge=0, le=(1 << 36) - 1, extra_json_schema=_HEX_PFN)]
Pages = Annotated[int, Meta(ge=0, le=1 << 36)]
Order = Annotated[int, Meta(ge=0, le=30)]
Word = Annotated[int, Meta(ge=0, le=(1 << 32) - 1)]
Name = Annotated[str, Meta(max_length=4096)]
PfnRange = tuple[Pfn, Pfn]


class Op(
    msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="op", kw_only=True, omit_defaults=True
):
    """What every operation has. `note` is shown beside it."""

    note: str | None = None

    @property
    def name(self) -> str:
        """The operation's word in the trace file: `mmap`, `fork` ..."""
        return str(self.__struct_config__.tag)


class Spawn(Op, tag="spawn", frozen=True):
    """A process with an empty address space."""

    pid: Pid
    comm: Name | None = msgspec.field(default=None, name="name")


class Fork(Op, tag="fork", frozen=True):
    """copy_mm, dup_mmap."""

    parent: Pid
    child: Pid


class Exit(Op, tag="exit", frozen=True):
    """exit_mmap."""

    pid: Pid


class Driver(Op, tag="driver", frozen=True):
    """A driver whose nopage serves the pages of `buf`; `get_page: false` forgets the reference."""

    driver: Name = msgspec.field(name="name")
    buf: Name | None = None
    get_page: GetPage = True


class Alloc(Op, tag="alloc", frozen=True):
    """alloc_pages by a driver; `reserved`: SetPageReserved on each page."""

    driver: Name
    buf: Name
    order: Order = 0
    comp: bool = False
    reserved: bool = False


class Free(Op, tag="free", frozen=True):
    """ClearPageReserved on each page where `reserved` was given, then __free_pages."""

    driver: Name
    buf: Name


class SetReserved(Op, tag="set_reserved", frozen=True):
    """SetPageReserved."""

    pfn: Pfn


class ClearReserved(Op, tag="clear_reserved", frozen=True):
    """ClearPageReserved."""

    pfn: Pfn


class Backing(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """What a mapping maps: exactly one of anonymous memory, a file, a driver's device."""

    anon: bool = False
    file: Name | None = None
    driver: Name | None = None
    pgoff: Pfn = 0


class Remap(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """One remap_pfn_range call of a driver's mmap method. `offset` and `pages` count pages of the vma."""

    pfn: Pfn | None = None
    buf: Name | None = None
    pages: Pages | None = None
    offset: Pages = 0
    prot: Prot | None = None


class Mmap(Op, tag="mmap", frozen=True):
    """do_mmap_pgoff with MAP_FIXED."""

    pid: Pid
    addr: Address
    pages: Pages
    prot: Prot
    flags: tuple[Literal["shared", "private"]]
    backing: Backing
    vm_flags: tuple[str, ...] = ()
    remap: tuple[Remap, ...] = ()
    zeromap: bool = False
    ro_file: bool = False


class Munmap(Op, tag="munmap", frozen=True):
    """sys_munmap."""

    pid: Pid
    addr: Address
    pages: Pages


class Mprotect(Op, tag="mprotect", frozen=True):
    """sys_mprotect."""

    pid: Pid
    addr: Address
    pages: Pages
    prot: Prot


class Madvise(Op, tag="madvise", frozen=True):
    """sys_madvise(MADV_DONTNEED)."""

    pid: Pid
    addr: Address
    pages: Pages
    advice: Literal["dontneed"] = "dontneed"


class Mremap(Op, tag="mremap", frozen=True):
    """sys_mremap: with `new_addr` MREMAP_MAYMOVE and MREMAP_FIXED, without it in place only."""

    pid: Pid
    addr: Address
    old_pages: Pages
    new_pages: Pages
    new_addr: Address | None = None


class RemapFilePages(Op, tag="remap_file_pages", frozen=True):
    """sys_remap_file_pages: a nonlinear file mapping."""

    pid: Pid
    addr: Address
    pages: Pages
    pgoff: Pfn


class Read(Op, tag="read", frozen=True):
    """The CPU reads the first word of the page at `addr`."""

    pid: Pid
    addr: Address


class Write(Op, tag="write", frozen=True):
    """The CPU writes the first word of the page at `addr` (default: 1000 + number of the op)."""

    pid: Pid
    addr: Address
    value: Word | None = None


class InsertPage(Op, tag="insert_page", frozen=True):
    """vm_insert_page, in models that have it."""

    pid: Pid
    addr: Address
    buf: Name
    index: Pages


class Pin(Op, tag="pin", frozen=True):
    """get_user_pages for one page, kept under `pin`."""

    pid: Pid
    addr: Address
    pin: Name = msgspec.field(name="name")
    write: bool = False
    force: bool = False


class Unpin(Op, tag="unpin", frozen=True):
    """page_cache_release of a pinned page; `dirty`: set_page_dirty first."""

    pin: Name = msgspec.field(name="name")
    dirty: bool = False


class DropCache(Op, tag="drop_cache", frozen=True):
    """The page cache lets the page go."""

    file: Name
    pgoff: Pfn


AnyOp = (
    Spawn | Fork | Exit | Driver | Alloc | Free | SetReserved | ClearReserved | Mmap | Munmap | Mprotect | Madvise
    | Mremap | RemapFilePages | Read | Write | InsertPage | Pin | Unpin | DropCache
)  # fmt: skip

OPS: dict[str, type[Op]] = {
    str(cls.__struct_config__.tag): cls
    for cls in (
        Spawn, Fork, Exit, Driver, Alloc, Free, SetReserved, ClearReserved, Mmap, Munmap, Mprotect, Madvise,
        Mremap, RemapFilePages, Read, Write, InsertPage, Pin, Unpin, DropCache,
    )
}  # fmt: skip
"""Every operation by its word."""


class MachineSpec(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """The machine a trace runs on. Ranges are half-open ranges of pfns; frame 1 is always the ZERO_PAGE."""

    frames: Annotated[int, Meta(ge=2)] = 256
    reserved: tuple[PfnRange, ...] = ((0, 2),)
    holes: tuple[PfnRange, ...] = ()
    vma_merge: bool = True
    hugetlb_page: bool = False
    fault_around: bool = False
    """6.x: a read fault maps up to 16 pages that the page cache has."""


__all__ = ["OPS", "AnyOp", "Backing", "MachineSpec", "Op", "Remap"]
