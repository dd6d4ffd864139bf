"""Places and subjects: one grammar, read against a timeline."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mmtui
from mmtui.engine import places
from mmtui.engine.places import PlaceError, SubjectError

TRACE = Path(__file__).parents[2] / "traces" / "nopage-leak.json"


@pytest.fixture(scope="module")
def timeline():
    return mmtui.load(str(TRACE), kernel="2.6.15-rc2")


def test_counts_operations_percents_and_ends(timeline):
    end = len(timeline)
    timeline.seek(10)

    assert places.resolve(timeline, "120") == 120
    assert places.resolve(timeline, " op:6 ") == timeline.op_start(6)
    assert places.resolve(timeline, "op:6.12") == timeline.op_start(6) + 12
    assert places.resolve(timeline, "0%") == 0
    assert places.resolve(timeline, "50%") == round(end / 2)
    assert places.resolve(timeline, "100%") == places.resolve(timeline, "end") == end
    assert places.resolve(timeline, "start") == 0
    assert places.resolve(timeline, "+100") == 110
    assert places.resolve(timeline, "-1") == 9
    assert places.resolve(timeline, "-999") == 0
    assert places.resolve(timeline, "+999999") == end


def test_marks_are_the_persons_and_the_traces(timeline):
    assert places.resolve(timeline, "@here", {"here": 33}) == 33
    assert places.resolve(timeline, "@exit") == timeline.op_start(27)


def test_an_event_is_its_first_hit(timeline):
    assert places.resolve(timeline, "leak") == timeline.events(kind="leak")[0].position


def test_what_touches_a_thing_next_is_where_that_operation_begins(timeline):
    timeline.seek(timeline.op_start(13))
    assert places.resolve(timeline, "0x10000000") == timeline.op_start(15)
    assert places.resolve(timeline, "pid:1") == timeline.op_start(24)
    assert places.resolve(timeline, "pfn:8") == timeline.op_start(23)
    timeline.seek(places.resolve(timeline, "pfn:8"))
    assert places.resolve(timeline, "pfn:8") == timeline.op_start(27)
    assert places.resolve(timeline, "pfn:0x8") == timeline.op_start(27)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("999999", "there is no position 999999: the log ends at"),
        ("op:99", "there is no op:99: the last that ran is op:28"),
        ("op:6.999", "there is no op:6.999: operation 6 has"),
        ("101%", "101% is past the end: expected 0% to 100%"),
        ("@nowhere", 'there is no mark "@nowhere": there are @mmap-drv'),
        ("@exi", "Did you mean exit?"),
        ("cow", "no cow happens in this trace on 2.6.15-rc2"),
        ("leek", "Did you mean leak?"),
        ("pid:77", "nothing in this trace touches pid:77"),
        ("pid:x", "expected a number, as in pid:3, pfn:1f3, 0xb7f02000"),
        ("0xzz", "expected a number"),
        ("", "is not a place: expected 120, op:6, op:6.12, 50%"),
        ("op:", "is not a place"),
        ("op:-1", "is not a place"),
        ("6.12", "is not a place"),
        ("\x1b[31m", '"\\u001b[31m" is not a place'),
        ("9" * 400, "is not a place"),
    ],
)
def test_a_wrong_place_says_what_could_stand_there(timeline, text, message):
    timeline.seek(0)

    with pytest.raises(PlaceError) as caught:
        places.resolve(timeline, text)

    assert message in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


def test_names_of_positions_lead_back_to_them(timeline):
    for position in range(len(timeline) + 1):
        name = timeline.place_name(position)
        assert places.resolve(timeline, name if name == "start" else f"op:{name}") == position


def test_the_last_transition_of_an_operation_is_its_own(timeline):
    end = timeline.op_end(6)

    assert places.name(timeline, end) == f"6.{end - timeline.op_start(6)}"
    assert places.name(timeline, end + 1) == "7.1"


@given(st.text(max_size=20))
def test_any_text_is_a_place_or_a_place_error(text):
    timeline = load_once()
    try:
        position = places.resolve(timeline, text)
    except PlaceError:
        return
    assert 0 <= position <= len(timeline)


LOADED = []


def load_once():
    if not LOADED:
        LOADED.append(mmtui.load(str(TRACE)))
    return LOADED[0]


# Subjects


def test_subjects_name_rows_of_the_machine(timeline):
    timeline.seek(timeline.op_end(23))

    page = places.subject(timeline, "page[8].count")
    assert (page.kind, page.table, page.row, page.column) == ("page", "page", 8, "page.count")
    assert page.cell == ("page.count", 8)
    assert timeline.machine.page.count[page.row] == 2
    assert places.subject(timeline, "page[0x8]").cell is None
    pte = places.subject(timeline, "pte[2:0x10000000]")
    assert timeline.machine.pte.val[pte.row] >> 12 == 8
    assert pte.column == "pte.val"
    vma = places.subject(timeline, "vma[2:0x10000000].vm_flags")
    assert timeline.machine.vma.vm_end[vma.row] == 0x10004000
    mm = places.subject(timeline, "mm[1].anon_rss")
    assert timeline.machine.mm.anon_rss[mm.row] == 4
    assert timeline.machine.task.pid[places.subject(timeline, "task[2]").row] == 2
    assert places.subject(timeline, " pte[2:268435456] ").text == "pte[2:0x10000000]"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("page", '"page" is not a subject: write page[PFN], vma[PID:START], pte[PID:ADDR], mm[PID], task[PID]'),
        ("pages[8]", "Did you mean page?"),
        ("page[x]", "expected page[PFN], numbers in decimal or 0x"),
        ("page[8:1]", "expected page[PFN]"),
        ("pte[2]", "expected pte[PID:ADDR]"),
        ("page[8].cont", "Did you mean count?"),
        ("page[4096]", "there is no page[4096]: the machine has 128 frames"),
        ("mm[9]", "there is no process 9 at position"),
        ("vma[2:0x10001000]", "the vma around it starts at 0x10000000"),
        ("vma[2:0x20000000]", "process 2 has no vma that starts at 0x20000000 at position"),
        ("pte[2:0x40000000]", "process 2 has no page table at 0x40000000"),
    ],
)
def test_a_wrong_subject_says_why(timeline, text, message):
    timeline.seek(timeline.op_end(23))

    with pytest.raises(SubjectError) as caught:
        places.subject(timeline, text)

    assert message in str(caught.value)
