"""A long trace read a piece at a time is the trace that it is when read whole."""

from __future__ import annotations

from itertools import islice

import msgspec
import pytest

from mmtui.engine.ops import MachineSpec
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


def test_another_form_is_not_read_as_a_stream(long_file):
    long_file.write_bytes(msgspec.json.encode(msgspec.json.decode(long_file.read_bytes())))

    assert stream.open_stream(long_file) is None


def test_more_processes_than_the_limit_are_a_fault(long_file, monkeypatch):
    monkeypatch.setenv("MMTUI_MAX_PROCESSES", "3")
    found = stream.open_stream(long_file)

    assert found is not None
    with pytest.raises(TraceError, match="the limit is 3"):
        list(found)
