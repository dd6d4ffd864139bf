"""Large traces, the same for the same seed: fork trees, big mappings, many drivers.

Operations come as an iterator, so that a trace of any length costs no memory.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Literal

from mmtui.engine.ops import (
    Alloc,
    AnyOp,
    Backing,
    Driver,
    Exit,
    Fork,
    Free,
    MachineSpec,
    Mmap,
    Mprotect,
    Munmap,
    Read,
    Spawn,
    Write,
)
from mmtui.trace.codec import op_line

PAGE = 4096
BASE = 0x10000000
ANON = Backing(anon=True)
REGION = 16
"""Pages of a mapping that small operations work on."""

Flags = tuple[Literal["shared", "private"]]
PRIVATE: Flags = ("private",)
SHARED: Flags = ("shared",)


def anonymous(pid: int, addr: int, pages: int) -> Mmap:
    """A private anonymous mapping."""
    return Mmap(pid=pid, addr=addr, pages=pages, prot="rw", flags=PRIVATE, backing=ANON)


def touched(pid: int, addr: int, pages: int) -> Iterator[AnyOp]:
    """A private anonymous mapping with every page written to."""
    yield anonymous(pid, addr, pages)
    for page in range(pages):
        yield Write(pid=pid, addr=addr + page * PAGE)


def small_operations(seed: int) -> Iterator[AnyOp]:
    """Without an end: faults, COW in a child, munmap of a page, exit; no operation is about many pages."""
    random_ = random.Random(seed)
    yield Spawn(pid=1, comm="init")
    for child in count(2):
        at = BASE + random_.randrange(64) * REGION * 2 * PAGE
        pages = [at + page * PAGE for page in range(REGION)]
        yield anonymous(1, at, REGION)
        for page in pages:
            yield Write(pid=1, addr=page)
        yield Fork(parent=1, child=child)
        for page in random_.sample(pages, REGION // 2):
            yield Write(pid=child, addr=page)
        for page in random_.sample(pages, REGION // 4):
            yield Read(pid=child, addr=page)
        for page in reversed(pages):
            yield Munmap(pid=1, addr=page, pages=1)
        yield Exit(pid=child)


def fork_tree(seed: int) -> Iterator[AnyOp]:
    """Without an end: processes that fork, write to what they share, and exit, a few dozen at a time."""
    random_ = random.Random(seed)
    yield Spawn(pid=1, comm="init")
    yield from touched(1, BASE, 256)
    alive = [1]
    for child in count(2):
        parent = random_.choice(alive)
        yield Fork(parent=parent, child=child)
        alive.append(child)
        for _ in range(random_.randrange(8)):
            yield Write(pid=random_.choice(alive), addr=BASE + random_.randrange(256) * PAGE)
        if len(alive) > 24:
            gone = alive.pop(random_.randrange(1, len(alive)))
            yield Exit(pid=gone)


def big_mapping(pages: int, rounds: int) -> Iterator[AnyOp]:
    """One mm with a mapping of many pages, which is protected, forked; the child exits; munmap at last."""
    yield Spawn(pid=1, comm="init")
    yield from touched(1, BASE, pages)
    for child in range(2, 2 + rounds):
        yield Mprotect(pid=1, addr=BASE, pages=pages, prot="none" if child % 2 else "r")
        yield Fork(parent=1, child=child)
        yield Exit(pid=child)
    yield Munmap(pid=1, addr=BASE, pages=pages)


def many_drivers(seed: int, drivers: int = 32) -> Iterator[AnyOp]:
    """Without an end: buffers of many drivers, mapped, touched through nopage, unmapped, now and then freed."""
    random_ = random.Random(seed)
    yield Spawn(pid=1, comm="init")
    for number in range(drivers):
        yield Driver(driver=f"snd{number}", buf=f"buf{number}")
        yield Alloc(driver=f"snd{number}", buf=f"buf{number}", order=random_.randrange(3))
    for round_ in count():
        number = random_.randrange(drivers)
        at = BASE + number * 64 * PAGE
        backing = Backing(driver=f"snd{number}")
        yield Mmap(pid=1, addr=at, pages=1, prot="rw", flags=SHARED, backing=backing)
        yield Read(pid=1, addr=at)
        yield Write(pid=1, addr=at)
        yield Munmap(pid=1, addr=at, pages=1)
        if round_ % 64 == 63:
            yield Free(driver=f"snd{number}", buf=f"buf{number}")
            yield Alloc(driver=f"snd{number}", buf=f"buf{number}")


def mixed(seed: int) -> Iterator[AnyOp]:
    """Without an end: small operations, and now and then a fork and an exit of a mapping of a thousand pages."""
    random_ = random.Random(seed)
    source = small_operations(seed)
    yield next(source)
    big = BASE + (1 << 28)
    yield from touched(1, big, 1024)
    for round_ in count():
        child = 1_000_000 + round_
        yield from islice(source, 1024 + random_.randrange(512))
        yield Fork(parent=1, child=child)
        yield Mprotect(pid=child, addr=big, pages=1024, prot="r")
        yield Exit(pid=child)


def write_trace(path: Path, ops: Iterator[AnyOp], machine: MachineSpec) -> None:
    """A trace file in the canonical form, written as the operations come."""
    with path.open("w", encoding="utf-8") as out:
        out.write(f'{{\n  "mmtui": 1,\n  "machine": {{"frames": {machine.frames}}},\n  "ops": [\n')
        for number, op in enumerate(ops):
            out.write((",\n    " if number else "    ") + op_line(op))
        out.write("\n  ]\n}\n")
