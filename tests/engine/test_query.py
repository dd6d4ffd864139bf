"""What queries find, against a naive walk over the log that keeps the whole machine as a dict of cells."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mmtui
from mmtui.engine import query
from mmtui.engine.flags import PAGE_FLAGS, vm_flags_of
from mmtui.engine.ops import Fork
from mmtui.engine.pgtable import PTE_RW, pte_pfn, pte_present
from mmtui.engine.query_lang import parse
from mmtui.engine.query_tree import And, Not, Or

TRACES = Path(__file__).parents[2] / "traces"
PAIRS = [
    ("nopage-leak", "2.6.15-rc2"),
    ("fork-cow", "2.6.15"),
    ("vbetool-private-devmem", "vm-unpaged"),
    ("devmem-window", "2.6.15-rc2"),
    ("nonlinear", "2.6.14"),
    ("mremap-move", "2.6.15"),
]


@pytest.fixture(scope="module", params=PAIRS, ids=[f"{trace}-{kernel}" for trace, kernel in PAIRS])
def timeline(request):
    trace, kernel = request.param
    return mmtui.load(str(TRACES / f"{trace}.json"), kernel=kernel)


class Naive:
    """The machine just after each transition, and the few questions that a test asks of it."""

    def __init__(self, timeline):
        self.timeline = timeline
        self.now = defaultdict(int)
        self.pids = {}
        timeline.seek(0)
        for table in ("page", "vma", "pt", "pte", "task", "mm"):
            columns = getattr(timeline.machine, table)
            for field in query.schema.TABLES[table]:
                for row, value in enumerate(np.asarray(getattr(columns, field)).tolist()):
                    if value:
                        self.now[table, field, row] = value

    def steps(self):
        """Each transition with the machine just after it."""
        for number in range(len(self.timeline)):
            change = self.timeline.transition(number)
            self.now[change.table, change.column, change.row] = change.new
            if change.table == "task" and change.column == "mm" and change.new:
                self.pids[change.new] = self.now["task", "pid", change.row]
            yield number, change

    def pte_place(self, row):
        table = row >> 10
        mm = self.now["pt", "mm", table]
        return self.pids.get(mm, 0), self.now["pt", "base", table] + (row & 1023) * 4096

    def covering(self, pid, address):
        """The rows of the vmas in use that cover an address of a process."""
        return [
            row
            for (table, field, row), value in list(self.now.items())
            if (table, field) == ("vma", "vm_end")
            and self.now["vma", "state", row]
            and self.now["vma", "vm_start", row] <= address < value
            and self.pids.get(self.now["vma", "mm", row], 0) == pid
        ]

    def mapping(self, pfn):
        """(pid, address) of every entry that maps a frame."""
        return [
            self.pte_place(row)
            for (table, field, row), value in list(self.now.items())
            if (table, field) == ("pte", "val") and pte_present(value) and pte_pfn(value) == pfn
        ]

    def has_flag(self, change, bit):
        """vma.FLAG of one transition, by the book."""
        if change.table == "vma":
            return bool(self.now["vma", "vm_flags", change.row] & bit)
        places = []
        if change.table == "pte":
            places = [self.pte_place(change.row)]
        elif change.table == "page":
            places = self.mapping(change.row)
        rows = [row for pid, address in places for row in self.covering(pid, address)]
        return any(self.now["vma", "vm_flags", row] & bit for row in rows)


def found(timeline, text):
    return query.compile(text).hits(timeline).tolist()


def expected(timeline, holds):
    naive = Naive(timeline)
    return [number + 1 for number, change in naive.steps() if holds(naive, change)]


def touches(change, pfn):
    """A transition of a frame's own cell, or of an entry that maps or mapped it."""
    if change.table == "page":
        return change.row == pfn
    if (change.table, change.column) == ("pte", "val"):
        return any(pte_present(value) and pte_pfn(value) == pfn for value in (change.old, change.new))
    return (change.table, change.column) in (("buf", "pfn"), ("pin", "pfn")) and pfn in (change.old, change.new)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("page.count < 1", lambda c: c.table == "page" and c.column == "count" and c.new < 1 <= c.old),
        ("page.count == 2", lambda c: c.table == "page" and c.column == "count" and c.new == 2),
        ("page.mapcount >= 2", lambda c: c.table == "page" and c.column == "mapcount" and c.new >= 2 > c.old),
        ("page.count", lambda c: c.table == "page" and c.column == "count"),
        ("page[8]", lambda c: c.table == "page" and c.row == 8),
        ("page[8].count > 1", lambda c: (c.table, c.column, c.row) == ("page", "count", 8) and c.new > 1 >= c.old),
        (
            "page.flags has lru",
            lambda c: c.table == "page" and c.column == "flags" and (c.new & ~c.old) & PAGE_FLAGS["lru"] != 0,
        ),
        ("pte.val has RW", lambda c: c.table == "pte" and bool(c.new & PTE_RW) and not c.old & PTE_RW),
        ("pfn 8", lambda c: touches(c, 8)),
        ("pfn 9 or pfn 12", lambda c: touches(c, 9) or touches(c, 12)),
        ("not pfn 8", lambda c: not touches(c, 8)),
        ("pfn 8 and not page.count", lambda c: touches(c, 8) and (c.table, c.column) != ("page", "count")),
        ("trace.result != nothing", lambda c: (c.table, c.column) == ("trace", "result")),
    ],
)
def test_a_term_about_cells_finds_what_a_walk_finds(timeline, text, holds):
    assert found(timeline, text) == expected(timeline, lambda naive, change: holds(change))


@pytest.mark.parametrize("flag", ["VM_RESERVED", "VM_UNPAGED", "VM_PFNMAP", "VM_SHARED", "VM_MAYWRITE"])
def test_a_vma_flag_is_that_of_a_vma_that_maps_the_subject_just_then(timeline, flag):
    bit = vm_flags_of(timeline.kernel).get(flag, 0)

    assert found(timeline, f"vma.{flag}") == expected(timeline, lambda naive, change: naive.has_flag(change, bit))


def test_an_entry_is_found_by_process_and_address(timeline):
    naive = Naive(timeline)
    places = defaultdict(list)
    for number, change in naive.steps():
        if change.table == "pte":
            places[naive.pte_place(change.row)].append(number + 1)

    assert places
    for (pid, address), positions in places.items():
        assert found(timeline, f"pte[{pid}:{address:#x}]") == positions


def inside(timeline, starts_and_ends):
    positions = [position for start, end in starts_and_ends for position in range(start + 1, end + 1)]
    return sorted(set(positions))


def calls_named(timeline, name):
    numbers = range(len(timeline.log.calls))
    calls = [timeline.call(number) for number in numbers]
    return [(call.start, call.end) for call in calls if call.name == name and call.start < call.end]


@pytest.mark.parametrize("name", ["put_page", "zap_pte_range", "do_no_page", "do_munmap", "copy_one_pte"])
def test_a_call_alone_stops_where_it_begins_and_with_others_means_inside(timeline, name):
    calls = calls_named(timeline, name)

    assert found(timeline, f"call {name}") == sorted({start + 1 for start, _ in calls})
    assert found(timeline, f"call {name} and not message") == inside(timeline, calls)


@pytest.mark.parametrize("name", ["mmap", "read", "write", "exit", "fork"])
def test_an_operation_alone_stops_where_it_begins_and_with_others_means_inside(timeline, name):
    wanted = [number for number in range(timeline.op_count) if timeline.op(number).name == name]
    spans = [(timeline.op_start(number), timeline.op_end(number)) for number in wanted]

    assert found(timeline, f"op {name}") == [start + 1 for start, _ in spans]
    assert found(timeline, f"op {name} and not message") == inside(timeline, spans)


def test_a_pid_means_the_operations_of_that_process(timeline):
    def of_process(op, pid):
        return pid in (op.parent, op.child) if isinstance(op, Fork) else getattr(op, "pid", None) == pid

    for pid in (1, 2):
        numbers = [number for number in range(timeline.op_count) if of_process(timeline.op(number), pid)]
        assert found(timeline, f"pid {pid}") == [timeline.op_start(number) + 1 for number in numbers]


def test_events_are_found_with_what_they_are_about(timeline):
    for event in timeline.events():
        assert event.position in found(timeline, event.kind)
        if "pfn" in event.subject:
            assert event.position in found(timeline, f"{event.kind} and pfn {event.subject['pfn']}")
            assert found(timeline, f"{event.kind} and pfn 4095") == []


def test_a_leak_is_in_a_reserved_area_and_its_page_has_a_count_too_many():
    timeline = mmtui.load(str(TRACES / "nopage-leak.json"), kernel="2.6.15-rc2")
    leaks = [event.position for event in timeline.events(kind="leak")]

    assert leaks
    assert found(timeline, "leak") == sorted(set(leaks))
    assert found(timeline, "leak and op exit and vma.VM_RESERVED and page.count == 2") == [leaks[0]]
    assert found(timeline, "leak and vma.VM_IO") == []
    assert found(timeline, "leak.why == confirmed") == [leaks[-1]]
    assert found(timeline, "leak and not leak.why == confirmed") == [leaks[0]]
    assert found(timeline, "leak and pfn 9") == []


def test_what_the_kernel_said_is_found_by_its_kind():
    timeline = mmtui.load(str(TRACES / "alsa-tail-double-free.json"), kernel="2.6.15")
    said = [message["kind"] for op in range(timeline.op_count) for message in timeline.messages(op)]

    assert len(found(timeline, "double_free")) == said.count("double_free") == 1
    assert len(found(timeline, "message")) == len(said)


def test_hits_are_positions_in_order_each_once(timeline):
    hits = query.compile("page.count or pfn 8 or leak or call put_page or vma.VM_SHARED").hits(timeline)

    assert hits.dtype == np.int64
    assert (np.diff(hits) > 0).all()
    assert len(hits) == 0 or (hits[0] >= 1 and hits[-1] <= len(timeline))


def test_a_query_leaves_the_position_alone(timeline):
    timeline.seek(7)

    query.compile("vma.VM_SHARED and page.count").hits(timeline)

    assert timeline.position == 7


TERMS = (
    "page.count", "page.count < 1", "page.mapcount > 0", "pfn 8", "pfn 12", "addr 0x10000000", "vma.VM_SHARED",
    "vma.VM_RESERVED", "pte.val has RW", "pte[1:0x804c000]", "page.flags has lru", "message",
)  # fmt: skip
QUERIES = st.recursive(
    st.sampled_from(TERMS),
    lambda query: st.one_of(
        query.map(lambda one: f"not ({one})"),
        st.tuples(query, st.sampled_from(["and", "or"]), query).map(lambda parts: "({}) {} ({})".format(*parts)),
    ),
    max_leaves=5,
)


def algebra(node, everything, hits):
    """The set that a tree of condition terms denotes."""
    if isinstance(node, Not):
        return everything - algebra(node.node, everything, hits)
    if isinstance(node, And | Or):
        sets = [algebra(child, everything, hits) for child in node.nodes]
        return set.intersection(*sets) if isinstance(node, And) else set.union(*sets)
    return hits[node]


@given(text=QUERIES)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_and_or_not_are_those_of_sets(timeline, text):
    everything = set(range(1, len(timeline) + 1))
    hits = {parse(term): set(found(timeline, term)) for term in TERMS}

    assert set(found(timeline, text)) == algebra(parse(text), everything, hits)


@given(text=QUERIES, start=st.integers(0, 10_000))
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_forward_stops_are_the_backward_stops(timeline, text, start):
    start = min(start, len(timeline))
    timeline.seek(start)
    there, position = [], start
    while (position := timeline.next(text, position)) is not None:
        there.append(position)
    back, position = [], len(timeline) + 1
    while (position := timeline.previous(text, position)) is not None and position > start:
        back.append(position)

    assert there == back[::-1]
