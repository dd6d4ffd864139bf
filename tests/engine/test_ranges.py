"""The fast range operations log what the kernel's own functions log, row for row."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmtui.engine import alike, ranges, repeat, reprotect
from mmtui.engine.log import CHUNK
from mmtui.engine.ops import (
    Alloc,
    Backing,
    Driver,
    Exit,
    Fork,
    Free,
    MachineSpec,
    Madvise,
    Mmap,
    Mprotect,
    Munmap,
    Read,
    SetReserved,
    Spawn,
    Write,
)
from mmtui.engine.run import Run
from mmtui.engine.schema import PTES_PER_PT
from mmtui.trace import codec
from tests.machines import KERNELS

BASE = 0x10000000
PAGES = 96


@pytest.fixture(autouse=True, scope="module")
def short_runs_too():
    """What is not worth it is tried all the same: small machines show more."""
    patch = pytest.MonkeyPatch()
    patch.setattr(alike, "WORTHWHILE", 24)
    patch.setattr(alike, "FEWEST_TABLES", 2)
    patch.setattr(ranges, "LONG", 24 << 12)
    patch.setattr(ranges, "SEVERAL", 2 << 22)
    yield
    patch.undo()


SPANS = st.tuples(st.integers(0, PAGES - 1), st.integers(1, PAGES))


def touches(pid, pages, name="write"):
    return [{"op": name, "pid": pid, "addr": BASE + page * 4096} for page in pages]


def inserted(pages, few):
    """The same few pages of drivers again and again: aliases."""
    return [
        {"op": "insert_page", "pid": 1, "addr": BASE + page * 4096, "buf": f"b{number % few}", "index": 0}
        for number, page in enumerate(pages)
    ]


def span(name, pid, where, **more):
    return {"op": name, "pid": pid, "addr": BASE + where[0] * 4096, "pages": where[1], **more}


BUFS = 40
DRIVER = [
    {"op": "alloc", "driver": "drv", "buf": "b", "order": 6},
    {"op": "driver", "name": "drv", "buf": "b"},
    *({"op": "alloc", "driver": "drv", "buf": f"b{number}"} for number in range(BUFS)),
]
"""A driver with a large buffer, which its nopage serves, and with small ones."""
PIDS = st.sampled_from([1, 1, 2, 3])
ACTS = st.one_of(
    st.builds(lambda pid, s: touches(pid, range(s[0], min(s[0] + s[1], PAGES))), PIDS, SPANS),
    st.builds(lambda pid, s: touches(pid, range(s[0], min(s[0] + s[1], PAGES), 13)), PIDS, SPANS),
    st.builds(lambda pid, s: touches(pid, range(s[0], min(s[0] + 20, PAGES)), "read"), PIDS, SPANS),
    st.builds(lambda child: [{"op": "fork", "parent": 1, "child": child}], st.integers(2, 3)),
    st.builds(lambda pid: [{"op": "exit", "pid": pid}], PIDS),
    st.builds(lambda pid, s: [span("munmap", pid, s)], PIDS, SPANS),
    st.builds(lambda pid, s: [span("madvise", pid, s, advice="dontneed")], PIDS, SPANS),
    st.builds(
        lambda pid, s, prot: [span("mprotect", pid, s, prot=prot)], PIDS, SPANS, st.sampled_from(["r", "rw", "none"])
    ),
    st.builds(lambda pfn: [{"op": "set_reserved", "pfn": pfn}], st.integers(2, 120)),
    st.builds(lambda pfn: [{"op": "clear_reserved", "pfn": pfn}], st.integers(2, 120)),
    st.just([{"op": "driver", "name": "drv", "buf": "b", "get_page": False}]),
    st.just([{"op": "free", "driver": "drv", "buf": "b"}]),
    st.builds(
        lambda s, few: inserted(range(s[0], min(s[0] + s[1], PAGES)), few), SPANS, st.sampled_from([3, 30, BUFS])
    ),
)  # fmt: skip
BACKINGS = st.sampled_from(
    [
        {"flags": ["private"], "backing": {"anon": True}},
        {"flags": ["shared"], "backing": {"anon": True}},
        {"flags": ["shared"], "backing": {"file": "f"}},
        {"flags": ["private"], "backing": {"file": "f"}},
        {"flags": ["shared"], "backing": {"driver": "drv"}},
        {"flags": ["shared"], "backing": {"driver": "mem"}, "remap": {"pfn": 40}},
    ]
)
TRACES = st.builds(
    lambda backing, again, acts, more: {
        "mmtui": 1,
        "machine": {"frames": 420, "reserved": [[0, 4], [90, 94]]},
        "ops": [
            *DRIVER,
            {"op": "spawn", "pid": 1},
            {"op": "mmap", "pid": 1, "addr": BASE, "pages": PAGES, "prot": "rw", **backing},
            *touches(1, range(80)),
            *([{"op": "mmap", "pid": 1, "addr": BASE + 4096 * 200, "pages": PAGES, "prot": "rw", **backing}] * again),
            *(op for act in acts for op in act),
            {"op": "fork", "parent": 1, "child": 2},
            *(op for act in more for op in act),
            *({"op": "exit", "pid": pid} for pid in (1, 3, 2)),
        ],
    },
    BACKINGS,
    st.integers(0, 1),
    st.lists(ACTS, max_size=4),
    st.lists(ACTS, max_size=4),
)


def same_log(kernel, machine, ops):
    """Run operations with the fast functions and without them; everything must be equal. Returns the fast run."""
    fast, scalar = (Run(kernel, machine, len(ops), fast=way) for way in (True, False))
    for run in (fast, scalar):
        run.run(ops)
    rows = [[np.concatenate([chunk[at] for chunk in run.log.chunks()]) for at in range(1, 6)] for run in (fast, scalar)]
    calls = [[getattr(run.log.calls, name) for name in run.log.calls.NAMES] for run in (fast, scalar)]
    for ours, theirs in zip(rows[0] + calls[0], rows[1] + calls[1], strict=True):
        assert np.array_equal(ours, theirs)
    for name, values in scalar.cells.columns.items():
        assert np.array_equal(fast.cells.columns[name], values), name
    assert fast.kernel.index.pts == scalar.kernel.index.pts
    assert fast.kernel.index.free_count == scalar.kernel.index.free_count
    return fast


@pytest.mark.parametrize("kernel", KERNELS)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(trace=TRACES)
def test_the_log_is_that_of_the_scalar_functions(kernel, trace):
    decoded = codec.decode(trace)

    same_log(kernel, decoded.machine, decoded.ops)


BORDERS = [0, 1, 24, 1023, 1024, 1025, 2047, 2048, 3072, 4096, 4097]
"""Pages beside which page tables end."""
TABLE_PAGES = 4100
TABLE_SPANS = st.tuples(st.sampled_from(BORDERS), st.sampled_from([1, 30, 1024, 2048, 3000, 4100]))
ODD = st.lists(st.tuples(st.sampled_from(BORDERS), st.sampled_from(["none", "read", "reserved"])), max_size=2)
TABLE_ACTS = st.one_of(
    st.just([Fork(parent=1, child=2)]),
    st.just([Exit(pid=2)]),
    st.just([Exit(pid=1)]),
    st.builds(lambda pid, s: [Munmap(pid=pid, **where(s))], st.integers(1, 2), TABLE_SPANS),
    st.builds(lambda pid, s: [Madvise(pid=pid, **where(s))], st.integers(1, 2), TABLE_SPANS),
    st.builds(
        lambda pid, s, prot: [Mprotect(pid=pid, prot=prot, **where(s))],
        st.integers(1, 2), TABLE_SPANS, st.sampled_from(["r", "rw", "none"]),
    ),
    st.builds(lambda pid, page: [Write(pid=pid, addr=at(page))], st.integers(1, 2), st.sampled_from(BORDERS)),
)  # fmt: skip


def at(page):
    return BASE + page * 4096


def where(pages):
    return {"addr": at(pages[0]), "pages": pages[1]}


def tables(order, seed, odd, shared=False, length=TABLE_PAGES):
    """A mapping of four page tables and a piece of a fifth, with odd pages in it."""
    odd = dict(odd)
    pages = [page for page in range(length) if odd.get(page) != "none"]
    {"up": lambda _: None, "down": list.reverse, "mixed": random.Random(seed).shuffle}[order](pages)
    kind = ("shared",) if shared else ("private",)
    yield Spawn(pid=1)
    yield Mmap(pid=1, addr=BASE, pages=length, prot="rw", flags=kind, backing=Backing(anon=True))
    for number, page in enumerate(pages):
        yield (Read if odd.get(page) == "read" else Write)(pid=1, addr=at(page))
        if odd.get(page) == "reserved":
            yield SetReserved(pfn=4 + number)


@pytest.mark.parametrize("kernel", KERNELS)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    order=st.sampled_from(["up", "up", "down", "mixed"]),
    seed=st.integers(0, 3),
    odd=ODD,
    shared=st.booleans(),
    acts=st.lists(TABLE_ACTS, min_size=1, max_size=5),
)
def test_the_log_of_many_page_tables_is_that_of_the_scalar_functions(kernel, order, seed, odd, shared, acts):
    ops = [*tables(order, seed, odd, shared), *(op for act in acts for op in act)]

    same_log(kernel, MachineSpec(frames=2 * TABLE_PAGES + 50), ops)


@pytest.fixture
def repeated(monkeypatch):
    """(copies, entries of each) of what is repeated; the entries of a page table that are left are one copy."""
    found = []
    log = repeat.Copies.log
    monkeypatch.setattr(repeat.Copies, "log", lambda copies, *args: (found.append(copies.shape), log(copies, *args))[1])
    return found


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("order", ["up", "down", "mixed"])
def test_page_tables_are_repeated(kernel, order, repeated):
    """The tests above would say nothing if nothing ever were."""
    ops = [*tables(order, 1, []), Fork(parent=1, child=2), Exit(pid=2), Munmap(pid=1, addr=BASE, pages=TABLE_PAGES)]
    same_log(kernel, MachineSpec(frames=2 * TABLE_PAGES), ops)

    entries, others = (1, PTES_PER_PT - 1), (3, PTES_PER_PT)
    assert repeated == [entries, others] * 3


@pytest.mark.parametrize(("kernel", "order"), [("2.6.15", "up"), ("2.6.14", "mixed"), ("6.x", "mixed")])
def test_more_than_a_chunk_is_written_in_pieces(kernel, order, repeated):
    count = 24
    whole = {"addr": BASE, "pages": count * PTES_PER_PT}
    ops = [*tables(order, 1, [], length=whole["pages"]), Fork(parent=1, child=2), Exit(pid=2)]
    ops += [Mprotect(pid=1, prot="r", **whole), Munmap(pid=1, **whole)]
    run = same_log(kernel, MachineSpec(frames=whole["pages"] + 50), ops)

    assert (count - 1, PTES_PER_PT) in repeated
    assert max(len(chunk) for chunk in run.log.chunks()) <= CHUNK


def test_an_odd_page_ends_a_run_of_page_tables(repeated):
    ops = [*tables("up", 1, [(3072, "none")]), Fork(parent=1, child=2)]
    same_log("2.6.15", MachineSpec(frames=2 * TABLE_PAGES), ops)

    after = PTES_PER_PT - alike.AGAIN
    assert repeated == [(1, PTES_PER_PT - 1), (2, PTES_PER_PT), (1, after - 1)]


def test_a_page_table_is_repeated_only_by_what_was_done_to_it_now(repeated):
    """mprotect is repeated; munmap, which complains of each page that its driver has freed, is not."""
    first, pages = BASE - 4096, 1 + 2 * PTES_PER_PT  # the first page of a buffer is an odd one
    ops = [
        Alloc(driver="drv", buf="b", order=12),
        Driver(driver="drv", buf="b"),
        Spawn(pid=1),
        Mmap(pid=1, addr=first, pages=pages, prot="rw", flags=("shared",), backing=Backing(driver="drv")),
        *(Read(pid=1, addr=first + page * 4096) for page in range(pages)),
        Mprotect(pid=1, addr=first, pages=pages, prot="r"),
        Free(driver="drv", buf="b"),
        Munmap(pid=1, addr=first, pages=pages),
    ]
    run = same_log("6.x", MachineSpec(frames=3 * 4096), ops)

    assert len(run.messages(run.done - 1)) >= pages
    assert repeated == [(1, PTES_PER_PT - 1), (1, PTES_PER_PT)]


def mapped(backing, *ops):
    """A trace: a mapping of one process, and then these operations."""
    mapping = {"op": "mmap", "pid": 1, "addr": BASE, "pages": PAGES, "prot": "rw", "flags": ["shared"]}
    return codec.decode({"mmtui": 1, "ops": [*DRIVER, {"op": "spawn", "pid": 1}, mapping | backing, *ops]})


@pytest.mark.parametrize("kernel", ["2.6.15", "6.x"])
def test_an_alias_ends_a_run(kernel, repeated):
    """One frame in two entries: the second one is not what it was when the first one has gone."""
    trace = mapped({"backing": {"driver": "drv"}}, *inserted(range(2 * BUFS), BUFS), span("munmap", 1, (0, PAGES)))
    same_log(kernel, trace.machine, trace.ops)

    assert repeated == [(1, BUFS - 1), (1, BUFS - 1)]


def test_frames_in_another_state_end_a_run(repeated):
    """The child has a page of its own: its parent's entry is as before, but nobody shares the frame any more."""
    fork = {"op": "fork", "parent": 1, "child": 2}
    ops = [*touches(1, range(PAGES)), fork, *touches(2, [30]), {"op": "exit", "pid": 1}]
    trace = mapped({"backing": {"anon": True}, "flags": ["private"]}, *ops)
    same_log("2.6.15", trace.machine, trace.ops)

    after = PAGES - 30 - alike.AGAIN
    assert repeated == [(1, PAGES - 1), (1, 30 - 1), (1, after - 1)]


def test_what_says_something_is_not_repeated(repeated):
    """The driver frees what is mapped: each page of it is a complaint when it is unmapped."""
    free = {"op": "free", "driver": "drv", "buf": "b"}
    ops = [*touches(1, range(60)), free, span("munmap", 1, (0, PAGES))]
    trace = mapped({"backing": {"driver": "drv"}}, *ops)
    run = same_log("6.x", trace.machine, trace.ops)

    assert len(run.messages(run.done - 1)) >= 60
    assert repeated == []


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_run_of_entries_is_repeated(kernel, repeated):
    ops = [
        {"op": "spawn", "pid": 1},
        {"op": "mmap", "pid": 1, "addr": BASE, "pages": 80, "prot": "rw", "flags": ["private"]}
        | {"backing": {"anon": True}},
        *touches(1, range(80)),
        {"op": "fork", "parent": 1, "child": 2},
        {"op": "exit", "pid": 2},
        {"op": "exit", "pid": 1},
    ]
    trace = codec.decode({"mmtui": 1, "ops": ops})
    same_log(kernel, trace.machine, trace.ops)

    assert repeated == [(1, 79), (1, 79), (1, 79)]


def test_later_kernels_ask_about_frames_when_they_protect(repeated):
    """Today's mprotect makes an exclusive page's entry writable again at once; 2.6 leaves that to a fault."""
    ops = [*tables("up", 1, []), Mprotect(pid=1, addr=BASE, pages=TABLE_PAGES, prot="r")]
    ops += [Mprotect(pid=1, addr=BASE, pages=TABLE_PAGES, prot="rw")]
    for kernel, runs in (("6.x", 2), ("2.6.15", 0)):
        repeated.clear()
        same_log(kernel, MachineSpec(frames=2 * TABLE_PAGES), ops)

        assert repeated == [(1, PTES_PER_PT - 1), (3, PTES_PER_PT)] * runs


@pytest.mark.parametrize("kernel", KERNELS)
def test_what_mprotect_asks_about_is_known(kernel):
    assert reprotect.follows_from_value(Run(kernel, MachineSpec()).build) == (kernel != "6.x")
