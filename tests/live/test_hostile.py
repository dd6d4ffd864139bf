"""Recordings that nobody recorded: whatever a file says, the answer is a timeline or a TraceError."""

from __future__ import annotations

import copy
import json
import random

import pytest

from mmtui.live.timeline import load
from mmtui.trace.errors import TraceError
from tests.live.test_recording import HEADER, MUNMAP, START
from tests.live.test_replay import LIVES

ODD = [
    0,
    1,
    -1,
    7,
    8,
    4096,
    1 << 31,
    1 << 47,
    1 << 62,
    1 << 63,
    (1 << 64) - 1,
    1 << 70,
    "",
    "\x1b[2J",
    "zz",
    "-1",
    None,
    [],
    {},
    1.5,
]


def places(value, path=()):
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*path, key))
        yield path
    elif isinstance(value, list):
        for index in range(len(value)):
            yield from places(value[index], (*path, index))
        yield path
    else:
        yield path


def changed(value, path, new):
    value = copy.deepcopy(value)
    if not path:
        return new
    inner = value
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return value


def opened(lines):
    """Whether it opened; and if it did, it can be walked and looked at."""
    try:
        timeline = load(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    except TraceError as error:
        assert str(error)
        assert str(error).isprintable() or "\n" in str(error)
        return False
    start = timeline.digest()
    timeline.seek(len(timeline))
    timeline.state()
    timeline.seek(0)
    assert timeline.digest() == start
    return True


def test_one_odd_value_anywhere_gives_a_timeline_or_an_error_with_its_place():
    lines = [HEADER, START, *LIVES[2:5], MUNMAP]
    every = [(number, path) for number, line in enumerate(lines) for path in places(line)]
    seen = set()

    for number, path in every:
        for odd in random.Random(str(path)).sample(ODD, 8):
            bad = list(lines)
            bad[number] = changed(lines[number], path, odd)
            seen.add(opened(bad))

    assert seen == {True, False}


@pytest.mark.parametrize("seed", range(40))
def test_stops_in_any_order_any_number_of_times_are_walked(seed):
    chance = random.Random(seed)
    stops = [START, *LIVES[2:6], MUNMAP]
    lines = [HEADER, *(chance.choice(stops) | {"pid": chance.choice([7, 8, 9])} for _ in range(12))]

    assert opened(lines)


def test_a_name_with_escapes_is_kept_as_it_is_and_printed_harmlessly():
    import mmtui.words

    timeline = load(
        b"".join(
            json.dumps(line).encode() + b"\n" for line in [HEADER, START | {"ev": {"k": "start", "comm": "\x1b[2Jx"}}]
        )
    )
    timeline.seek(len(timeline))

    assert timeline.processes()[0].name == "\x1b[2Jx"
    assert "\x1b" not in mmtui.words.op_text(timeline, 0)
