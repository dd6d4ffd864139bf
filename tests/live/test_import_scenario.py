"""Scenario files on the model 6.x: what agrees is silent, what does not is named; what a kernel leaves open is open."""

from __future__ import annotations

import copy
import gzip
import json
import os
from pathlib import Path

import pytest

from mmtui.live import scenario
from mmtui.trace.errors import TraceError
from mmtui.trace.source import read_bytes
from tests.live.recorder import ROOT
from tests.live.test_import import cli

NAMES = ("filemap", "fork_cow", "kernfault", "remote", "shared", "thp")
VMA = ["A+0", 4, "rw-p", "rd wr mr mw me ac"]
OWN, SHARED = [1, ["ANON", "ANON_EXCLUSIVE"]], [2, ["ANON"]]


def step(number, by, op, procs, frames=None, faults=(), ret=(), signals=()):
    """A step of a scenario; `procs`: the ptes of each process, which has the region A."""
    return {
        "i": number, "by": by, "op": op, "faults": list(faults), "signals": list(signals), "ret": list(ret),
        "procs": {role: {"vmas": [VMA], "ptes": ptes} for role, ptes in procs.items()}, "frames": frames or {},
    }  # fmt: skip


def forked():
    """A process with one page that it has written, and its child."""
    return [
        step(0, "P", "mmap A pages=4 prot=3 flags=0x22 fd=-1 off=0", {"P": {}}, ret=["addr"]),
        step(1, "P", "write A+0 1", {"P": {"A+0": "F1"}}, {"F1": OWN}, ["P:A+0"]),
        step(2, "P", "fork C", {"P": {"A+0": "F1"}, "C": {"A+0": "F1"}}, {"F1": SHARED}, ret=["pid"]),
    ]


def check(steps):
    """The first difference of a scenario of these steps."""
    text = {"name": "x", "oplist": [each["op"] for each in steps], "regions": {"A": 4}, "steps": steps}
    return scenario.check(json.dumps(text).encode(), "x.norm.json")


@pytest.fixture(scope="module")
def stored() -> Path:
    """The stored scenarios of a real kernel."""
    folder = Path(os.environ.get("MMTUI_SHARED", ROOT.parent / "shared")) / "live" / "scen"
    if not folder.is_dir():
        pytest.skip("no stored scenarios here (MMTUI_SHARED names the folder that has live/scen)")
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_the_model_agrees_with_a_real_kernel_after_every_step(stored, name):
    path = stored / f"{name}.norm.json.gz"

    assert scenario.check(read_bytes(path), str(path)) is None


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_that_is_not_what_happened_is_found_out(stored, name):
    """In the last step with frames, one mapcount is wrong."""
    whole = json.loads(gzip.decompress((stored / f"{name}.norm.json.gz").read_bytes()))
    wrong = next(each for each in reversed(whole["steps"]) if any(frame != "ZERO" for frame in each["frames"]))
    frame = next(frame for frame in wrong["frames"] if frame != "ZERO")
    wrong["frames"][frame][0] += 1

    found = scenario.check(json.dumps(whole).encode(), "wrong.json")

    assert found is not None
    assert (found.step, found.text.split(" was ")[0]) == (wrong["i"], f"the mapcount of {frame}")


def test_what_agrees_is_silent():
    assert check(forked()) is None


@pytest.mark.parametrize(("change", "text"), [
    (lambda s: s[1].update(faults=[]), "faults none were observed, the model has P:A+0"),
    (lambda s: s[1].update(signals=["P:SIGSEGV"]), "signals SIGSEGV were observed, the model has none"),
    (lambda s: s[2].update(ret=[-12]), "it returned -12, in the model 2"),
    (lambda s: s[2]["procs"].pop("C"), "processes P were observed, the model has P C"),
    (lambda s: s[2]["procs"]["C"]["ptes"].clear(), "the pte of C at A+0 was empty, in the model F1"),
    (lambda s: s[2]["procs"]["C"]["ptes"].update({"A+0": "F2"}), "the pte of C at A+0 was F2, in the model F1"),
    (lambda s: s[2]["procs"]["P"]["ptes"].update({"A+1": "ZERO"}), "the pte of P at A+1 was ZERO, in the model empty"),
    (lambda s: s[2]["frames"].update(F1=[1, ["ANON"]]), "the mapcount of F1 was 1, in the model 2"),
    (lambda s: s[1]["frames"].update(F1=[1, ["ANON"]]), "the flags of F1 were ANON, in the model ANON ANON_EXCLUSIVE"),
    (lambda s: s[0]["procs"]["P"].update(vmas=[]), "a vma of P at A+0 is only in the model"),
])  # fmt: skip
def test_the_first_difference_is_named(change, text):
    steps = copy.deepcopy(forked())
    change(steps)

    found = check(steps)

    assert found is not None
    assert found.text == text


@pytest.mark.parametrize("frame", ["F1", "F3"])
def test_the_last_owner_may_reuse_the_page_or_copy_it(frame):
    """A per-CPU batch may still hold the page: both happen on a real kernel."""
    steps = [
        *forked(),
        step(3, "C", "write A+0 1", {"P": {"A+0": "F1"}, "C": {"A+0": "F2"}}, {"F1": [1, ["ANON"]], "F2": OWN},
             ["C:A+0"]),
        step(4, "P", "write A+0 1", {"P": {"A+0": frame}, "C": {"A+0": "F2"}}, {frame: OWN, "F2": OWN}, ["P:A+0"]),
    ]  # fmt: skip

    assert check(steps) is None


def test_whoever_is_not_the_last_owner_must_copy():
    steps = [*forked(), step(3, "C", "write A+0 1", {"P": {"A+0": "F1"}, "C": {"A+0": "F1"}}, faults=["C:A+0"])]

    assert check(steps).text == "the pte of C at A+0 was F1, in the model another frame"


def test_a_store_to_read_only_memory_ends_the_process():
    steps = [
        step(0, "P", "mmap A pages=4 prot=1 flags=0x22 fd=-1 off=0", {"P": {}}),
        step(1, "P", "write A+0 1", {}, signals=["P:11"]),
    ]
    steps[0]["procs"]["P"]["vmas"] = [["A+0", 4, "r--p", "rd mr mw me"]]

    assert check(steps) is None


def test_a_guard_stays_through_dontneed_and_is_a_sigsegv_to_touch():
    guarded = {"vmas": [["A+0", 4, "rw-p", "rd wr mr mw me gu ac"]], "ptes": {"A+1": "guard"}}
    steps = forked()[:1]
    for number, op in enumerate(("madvise A+1 pages=1 MADV_GUARD_INSTALL", "madvise A+0 pages=4 MADV_DONTNEED"), 1):
        steps.append({**step(number, "P", op, {}, ret=[0]), "procs": {"P": guarded}})
    steps.append(step(3, "P", "read A+1", {}, signals=[["P", "SIGSEGV"]]))

    assert check(steps) is None


def test_a_page_that_a_pipe_holds_is_copied_before_it_is_written():
    """vmsplice takes a plain reference (FOLL_GET): after a fork even the last owner writes to a copy."""
    both = {"P": {"A+0": "F1"}, "C": {"A+0": "F1"}}
    steps = [
        *forked(),
        step(3, "P", "vmsplice p A+0 pages=1", both, {"F1": SHARED}, ret=[4096]),
        step(4, "C", "exit 0", {"P": {"A+0": "F1"}}, {"F1": [1, ["ANON"]]}),
        step(5, "P", "write A+0 1", {"P": {"A+0": "F2"}}, {"F2": OWN}, ["P:A+0"]),
    ]

    assert check(steps) is None


def test_a_registered_buffer_is_never_shared_by_fork():
    steps = [
        *forked()[:2],
        step(2, "P", "io_uring_register ring A+0 pages=1", {"P": {"A+0": "F1"}}, {"F1": OWN}),
        step(3, "P", "fork C", {"P": {"A+0": "F1"}, "C": {"A+0": "F2"}}, {"F1": OWN, "F2": OWN}, ret=["pid"]),
    ]

    assert check(steps) is None


def test_an_operation_that_the_model_does_not_know_may_change_nothing():
    same = step(3, "P", "frobnicate A+0", {"P": {"A+0": "F1"}, "C": {"A+0": "F1"}})
    other = step(3, "P", "frobnicate A+0", {"P": {}, "C": {"A+0": "F1"}})

    assert check([*forked(), same]) is None
    assert check([*forked(), other]).text.endswith("(the model does not know this operation)")


@pytest.mark.parametrize("data", [b"{", b'{"oplist": [], "steps": 3}', b'{"oplist": ["x"], "steps": [{"i": "1"}]}'])
def test_a_broken_scenario_is_an_error_of_the_file(data):
    with pytest.raises(TraceError) as wrong:
        scenario.check(data, "x.json")

    assert str(wrong.value).startswith("x.json: ")


def test_a_step_of_nobody_is_an_error_that_names_it():
    with pytest.raises(TraceError, match=r"steps\[2\].op: there is no process Q at this point"):
        check([*forked()[:1], step(1, "Q", "read A+0", {})])


def test_check_ends_as_the_comparison_does(tmp_path):
    right, wrong = forked(), forked()
    wrong[2]["frames"]["F1"] = [1, ["ANON"]]
    for name, steps in (("right", right), ("wrong", wrong)):
        text = json.dumps({"oplist": [], "steps": steps, "regions": {"A": 4}})
        (tmp_path / f"{name}.norm.json.gz").write_bytes(gzip.compress(text.encode()))

    fine, bad, history = (cli("check", f"{name}.norm.json.gz", "--kernel", kernel, cwd=tmp_path)
                          for name, kernel in (("right", "6.x"), ("wrong", "6.x"), ("right", "2.6.15")))  # fmt: skip

    assert (fine.returncode, fine.stdout) == (0, "ok     right.norm.json.gz on 6.x\n1 checked, all ok\n")
    assert bad.returncode == 1
    assert "at step 2: P fork C: the mapcount of F1 was 1, in the model 2" in bad.stdout
    assert history.returncode == 2
    assert "only the model 6.x compares with it" in history.stdout


def test_a_scenario_needs_no_kernel_to_be_named(tmp_path):
    (tmp_path / "x.json").write_text(json.dumps({"oplist": [], "steps": forked()}))

    assert cli("check", "x.json", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("op", [
    "mmap A pages=x prot=3 flags=0x22", "write A+0 zz", "munmap A+0 pages=99999999999999999999999",
    "madvise A+0 pages=-1 MADV_GUARD_INSTALL", "mlock A+99999999999999999999 pages=1", "read A+0x",
])  # fmt: skip
def test_an_operation_with_impossible_numbers_is_no_crash(op):
    """It is refused with its place, or a difference."""
    try:
        found = check([*forked()[:1], {**step(1, "P", op, {"P": {}}), "ret": ["x"]}])
    except TraceError as wrong:
        assert "steps[2].op" in str(wrong)
    else:
        assert found is None or found.step == 1
