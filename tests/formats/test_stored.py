"""A log in a trace file: it opens as what was exported, and nothing in it is believed unchecked."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

import mmtui
from mmtui import words
from mmtui.engine.run import Run
from mmtui.engine.timeline import Timeline
from mmtui.formats.annotated import annotated_json
from mmtui.formats.log_out import ranges, runs
from mmtui.trace import codec
from tests.formats.conftest import BUG, COW, LEAK, SAMPLES, TRACES


def stored(timeline: Timeline) -> dict[str, Any]:
    """The trace with the log, as a file would have it."""
    found: dict[str, Any] = json.loads(annotated_json(timeline, timeline.trace, log=True))
    return found


@pytest.mark.parametrize("name", SAMPLES)
def test_a_stored_log_is_the_log(name: str) -> None:
    fresh = mmtui.load(TRACES / f"{name}.json")

    again = mmtui.load(stored(fresh))

    for position in (0, len(fresh) // 3, len(fresh)):
        fresh.seek(position)
        again.seek(position)
        assert again.digest() == fresh.digest()
        assert again.state() == fresh.state()
    assert [*again.events()] == [*fresh.events()]
    mine, theirs = ([{**entry, "trace": None} for entry in timeline.report()] for timeline in (again, fresh))
    assert mine == theirs


def test_every_transition_keeps_its_cell_its_call_and_its_function() -> None:
    fresh = mmtui.load(LEAK)

    again = mmtui.load(stored(fresh))

    for number in range(len(fresh)):
        ours, theirs = again.transition(number), fresh.transition(number)
        assert (ours.name, ours.row, ours.old, ours.new, ours.function) == (
            theirs.name, theirs.row, theirs.old, theirs.new, theirs.function,
        )  # fmt: skip
        assert words.transition_text(again, number).change == words.transition_text(fresh, number).change
    calls = range(len(fresh.log.calls))
    assert [again.call(number) for number in calls] == [fresh.call(number) for number in calls]


@pytest.mark.parametrize("query", ["leak", "page.count < 1", "call zap_pte_range", "op exit", "pid 2 and fault", "cow"])
def test_queries_find_the_same_places(query: str) -> None:
    for path in (LEAK, COW):
        fresh = mmtui.load(path)
        assert mmtui.load(stored(fresh)).find(query).tolist() == fresh.find(query).tolist()


def test_opening_runs_no_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    data = stored(mmtui.load(LEAK))

    def forbidden(*_: object) -> None:
        raise AssertionError("a kernel ran")

    monkeypatch.setattr(Run, "__init__", forbidden)
    again = mmtui.load(data)

    assert again.next("leak") is not None


def test_the_log_of_another_mmtui_has_its_functions_but_no_text_of_ours() -> None:
    fresh = mmtui.load(LEAK)
    data = stored(fresh)
    data["log"]["mmtui"] = "0.0.1"

    again = mmtui.load(data)

    number = int(again.find("leak")[0]) - 1
    assert words.transition_text(again, number).function == words.transition_text(fresh, number).function != ""
    assert words.transition_text(again, number).where == ""
    assert again.source("zap_pte_range") is None


def test_another_kernel_is_run_afresh() -> None:
    again = mmtui.load(stored(mmtui.load(LEAK)))

    assert [*again.events("leak")]
    assert not [*again.with_kernel("2.6.14").events("leak")]


def test_a_run_that_ended_in_a_bug_is_over_still() -> None:
    fresh = mmtui.load(BUG, kernel="2.6.15")

    data = json.loads(annotated_json(fresh, msgspec.structs.replace(fresh.trace, kernel="2.6.15"), log=True))
    again = mmtui.load(data)

    assert fresh.over
    assert again.over
    assert again.op_count == fresh.op_count
    assert again.result(again.op_count - 1) == fresh.result(fresh.op_count - 1)


def test_the_file_names_cells_and_functions_and_has_no_lines() -> None:
    log = stored(mmtui.load(LEAK))["log"]

    assert "page.count[8]" in log["cells"]
    assert "zap_pte_range" in [function["name"] for function in log["functions"]]
    assert not {"line", "lines", "file"} & set(_keys(log))
    assert log["mmtui"] == mmtui.__version__


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _keys(item)
    elif isinstance(value, list):
        for item in value:
            yield from _keys(item)


def test_the_file_is_the_same_every_time() -> None:
    first, second = (annotated_json(t, t.trace, log=True) for t in (mmtui.load(COW), mmtui.load(COW)))

    assert first == second
    assert codec.encode(codec.decode(first)) == first


def test_runs_and_ranges() -> None:
    import numpy as np

    assert runs(np.array([0, 0, 3, 3, 0, -1])) == [[2, 2, 3], [5, 1, -1]]
    assert runs(np.zeros(0, np.int64)) == []
    assert ranges([1, 2, 5]) == [[1, 3], [5, 6]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda log: log.update(format=2), "log.format: expected 1"),
        (lambda log: log.pop("cells"), "log: object missing required field `cells`"),
        (lambda log: log.update(kernel="2.6.14"), "log.kernel: is of 2.6.14, and the trace is for 2.6.15-rc2"),
        (lambda log: log["cells"].__setitem__(3, "page.nothing[1]"), "log.cells[3]: expected a cell"),
        (lambda log: log["cells"].__setitem__(3, "page.count[99999]"), "is beyond what this log can use"),
        (
            lambda log: log["transitions"]["cell"].__setitem__(5, 10**6),
            "log.transitions.cell[5]: 1000000 is not between",
        ),
        (lambda log: log["transitions"]["old"].__setitem__(5, 77), "log.transitions.old[5]: 77 follows on"),
        (lambda log: log["transitions"]["new"].pop(), "log.transitions: its columns have"),
        (lambda log: log["calls"]["parent"].__setitem__(1, 5), "log.calls.parent[1]"),
        (lambda log: log["calls"]["end"].__setitem__(1, 400), "log.calls: a call does not lie within"),
        (lambda log: log["ops"].pop(), "log.ops: their calls are not the calls that nothing encloses"),
        (lambda log: log["strings"].__setitem__(0, "x"), "log.strings[0]: expected the empty string first"),
        (lambda log: log.update(frames=1 << 40), "MMTUI_MAX_FRAMES raises it"),
        (lambda log: log["events"][0].update(transition=10**9), "log.events[0]: is at no transition"),
        (lambda log: log["transitions"]["new"].__setitem__(0, 1 << 70), "log.transitions.new"),
    ],
)
def test_a_wrong_log_is_one_line_with_its_place(change: Any, said: str) -> None:
    data = stored(mmtui.load(LEAK))
    change(data["log"])

    with pytest.raises(mmtui.TraceError) as error:
        mmtui.load(data)

    assert said in str(error.value)
    assert "\n" not in str(error.value)


VALUES: list[Any] = [
    None,
    True,
    -1,
    0,
    1,
    7,
    1 << 20,
    1 << 40,
    (1 << 63) - 1,
    1 << 63,
    0.5,
    "",
    "task.mm[1]",
    [],
    {},
    [1],
]


def mutated(rng: random.Random, data: dict[str, Any]) -> dict[str, Any]:
    """The trace with something else in its log."""
    data = copy.deepcopy(data)
    for _ in range(rng.choice((1, 1, 2, 3))):
        node: Any = data["log"]
        while True:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            if not keys:
                break
            key = rng.choice(keys)
            if isinstance(node[key], dict | list) and rng.random() < 0.9:
                node = node[key]
                continue
            number = isinstance(node[key], int) and rng.random() < 0.5
            node[key] = node[key] + rng.choice((-1, 1, 2, 1000)) if number else rng.choice(VALUES)
            break
    return data


def test_mutated_logs_are_errors_of_the_trace_or_can_be_walked() -> None:
    """`_walk` is all that the panes ask; a log that is let in must not break it."""
    rng, accepted = random.Random(5), 0
    samples = [
        stored(mmtui.load(TRACES / f"{name}.json")) for name in ("nopage-leak-small", "fork-cow", "compound-fix")
    ]
    for _ in range(250):
        try:
            timeline = mmtui.load(mutated(rng, rng.choice(samples)))
        except mmtui.TraceError:
            continue
        accepted += 1
        _walk(timeline)
    assert accepted > 5


def _walk(timeline: Timeline) -> None:
    for position in (len(timeline), len(timeline) // 2, 0):
        timeline.seek(position)
        timeline.state()
        timeline.frame_kinds()
        for process in timeline.processes():
            timeline.vmas(process.pid)
            timeline.ptes(process.pid)
        for pfn in range(0, len(timeline.machine.page.count), 11):
            timeline.holders(pfn)
    for number in range(len(timeline)):
        words.transition_text(timeline, number)
    for event in timeline.events():
        words.stop_text(timeline, event)
