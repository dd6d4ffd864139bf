"""The ledger's lines: they add up to page_count at every position, and say what this operation did to a holder."""

from __future__ import annotations

from dataclasses import replace

import pytest

import mmtui
from mmtui.engine.timeline import Timeline
from mmtui.ui.panes.ledger import Columns, LedgerLine, ledger_lines
from mmtui.ui.rows import Target
from mmtui.ui.view import View
from tests.ui.panes.reading import TRACES, built, lines


@pytest.mark.parametrize("kernel", ["2.6.14", "2.6.15-rc2", "2.6.15"])
@pytest.mark.parametrize("name", ["nopage-leak", "fork-cow", "rdma-fork"])
def test_the_lines_add_up_to_page_count_at_every_position(name: str, kernel: str) -> None:
    timeline = mmtui.load(TRACES / f"{name}.json", kernel)

    for position in range(0, len(timeline) + 1, 5):
        view = View(timeline, position)
        for pfn in (8, 9, 12):
            ledger = (view.machine, timeline.holders(pfn))[1]
            shown = [line for line in ledger_lines(view, ledger, 8) if line.state != "gone"]
            assert sum(line.ref for line in shown) == max(ledger.count, ledger.held)


def test_many_ptes_of_one_page_are_one_line_with_their_sum() -> None:
    mapping = {"op": "mmap", "addr": 0x10000000, "pages": 1, "prot": "r", "flags": ["shared"], "backing": {"file": "f"}}
    ops: list[dict[str, object]] = []
    for pid in range(1, 13):
        ops += [{"op": "spawn", "pid": pid}, {**mapping, "pid": pid}, {"op": "read", "pid": pid, "addr": 0x10000000}]
    timeline = mmtui.load({"mmtui": 1, "ops": [*ops, {"op": "spawn", "pid": 99}]})
    view = View(timeline, len(timeline))
    pfn = int(view.machine.page.count.argmax())

    text = lines(replace(view, subject=Target("page", f"page[{pfn}]")), "why")

    assert any(line.startswith("  12 ptes             +12") for line in text)
    assert any(line.startswith("  page_count           13  all held") for line in text)


def test_what_an_operation_did_to_a_holder_stands_in_its_line(leak_story: Timeline) -> None:
    end = View(leak_story, len(leak_story), subject=Target("page", "page[8]"))

    assert any(line.startswith("  drv owns the block    0  op 28  freed") for line in lines(end, "why"))


def test_a_reference_on_its_way_is_no_alarm(leak_story: Timeline) -> None:
    taken = next(
        position
        for position in range(1, len(leak_story))
        if leak_story.transition(position - 1).function == "get_page" and "nopage" in _callers(leak_story, position)
    )

    rows = built(View(leak_story, taken), "why").rows
    verdict = next(row for row in rows if "page_count" in row.text)

    assert verdict.text.endswith(" on its way")
    assert not any(role == "alarm" for _, role in verdict.spans)


def _callers(timeline: Timeline, position: int) -> str:
    return " ".join(call.name for call in timeline.calls_at(position))


def test_an_address_is_never_cut_what_stands_to_its_right_gives_way() -> None:
    line = LedgerLine("pte 28040:7fbe1ca98000", 1, "pte", 1350, "", "", None)

    columns = Columns.fit([line], narrow=False)

    assert columns.ref == 2 + len(line.name) + 1
    assert columns.function == columns.since + 5 + 4
