"""What the system calls of a traced program do to its address space."""

from __future__ import annotations

from itertools import islice

from mmtui.live.importer_model import (
    MAP_ANONYMOUS,
    MAP_SHARED_MASK,
    PAGE,
    PROT_READ,
    PROT_WRITE,
    ZERO,
    Area,
    Model,
    Space,
)

MAP_LOCKED, MAP_POPULATE = 0x2000, 0x8000
MADV_DONTNEED = 4
MADV_POPULATE = ((22,), (23,))
USER_END = 1 << 47
MOST_POPULATED = 1 << 16
"""Pages of one call that are taken to have the zero page, where nobody saw their frames."""


def waits_for_frames(name: str, args: tuple[int, ...]) -> bool:
    """A call that faults its range in: what it was given is known at its end."""
    if name == "mmap":
        return bool(args[3:4] and args[3] & (MAP_POPULATE | MAP_LOCKED))
    return name in ("mlock", "mlock2") or (name == "madvise" and args[2:3] in MADV_POPULATE)


def possible(name: str, args: tuple[int, ...], result: int) -> bool:
    """Whether a kernel can have said that: whole pages of a process. A line may be damaged, or made up."""
    start = result if name == "mmap" else args[0]
    parts = {"brk": [(0, result)], "mremap": [(start, args[1]), (result, args[2])]}.get(name, [(start, args[1])])
    return all(0 <= at <= at + size <= USER_END and (name == "brk" or at % PAGE == 0) for at, size in parts)


def apply(model: Model, space: Space, name: str, args: tuple[int, ...], result: int) -> None:
    """What a memory call that succeeded does to an address space."""
    addr = args[0]
    end = addr + (args[1] + PAGE - 1) // PAGE * PAGE
    if name == "mmap" and args[1]:
        length = (args[1] + PAGE - 1) // PAGE * PAGE
        shared = args[3] & MAP_SHARED_MASK != 2
        model.map(space, Area(result, result + length, args[2] & 7, shared, bool(args[3] & MAP_ANONYMOUS)))
    elif name == "munmap":
        model.unmap(space, addr, end)
    elif name in ("mprotect", "pkey_mprotect"):
        model.protect(space, addr, end, args[2] & 7)
    elif name == "madvise" and args[2] == MADV_DONTNEED:
        model.drop(space, addr, end)
    elif name == "brk":
        _brk(model, space, addr, result)
    elif name == "mremap":
        _mremap(model, space, args, result)


def populate(model: Model, space: Space, start: int, length: int, given: list[int]) -> None:
    """The frames in the order of the addresses that had none; without frames anonymous memory has the zero page."""
    bare = (page for page in range(start, start + length, PAGE) if space.entries.get(page, ZERO) < 0)
    pages = list(islice(bare, len(given) or MOST_POPULATED))
    for page, pfn in zip(pages, given, strict=False):
        model.touch_area(space, page, PROT_WRITE | PROT_READ).touched = True
        model.set_entry(space, page, pfn)
    for page in pages if not given else ():
        area = space.area_at(page)
        if area is not None and area.known and area.anonymous and not area.shared and page not in space.entries:
            model.set_entry(space, page, ZERO)


def _brk(model: Model, space: Space, wanted: int, end: int) -> None:
    end = (end + PAGE - 1) // PAGE * PAGE
    if space.heap and wanted and end > space.heap:
        model.map(space, Area(space.heap, end, PROT_READ | PROT_WRITE))
    elif space.heap and end < space.heap:
        model.unmap(space, end, space.heap)
    space.heap = end


def _mremap(model: Model, space: Space, args: tuple[int, ...], result: int) -> None:
    old, length, new = args[0], args[1], args[2]
    area = space.area_at(old)
    if area is None:
        return
    made = Area(result, result + new, area.prot, area.shared, area.anonymous, area.known, area.touched)
    if result == old:
        if new < length:
            model.unmap(space, old + new, old + length)
        else:
            made.start = area.start
            _grow(model, space, area, made)
        return
    model.map(space, made)
    model.move(space, old, result, min(length, new))
    model.unmap(space, old, old + length)


def _grow(model: Model, space: Space, area: Area, made: Area) -> None:
    space.areas.remove(area)
    space.areas.append(made)
    space.areas.sort(key=lambda each: each.start)
    model.changes.area(space.key)["+"].append(made.row(""))
