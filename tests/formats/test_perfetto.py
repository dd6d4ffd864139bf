"""The rules of the trace event format, as ui.perfetto.dev takes it, checked on every sample."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import jsonschema
import pytest

import mmtui
from mmtui.formats.perfetto import CHANGE, perfetto_json
from tests.formats.conftest import COW, LEAK, SAMPLES, TRACES

NUMBER = {"type": "number", "minimum": 0}
COMMON = {"ph": True, "name": {"type": "string", "minLength": 1}, "pid": {"type": "integer"},
          "tid": {"type": "integer"}, "args": {"type": "object"}, "cat": {"type": "string"}}  # fmt: skip


def rule(phase: str, required: list[str], **fields: Any) -> dict[str, Any]:
    return {
        "properties": {**COMMON, "ph": {"const": phase}, **fields},
        "required": ["ph", "name", "pid", *required], "additionalProperties": False,
    }  # fmt: skip


SCHEMA = {
    "type": "object",
    "required": ["traceEvents"],
    "properties": {
        "displayTimeUnit": {"enum": ["ms", "ns"]},
        "otherData": {"type": "object", "additionalProperties": {"type": "string"}},
        "traceEvents": {
            "type": "array",
            "items": {
                "oneOf": [
                    rule("M", ["args"], name={"enum": ["process_name", "thread_name", "process_sort_index"]}),
                    rule("X", ["ts", "dur", "tid"], ts=NUMBER, dur=NUMBER),
                    rule("i", ["ts", "s", "tid"], ts=NUMBER, s={"enum": ["g", "p", "t"]}),
                    rule("C", ["ts", "args"], ts=NUMBER),
                    rule("s", ["ts", "id", "tid", "cat"], ts=NUMBER, id={"type": "integer"}),
                    rule("f", ["ts", "id", "tid", "cat", "bp"], ts=NUMBER, id={"type": "integer"}, bp={"const": "e"}),
                ]
            },
        },
    },
}


def events_of(name: str, phase: str | None = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(perfetto_json(mmtui.load(TRACES / f"{name}.json")))["traceEvents"]
    return [event for event in found if phase is None or event["ph"] == phase]


@pytest.mark.parametrize("name", SAMPLES)
def test_every_event_has_the_fields_of_its_phase(name: str) -> None:
    jsonschema.validate(json.loads(perfetto_json(mmtui.load(TRACES / f"{name}.json"))), SCHEMA)


@pytest.mark.parametrize("name", SAMPLES)
def test_slices_of_a_track_nest(name: str) -> None:
    """A slice that begins within another ends within it; else it would be drawn on a track of its own."""
    tracks = defaultdict(list)
    for event in events_of(name, "X"):
        tracks[event["pid"], event["tid"]].append((event["ts"], event["ts"] + event["dur"]))
    for slices in tracks.values():
        open_until = [float("inf")]
        for start, end in sorted(slices, key=lambda one: (one[0], -one[1])):
            while open_until[-1] <= start:
                open_until.pop()
            assert start < end <= open_until[-1] + 1e-6
            open_until.append(end)


@pytest.mark.parametrize("name", SAMPLES)
def test_every_track_is_named_once(name: str) -> None:
    used = {event["pid"] for event in events_of(name) if event["ph"] != "M"}
    named = [event["pid"] for event in events_of(name, "M") if event["name"] == "process_name"]

    assert used <= set(named)
    assert len(named) == len(set(named))


def test_operations_and_calls_are_slices() -> None:
    timeline = mmtui.load(LEAK)

    slices = events_of("nopage-leak", "X")

    assert len(slices) == len(timeline.log.calls)
    ops = [event for event in slices if event["cat"] == "op"]
    assert [event["args"]["op"] for event in ops] == list(range(timeline.op_count))
    exit_op = next(event for event in ops if event["name"].startswith("exit"))
    zap = next(e for e in slices if e["name"] == "zap_pte_range" and e["args"]["address"] == "10000000")
    assert exit_op["pid"] == zap["pid"] == 2
    assert exit_op["ts"] < zap["ts"] < zap["ts"] + zap["dur"] < exit_op["ts"] + exit_op["dur"]


def test_events_are_instants_at_their_positions() -> None:
    timeline = mmtui.load(LEAK)

    leaks = [event for event in events_of("nopage-leak", "i") if event["name"] == "leak"]

    assert [event["ts"] for event in leaks] == [event.position * CHANGE for event in timeline.events("leak")]
    assert leaks[0]["args"]["what"] == "page 008: count 2, holders 1."


def test_a_fork_flows_from_the_parents_slice_to_one_of_the_child() -> None:
    slices, starts, ends = (events_of("fork-cow", phase) for phase in ("X", "s", "f"))

    assert len(starts) == len(ends) == 1
    for flow in (*starts, *ends):
        assert [s for s in slices if s["pid"] == flow["pid"] and s["ts"] <= flow["ts"] <= s["ts"] + s["dur"]]
    assert (starts[0]["id"], starts[0]["pid"], ends[0]["pid"]) == (ends[0]["id"], 1, 2)


def test_counters_are_the_totals_of_the_frames() -> None:
    timeline = mmtui.load(COW)

    counters = [event for event in events_of("fork-cow", "C") if event["name"] == "references (page_count)"]

    last = counters[-1]
    timeline.seek(len(timeline))
    assert last["args"]["value"] == int(timeline.machine.page.count.sum())
    assert counters[0]["ts"] == 0
