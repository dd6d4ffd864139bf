"""What a recording says about itself."""

from __future__ import annotations

from mmtui.live import about
from mmtui.live.recording import decode
from tests.live.test_recording import AREA, HEADER, START, SUMMARY, text
from tests.live.test_replay import LIVES

PROGRAM = [
    [0x400000, 0x401000, "r-xp", "rd ex mr mw me", 0, "fe:00:9", "/bin/a.out"],
    [0x700000, 0x701000, "r-xp", "rd ex mr mw me", 0, "fe:00:8", "/lib/ld.so"],
]


def recording(*lines):
    return decode(text(*lines), "x")


def names(found):
    return [(mark["name"], mark["at"]["op"]) for mark in about.bookmarks(found)]


def test_the_title_is_the_command_as_a_shell_would_take_it():
    header = {"mmtui": 1, "recording": {"kernel": "6.18", "cmd": ["sh", "-c", "ls | wc"]}}

    assert about.title(recording(header, START)) == "sh -c 'ls | wc' on Linux 6.18"


def test_the_bookmarks_are_where_processes_begin_and_end():
    assert names(recording(*LIVES)) == [("fork-8", 1), ("exit-8", 4)]


def test_the_first_fault_in_the_programs_own_code_is_where_the_loader_is_done():
    start = START | {"vma": {"7": {"+": [*PROGRAM, AREA], "-": []}}}
    loader = {"i": 1, "pid": 7, "ev": {"k": "fault", "addr": 0x10000, "ip": 0x700010}}
    own = {"i": 2, "pid": 7, "ev": {"k": "fault", "addr": 0x10000, "ip": 0x400010}}

    assert names(recording(HEADER, start, loader, own, own, SUMMARY)) == [("main-7", 2)]


def test_what_could_not_be_seen_and_what_went_wrong_is_said():
    header = {"mmtui": 1, "recording": {"kernel": "6.18", "pfn": False, "mode": "events", "missing": ["page faults"]}}
    summary = {"summary": {"stops": 1, "ended": "interrupted", "inexact": 2, "lost": 3}}

    said = about.about(recording(header, START, summary))
    cut = about.about(recording(HEADER, START))

    for words in (
        "without root",
        "ran freely",
        "faults did not stop",
        "interrupted",
        "2 times two tasks",
        "3 faults were lost",
    ):
        assert words in said
    assert "ends early" in cut
    assert "ends early" not in said
