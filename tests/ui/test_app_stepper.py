"""Laws of moving: there and back, the same stops in both directions, whatever the trace, the kernel and the query."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mmtui
from mmtui.compare import difference, divergences, first_parting, position_in
from mmtui.engine.timeline import Timeline
from mmtui.sidecar import Sidecar
from mmtui.ui.rows import Target
from mmtui.ui.stepper import Stepper
from tests.ui.stepping import TRACES

NAMES = ("nopage-leak", "fork-cow", "insert-page-fork", "rdma-fork", "zero-page")
KERNELS = ("2.6.14", "2.6.15-rc2", "vm-unpaged", "2.6.15")
QUERIES = (
    "leak", "fault", "cow", "free", "page.count < 1", "pfn 8", "page[8].count", "call zap_pte_range", "op write",
    "pid 1 and fault", "free and vma.VM_RESERVED", "not fault and pfn 0xc", "pte.val has RW", "refused or bug",
)  # fmt: skip
TABLES = ("page", "pte", "vma", "task", "buf", "pin")
MOVES = ("op", "transition", "call", "stop", "alert", "end", "change", "mark")


@lru_cache
def timeline(name: str, kernel: str) -> Timeline:
    return mmtui.load(TRACES / f"{name}.json", kernel=kernel)


def stepper(name: str, kernel: str) -> Stepper:
    found = timeline(name, kernel)
    found.seek(0)
    return Stepper(found, Sidecar(None))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kernel", KERNELS)
@settings(max_examples=6, deadline=None)
@given(queries=st.lists(st.sampled_from(QUERIES), min_size=1, max_size=3))
def test_stops_found_forwards_are_those_found_backwards(name: str, kernel: str, queries: list[str]) -> None:
    walk = stepper(name, kernel)
    for query in queries:
        walk.set_stop(query)
    forward, back = [], []
    while (move := walk.move("stop")).position is not None:
        forward.append(walk.arrive(move.position))
    walk.arrive(len(walk.timeline))
    if forward and forward[-1] == len(walk.timeline):
        back.append(forward[-1])  # one stands on it: there is no way back to where one is
    while (move := walk.move("stop-back")).position is not None:
        back.append(walk.arrive(move.position))

    assert forward == back[::-1]
    assert forward == [p for p in walk.stop_positions().tolist() if p > 0]


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(NAMES), st.lists(st.tuples(st.sampled_from(MOVES), st.booleans()), max_size=12))
def test_any_walk_ends_in_the_state_of_its_position(name: str, moves: list[tuple[str, bool]]) -> None:
    walk = stepper(name, "2.6.15-rc2")
    for kind, back in moves:
        before = walk.timeline.position
        move = walk.move(f"{kind}-back" if back else kind, Target("page", "page[8]"))
        if move.position is None:
            assert move.reason
            continue
        walk.arrive(move.position)
        assert walk.timeline.position == before or (walk.timeline.position < before) == back
    there, digest = walk.timeline.position, walk.timeline.digest()
    walk.timeline.seek(0)
    walk.timeline.step(there)

    assert walk.timeline.digest() == digest


@given(st.lists(st.integers(0, 472), min_size=1, max_size=10), st.integers(0, 10))
@settings(deadline=None)
def test_places_visited_are_a_list_with_a_cursor(places: list[int], back: int) -> None:
    walk = stepper("nopage-leak", "2.6.15-rc2")
    seen = [0]
    for place in places:
        if walk.arrive(place) != seen[-1]:
            seen.append(place)
    for _ in range(back):
        if (move := walk.move("history-back")).position is not None:
            walk.revisit(True)
            walk.arrive(move.position, visited=False)

    assert walk.timeline.position == seen[max(0, len(seen) - 1 - back)]


def test_a_place_means_the_same_on_another_kernel() -> None:
    walk = stepper("nopage-leak", "2.6.15-rc2")
    for p in range(len(walk.timeline) + 1):
        at = walk.place_of(p)
        assert walk.position_of(at["op"], at["transition"]) == p


def test_where_an_operation_ends_the_next_begins_on_every_kernel() -> None:
    walk, other = stepper("nopage-leak", "2.6.15-rc2"), stepper("nopage-leak", "2.6.15")
    here, there = walk.timeline, other.timeline
    lengths = [(t.op_end(k) - t.op_start(k)) for t in (here, there) for k in range(min(here.op_count, there.op_count))]
    assert lengths[: len(lengths) // 2] != lengths[len(lengths) // 2 :]
    for k in range(here.op_count):
        at = walk.place_of(here.op_end(k))
        assert at == {"op": k + 1, "transition": 0}
        expected = there.op_start(k + 1) if k + 1 < there.op_count else len(there)
        assert other.position_of(at["op"], at["transition"]) == expected


def test_marks_of_a_run_that_ended_early_are_at_its_end() -> None:
    walk = stepper("nopage-leak", "2.6.15-rc2")

    assert walk.position_of(10_000, 3) == len(walk.timeline)


def test_a_kept_stop_that_cannot_be_read_stops_nowhere(tmp_path: Path) -> None:
    side = Sidecar.open(tmp_path / "t.json")
    side.add("stop", id="stop:zap", expr="zap zap", on=True)

    walk = Stepper(timeline("nopage-leak", "2.6.15-rc2"), side)
    assert [stop.expr for stop in walk.stops()] == ["leak", "free_unpaged", "zap zap"]
    assert len(walk.stop_positions()) == len(walk.timeline.events("leak"))


@pytest.mark.parametrize("name", NAMES)
def test_a_kernel_compared_with_itself_never_parts(name: str) -> None:
    one = timeline(name, "2.6.15")
    two = mmtui.load(TRACES / f"{name}.json", kernel="2.6.15")

    assert divergences(one, two, {}) == []
    for p in range(0, len(one) + 1, 7):
        assert position_in(one, two, p, {}) == p


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("a", "b"), [("2.6.14", "2.6.15-rc2"), ("2.6.15-rc2", "2.6.15"), ("vm-unpaged", "2.6.15")])
def test_before_the_first_divergence_both_machines_are_the_same(name: str, a: str, b: str) -> None:
    one, two = timeline(name, a), timeline(name, b)
    memo: dict[object, object] = {}
    places = divergences(one, two, memo)
    end = places[0] - 1 if places else len(one)
    one.seek(0)
    two.seek(0)
    at_boot = difference(one, two, TABLES).cells  # 2.6.14 gives a boot-reserved frame another count
    for p in np.unique(np.linspace(0, end, 12, dtype=np.int64)).tolist():
        one.seek(p)
        two.seek(position_in(one, two, p, memo))
        assert difference(one, two, TABLES).cells == at_boot


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("a", "b"), [("2.6.14", "2.6.15-rc2"), ("2.6.15-rc2", "vm-unpaged"), ("2.6.15-rc2", "2.6.15")])
def test_lock_step_parts_where_mmtui_compare_says(name: str, a: str, b: str) -> None:
    one, two = timeline(name, a), timeline(name, b)
    parting = first_parting(one, two)
    places = divergences(one, two, {})

    assert (parting is None) == (not places)
    if parting is not None and parting.first is not None:
        assert places[0] == parting.first + 1
    elif parting is not None:
        assert one.op_start(parting.op) <= places[0] <= one.op_end(parting.op)


@pytest.mark.parametrize("name", NAMES)
def test_lock_step_never_runs_backwards(name: str) -> None:
    one, two = timeline(name, "2.6.15-rc2"), timeline(name, "2.6.15")
    memo: dict[object, object] = {}
    places = [position_in(one, two, p, memo) for p in range(len(one) + 1)]

    assert places == sorted(places)
    assert places[0] == 0
    assert places[-1] == len(two)
