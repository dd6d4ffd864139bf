"""Reading recordings: stored ones, cut ones, wrong ones."""

from __future__ import annotations

import gzip
import json

import pytest

from mmtui.live.recording import decode
from mmtui.trace.errors import TraceError

HEADER = {"mmtui": 1, "recording": {"version": 1, "kernel": "6.18.0", "pfn": True, "page": 4096}}
AREA = [0x10000, 0x12000, "rw-p", "rd wr mr mw me ac", 0, "00:00:0", ""]
START = {
    "i": 0, "t": 5, "pid": 7, "ev": {"k": "start", "comm": "a.out"},
    "vma": {"7": {"+": [AREA], "-": []}}, "pte": {"7": {"10000": [81, "p"]}}, "fr": {"81": [1, "5808"]},
}  # fmt: skip
MUNMAP = {
    "i": 1, "t": 9, "pid": 7,
    "ev": {"k": "exit", "nr": 11, "name": "munmap", "args": [65536, 8192, 0, 0, 0, 0], "ret": 0},
    "vma": {"7": {"+": [], "-": [65536]}}, "unpte": {"7": ["10000"]}, "fr": {"81": [0, "0"]},
}  # fmt: skip
SUMMARY = {"summary": {"stops": 2, "processes": 1, "ended": "the program ended", "status": 0}}


def text(*lines) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def refused(data: bytes) -> str:
    with pytest.raises(TraceError) as caught:
        decode(data, "x.jsonl")
    return str(caught.value)


def test_a_stop_has_a_name_arguments_and_what_changed():
    recording = decode(text(HEADER, START, MUNMAP, SUMMARY), "x.jsonl")

    start, munmap = recording.stops
    assert (start.name, start.vma[7].mapped[0].end, start.pte[7]["10000"].pfn) == ("start", 0x12000, 81)
    assert (munmap.name, munmap.arguments) == ("munmap", {"addr": 65536, "length": 8192, "ret": 0})
    assert (munmap.vma[7].unmapped, munmap.unpte[7], munmap.fr[81]) == ((65536,), ("10000",), (0, "0"))
    assert (recording.release, recording.frames_known, recording.cut) == ("6.18.0", True, False)


def test_a_recording_that_was_cut_off_is_read_up_to_its_last_whole_line():
    whole = text(HEADER, START, MUNMAP)

    recording = decode(whole[:-20], "x.jsonl")

    assert len(recording.stops) == 1
    assert recording.cut


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([HEADER], "x.jsonl: an empty recording: no stop was written"),
        ([{"mmtui": 1}, START], 'x.jsonl:1: not a recording: its first line needs "mmtui": 1 and "recording"'),
        ([HEADER, START, {"i": 1}], "x.jsonl:3: object missing required field `pid`"),
        ([HEADER, START | {"pid": "seven"}], "x.jsonl:2: expected `int`, got `str` - at `$.pid`"),
        (
            [HEADER, START | {"pte": {"7": {"10001": [1, "p"]}}}],
            "x.jsonl:2: '10001' is not the address of a page of a process",
        ),
        ([HEADER, START | {"fr": {"81": [1, "zz"]}}], "x.jsonl:2: invalid literal for int() with base 16: 'zz'"),
        (
            [HEADER, START | {"vma": {"7": {"+": [[8192, 4096, *AREA[2:]]], "-": []}}}],
            "x.jsonl:2: an area from 0x2000 ends before it starts",
        ),
        (
            [{"mmtui": 1, "recording": {"page": 65536}}, START],
            "x.jsonl:1: recorded with pages of 65536 bytes; only 4096 is understood",
        ),
    ],
)
def test_a_wrong_line_is_named(lines, message):
    assert refused(text(*lines)) == message


def test_of_many_wrong_lines_twenty_are_told_and_the_others_counted():
    said = refused(text(HEADER, START, *[{"i": 1}] * 50)).splitlines()

    assert len(said) == 21
    assert said[-1] == "x.jsonl: and 30 more"


@pytest.mark.parametrize(
    ("name", "stops", "processes", "faults"),
    [("forkload2", 180, 3, 133), ("pipeline", 652, 3, 282), ("pyfork", 2355, 4, 1989)],
)
def test_the_stored_recordings_are_understood_whole(samples, name, stops, processes, faults):
    recording = decode(gzip.decompress((samples / f"{name}.jsonl.gz").read_bytes()), name)

    assert len(recording.stops) == stops
    assert len({stop.pid for stop in recording.stops}) == processes
    assert sum(stop.name == "fault" for stop in recording.stops) == faults
    assert not recording.cut
