"""`mmtui compare`: what each kernel makes of a trace, and where they part."""

from __future__ import annotations

import json

import pytest

import mmtui as api
from mmtui.compare import first_parting
from tests.cli.conftest import TRACES, Mmtui

LEAK = TRACES / "nopage-leak.json"


def test_a_verdict_per_kernel_and_the_commit_between(mmtui: Mmtui) -> None:
    done = mmtui("compare", LEAK, "--kernels", "2.6.14,2.6.15-rc2,vm-unpaged")

    lines = done.out.splitlines()
    assert done.status == 1
    assert [line.split()[0] + " " + line.split()[-1] for line in lines[2:5]] == [
        "2.6.14 ok", "2.6.15-rc2 leak", "vm-unpaged ok",
    ]  # fmt: skip
    assert "  2.6.15-rc2 at 27.36: page 008: count 2, holders 1." in done.out
    assert "2.6.15-rc2 and vm-unpaged part in op 23  read  10000000" in lines
    assert (
        "  vm-unpaged  pte 2:10000000: none -> 008 P RW A ·, managed, with a reference  at 23.5 in do_no_page" in lines
    )
    assert '  because of do_no_page: 2.6.15-rc3 0b14c179a483, "unpaged: VM_UNPAGED"' in lines


def test_kernels_that_do_the_same_leave_it_at_0(mmtui: Mmtui) -> None:
    done = mmtui("compare", LEAK, "--kernels", "vm-unpaged,2.6.15-rc3")

    assert done.status == 0
    assert done.out.endswith("\nvm-unpaged and 2.6.15-rc3 do the same\n")


def test_json(mmtui: Mmtui) -> None:
    done = mmtui("compare", LEAK, TRACES / "usx2y-noget.json", "-k", "2.6.15-rc2,vm-unpaged", "--format", "json")

    first, second = json.loads(done.out)
    assert done.status == 1
    assert [kernel["verdict"] for kernel in first["kernels"]] == ["leak", "ok"]
    assert first["differences"][0]["commit"] == "0b14c179a483"
    assert first["differences"][0]["function"] == "do_no_page"
    assert second["kernels"][0]["verdict"] == "ok"
    assert second["kernels"][1]["verdict"].endswith("BUG: __free_pages")
    assert "Bad page state" in second["kernels"][1]["verdict"]
    assert second["kernels"][1]["findings"][0]["place"]


def test_all_is_the_default(mmtui: Mmtui) -> None:
    done = mmtui("compare", LEAK, "--format", "json")

    assert [kernel["kernel"] for kernel in json.loads(done.out)[0]["kernels"]] == list(api.KERNELS)


def test_verdicts_in_words(mmtui: Mmtui) -> None:
    done = mmtui("compare", TRACES / "fork-unpaged.json", TRACES / "gup-reserved.json", "--format", "json")

    verdicts = {word for trace in json.loads(done.out) for k in trace["kernels"] for word in k["verdict"].split(", ")}
    assert verdicts - {"ok", "leak", "premature free", "Bad page state", "bad pte", "stray put"} <= {
        verdict for verdict in verdicts if verdict.startswith(("BUG", "-E", "SIG", "OOPS"))
    }


@pytest.mark.parametrize("names", ["2.6.14", "2.6.14,2.6.14", "2.6.14,2.6.16"])
def test_wrong_kernels_are_one_line(mmtui: Mmtui, names: str) -> None:
    done = mmtui("compare", LEAK, "--kernels", names)

    assert done.status == 2
    assert done.err.startswith("mmtui: --kernels: ")


@pytest.mark.parametrize("name", ["nopage-leak", "fork-cow", "hole-in-pfnmap", "usx2y-noget"])
@pytest.mark.parametrize("kernels", [("2.6.14", "2.6.15-rc2"), ("2.6.15-rc2", "vm-unpaged"), ("2.6.15-rc5", "2.6.15")])
def test_before_the_parting_both_make_the_same_changes(name: str, kernels: tuple[str, str]) -> None:
    """Told apart from a plain comparison of the two logs, change by change, without the statistics."""
    first, second = (api.load(TRACES / f"{name}.json", kernel=kernel) for kernel in kernels)

    found = first_parting(first, second)

    logs = [[_said(t, n) for n in range(len(t)) if t.transition(n).table not in ("mm", "sys")] for t in (first, second)]
    if found is None:
        assert logs[0] == logs[1]
        return
    same = next((n for n, pair in enumerate(zip(*logs, strict=False)) if pair[0] != pair[1]), min(map(len, logs)))
    ours = found.first if found.first is not None else None
    theirs = found.second if found.second is not None else None
    if (ours, theirs) != (None, None) and same < min(map(len, logs)):
        places = [n for n in range(len(first)) if first.transition(n).table not in ("mm", "sys")]
        places2 = [n for n in range(len(second)) if second.transition(n).table not in ("mm", "sys")]
        assert ours in (None, places[same])
        assert theirs in (None, places2[same])


def _said(timeline: api.Timeline, number: int) -> tuple[str, int, object]:
    change = timeline.transition(number)
    word = change.name in ("trace.result", "trace.message")
    return change.name, change.row, timeline.string(change.new) if word else change.new
