"""`mmtui run`: a replay as text and as JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import ROOT, TRACES, Mmtui

LEAK = TRACES / "nopage-leak-small.json"
BUG = {
    "mmtui": 1,
    "title": "a page is put once too often",
    "machine": {"frames": 64, "reserved": [[0, 8]]},
    "ops": [
        {"op": "alloc", "driver": "d", "buf": "b"},
        {"op": "driver", "name": "d", "buf": "b", "get_page": False},
        {"op": "spawn", "pid": 1, "name": "\x1b[31mred\u202e"},
        {"op": "mmap", "pid": 1, "addr": "0x10000000", "pages": 1, "prot": "rw", "flags": ["shared"],
         "backing": {"driver": "d"}},
        {"op": "read", "pid": 1, "addr": "0x10000000"},
        {"op": "munmap", "pid": 1, "addr": "0x10000000", "pages": 1},
        {"op": "free", "driver": "d", "buf": "b"},
        {"op": "exit", "pid": 1},
    ],
}  # fmt: skip


def write(folder: Path, trace: dict[str, Any], name: str = "x.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(trace))
    return path


def test_the_leak_is_told_in_words(mmtui: Mmtui) -> None:
    done = mmtui("run", LEAK)

    assert done.status == 0  # a trace's own breakpoints are shown, not asked for
    stops = [line for line in done.out.splitlines() if "STOP" in line]
    assert len(stops) >= 1
    assert "leak" in stops[0]
    assert "page 008" in stops[0]
    assert "on 2.6.15-rc2" in done.out.splitlines()[0]


@pytest.mark.parametrize(("kernel", "status"), [("2.6.14", 0), ("2.6.15-rc2", 1), ("vm-unpaged", 0), ("2.6.15", 0)])
def test_a_break_that_was_asked_for_is_the_exit_status(mmtui: Mmtui, kernel: str, status: int) -> None:
    assert mmtui("run", LEAK, "--kernel", kernel, "--break", "leak").status == status


def test_breaks_of_jsonl_go_to_standard_error(mmtui: Mmtui) -> None:
    done = mmtui("run", LEAK, "--break", "leak", "--format", "jsonl")

    assert done.status == 1
    assert all("op" in line for line in done.objects)
    assert "leak" in done.err


def test_a_wrong_query_says_where(mmtui: Mmtui) -> None:
    done = mmtui("run", LEAK, "--break", "page.count <")

    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("mmtui: --break 'page.count <': column ")


def test_objects_are_one_per_operation(mmtui: Mmtui) -> None:
    done = mmtui("run", LEAK, "--format", "jsonl")

    assert [line["op"] for line in done.objects] == list(range(7))
    assert [line["name"] for line in done.objects] == ["alloc", "driver", "spawn", "mmap", "read", "munmap", "free"]
    assert {line["kernel"] for line in done.objects} == {"2.6.15-rc2"}
    assert {line["result"] for line in done.objects} == {"ok"}
    assert all("state" not in line and line["messages"] == [] for line in done.objects)
    assert (done.objects[4]["pfn"], done.objects[4]["faults"]) == (8, 1)


def test_states_are_those_after_each_operation(mmtui: Mmtui) -> None:
    done = mmtui("run", LEAK, "--format", "jsonl", "--state")

    counts = [line["state"]["frames"].get("8", {"count": 0})["count"] for line in done.objects]
    assert counts == [1, 1, 1, 1, 2, 2, 1]
    assert done.objects[4]["state"]["procs"]["1"]["ptes"] == {str(0x10000000): [8, "P|RW|A"]}
    assert {type(line["state"]["frames"]["8"]["free"]) for line in done.objects} == {bool}


def test_several_traces_come_one_after_the_other(mmtui: Mmtui) -> None:
    done = mmtui("run", LEAK, TRACES / "fork-cow.json", "--format", "jsonl")

    assert [line["op"] for line in done.objects if line["op"] == 0] == [0, 0]
    assert len({line["trace"] for line in done.objects}) == 2


def test_a_bug_of_the_kernel_ends_the_run_and_is_no_error(mmtui: Mmtui, tmp_path: Path) -> None:
    done = mmtui("run", write(tmp_path, BUG), "--format", "jsonl", "--state")

    assert done.status == 0
    last = done.objects[-1]
    assert (last["name"], last["result"], last["abort"]) == ("free", "BUG: __free_pages", True)
    assert "state" in last
    assert "1 operation never reached" in mmtui("run", tmp_path / "x.json").out


def test_names_from_a_trace_are_shown_harmlessly(mmtui: Mmtui, tmp_path: Path) -> None:
    path = write(tmp_path, {**BUG, "title": "[bold]\x1b]0;x\x07"})

    for options in ([], ["--state"], ["--format", "jsonl"]):
        done = mmtui("run", path, *options)
        assert all(line.isprintable() for line in done.out.splitlines())
        assert options[1:] or "\\e" in done.out  # objects have no names and no titles in them


def test_state_tables_show_vmas_ptes_and_frames(mmtui: Mmtui) -> None:
    out = mmtui("run", LEAK, "--state").out

    assert "pte 10000000  008  P|RW|A" in out
    assert "vma 10000000-10001000" in out
    assert "page 008  used  count 2" in out


ORACLE = Path(os.environ.get("MMTUI_SHARED", ROOT.parent / "shared")) / "oracle"
CASES = ["alsa_getunless.json", "alsa_unreserved_comp.json"]


@pytest.mark.skipif(not ORACLE.is_dir(), reason="the oracle is not here (MMTUI_SHARED names the folder that has it)")
@pytest.mark.parametrize(
    ("key", "kernel"), [("A", "2.6.14"), ("B", "2.6.15-rc2"), ("C", "vm-unpaged"), ("D", "2.6.15")]
)
def test_objects_are_what_the_oracle_says(mmtui: Mmtui, tmp_path: Path, key: str, kernel: str) -> None:
    for path in [ORACLE / "cases" / name for name in CASES]:
        case = json.loads(path.read_text())
        machine = {("vma_merge" if k == "merge" else k): v for k, v in case["machine"].items()}
        trace = write(tmp_path, {"mmtui": 1, "machine": machine, "ops": case["ops"]})

        done = mmtui("run", trace, "--kernel", kernel, "--format", "jsonl", "--state")

        assert [as_oracle(line) for line in done.objects] == expected(case, key)


def as_oracle(line: dict[str, Any]) -> dict[str, Any]:
    """An object of ours with the lists that stand for its objects there."""
    state = line["state"]
    vmas = {
        pid: [[v["start"], v["end"], sorted(v["flags"]), v["pgoff"], int(v["anon_vma"])] for v in process["vmas"]]
        for pid, process in state["procs"].items()
    }
    frames = {
        pfn: [int(f["free"]), f["count"], f["mapcount"], sorted(f["flags"]), f["kind"]]
        for pfn, f in state["frames"].items()
    }
    rest = {pid: [p["ptes"], p["file_rss"], p["anon_rss"]] for pid, p in state["procs"].items()}
    head = {k: line.get(k) for k in ("pfn", "value", "faults", "abort")}
    messages = line["messages"]
    return {"r": line["result"], **head, "m": messages, "v": vmas, "p": rest, "f": frames, "n": state["nfree"]}


def expected(case: dict[str, Any], key: str) -> list[dict[str, Any]]:
    state = json.loads(json.dumps(case["boot"][key]))
    found = []
    for result in case["expect"][key]:
        apply(state, result.get("d", {}))
        vmas = {
            pid: [[start, end, sorted(flags), pgoff, anon] for start, end, flags, pgoff, anon in p["vmas"]]
            for pid, p in state["procs"].items()
        }
        frames = {
            pfn: [free, count, mapcount, sorted(filter(None, flags.split("|"))), kind]
            for pfn, (free, count, mapcount, flags, kind) in state["frames"].items()
        }
        rest = {pid: [p["ptes"], p["file_rss"], p["anon_rss"]] for pid, p in state["procs"].items()}
        head = {k: result.get(k) for k in ("pfn", "value", "faults", "abort")}
        messages = result.get("m", [])
        found.append({"r": result["r"], **head, "m": messages, "v": vmas, "p": rest, "f": frames, "n": state["nfree"]})
    return found


def apply(state: dict[str, Any], delta: dict[str, Any]) -> None:
    """The delta of one result of the oracle."""
    for pid, change in delta.get("procs", {}).items():
        if change is None:
            del state["procs"][pid]
            continue
        process = state["procs"].setdefault(pid, {"vmas": [], "ptes": {}, "file_rss": 0, "anon_rss": 0})
        ptes = {**process["ptes"], **change.get("ptes", {})}
        process.update({k: v for k, v in change.items() if k not in ("new", "ptes")})
        process["ptes"] = {address: pte for address, pte in ptes.items() if pte is not None}
    frames = {**state["frames"], **delta.get("frames", {})}
    state["frames"] = {pfn: frame for pfn, frame in frames.items() if frame is not None}
    state["nfree"] = delta.get("nfree", state["nfree"])
