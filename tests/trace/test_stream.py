"""A long trace read a piece at a time is the trace that it is when read whole."""

from __future__ import annotations

import json
from itertools import islice

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmtui.engine.ops import MachineSpec, Spawn
from mmtui.trace import codec, stream
from mmtui.trace.errors import TraceError
from mmtui.trace.model import Annotation, Bookmark, Place
from tests.bench.generate import mixed, write_trace


@pytest.fixture
def long_file(tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "LONG", 1000)
    monkeypatch.setattr(stream, "_PIECE", 4000)
    path = tmp_path / "long.json"
    write_trace(path, islice(mixed(7), 3000), MachineSpec(frames=4096))
    return path


def edited(path, **changes):
    path.write_bytes(codec.encode(msgspec.structs.replace(codec.read(path), **changes)))


def whole(path):
    found = stream.open_stream(path)
    assert found is not None
    ops = tuple(found)
    return msgspec.structs.replace(found.trace, ops=ops)


def test_the_operations_are_the_same(long_file):
    assert whole(long_file) == codec.read(long_file)


def test_what_people_added_is_there_before_the_operations(long_file):
    edited(
        long_file,
        title="long",
        position=Place(5, 2),
        breakpoints=("leak",),
        bookmarks=(Bookmark(Place(2999), "end"),),
        annotations=tuple(Annotation(Place(n), f"note {n}\n  ],") for n in range(40)),
    )

    found = stream.open_stream(long_file)

    assert found is not None
    assert found.trace.bookmarks[0].name == "end"
    assert whole(long_file) == codec.read(long_file)


def test_how_much_was_read_is_known(long_file):
    found = stream.open_stream(long_file)
    assert found is not None
    fractions = [found.fraction for _ in found]

    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert found.count == len(fractions)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"op": "exit", "pid": ', b'"op": "exit", "pjd": '),
        (b'{"op": "exit", "pid": ', b'{"op": "exit", "pid": 7, "pid": '),
        (b'{"op": "exit"', b'{"op": "exit'),
        (b'{"op": "exit"', b'], "title": "x", "ops": [{"op": "exit"'),
        (b'"pages": 1}', b'"pages": -1}'),
    ],
)
def test_a_fault_far_into_it_is_said_as_if_it_were_read_whole(long_file, old, new):
    data = long_file.read_bytes()
    at = data.rindex(old)
    long_file.write_bytes(data[:at] + new + data[at + len(old) :])
    with pytest.raises(TraceError) as expected:
        codec.read(long_file)

    found = stream.open_stream(long_file)

    assert found is not None
    with pytest.raises(TraceError) as error:
        list(found)
    assert str(error.value) == str(expected.value)


def test_a_place_after_the_last_operation_is_a_fault(long_file):
    edited(long_file, title="long")
    data = long_file.read_bytes()
    long_file.write_bytes(data.replace(b"\n  ]\n}", b'\n  ],\n  "position": {"op": 3001}\n}'))
    found = stream.open_stream(long_file)

    assert found is not None
    with pytest.raises(TraceError, match="expected at most 3000"):
        list(found)


LAYOUTS = {
    "compact": lambda trace: json.dumps(trace, separators=(",", ":")),
    "one line": json.dumps,
    "indented": lambda trace: json.dumps(trace, indent=2),
    "operations in the middle": lambda trace: json.dumps({**trace, "title": "] }, {"}, sort_keys=True),
    "a line for each": lambda trace: json.dumps(trace).replace("}, {", "}  ,\r\n\t{"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_of_the_text_does_not_matter(long_file, layout):
    edited(long_file, title="long", bookmarks=(Bookmark(Place(2999), "end }]"),), breakpoints=("leak",))
    long_file.write_text(LAYOUTS[layout](json.loads(long_file.read_bytes())))

    assert whole(long_file) == codec.read(long_file)


LOOKALIKES = ['"},{"', "}, {", '{"op": "', "\\", "]}", '"ops": [{', '"}],"about":"']


@given(notes=st.lists(st.sampled_from(LOOKALIKES), max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_a_string_that_looks_like_the_end_of_an_operation_is_none(long_file, notes):
    ops = tuple(Spawn(pid=1 + number, note=note * 30) for number, note in enumerate(notes))
    more = codec.read(long_file).ops[:50]
    edited(long_file, ops=(*ops, *more, *ops), about="".join(notes))
    text = json.dumps(json.loads(long_file.read_bytes()))
    long_file.write_text(text + " " * 2000)

    assert whole(long_file) == codec.read(long_file)


def test_the_beginning_can_be_looked_at_first(long_file):
    found = stream.open_stream(long_file)
    assert found is not None
    first = found.beginning()

    assert len(first) > 10
    assert tuple(found)[: len(first)] == first


def test_a_file_that_is_another_one_by_now_is_a_fault(long_file):
    found = stream.open_stream(long_file)
    assert found is not None
    operations = iter(found)
    next(operations)
    edited(long_file, title="another", ops=codec.read(long_file).ops[::-1])

    with pytest.raises(TraceError, match="changed while it was read"):
        list(operations)


def test_more_processes_than_the_limit_are_a_fault(long_file, monkeypatch):
    monkeypatch.setenv("MMTUI_MAX_PROCESSES", "3")
    found = stream.open_stream(long_file)

    assert found is not None
    with pytest.raises(TraceError, match="the limit is 3"):
        list(found)
