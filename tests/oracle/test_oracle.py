"""The engine agrees with the kernels' own code: every recorded case, every operation, every field.

The vectors are not part of mmtui. Where they are not beside the checkout (or where MMTUI_SHARED says), these tests
are skipped and the summary says `oracle: not run`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import mmtui
from tests.oracle import expected
from tests.oracle.compare import differences
from tests.oracle.expected import KERNELS, cases, files, trace_of
from tests.oracle.replay import states, unordered

PORTIONS = files()
HERE = pytest.mark.skipif(not PORTIONS, reason="the vectors are not here: set MMTUI_SHARED")
SHOWN = 5
BACKING = {"anon": True}


def _name(portion: list[Path]) -> str:
    return portion[0].name.removesuffix(".jsonl.gz") if len(portion) == 1 else portion[0].parent.name


@HERE
@pytest.mark.parametrize("model", KERNELS)
@pytest.mark.parametrize("portion", PORTIONS or [[]], ids=_name if PORTIONS else None)
def test_every_operation_leaves_the_state_that_the_kernel_left(
    portion: list[Path], model: str, record_property: Callable[[str, object], None]
) -> None:
    done, operations, wrong = 0, 0, []
    for case in cases(portion):
        count, found = differences(case, model)
        done, operations = done + 1, operations + count
        if found:
            wrong.append(f"{case['name']} {model} {found[0]}   (+{len(found) - 1})")
    record_property("oracle", [model, done, operations])

    assert not wrong, f"{len(wrong)} cases of {done} differ:\n" + "\n".join(wrong[:SHOWN])


@HERE
@pytest.mark.parametrize("model", KERNELS)
def test_the_state_that_run_prints_is_the_state_of_the_columns(model: str) -> None:
    for case in cases([path for portion in PORTIONS if _name(portion).startswith("cases") for path in portion]):
        timeline = mmtui.load(trace_of(case, KERNELS[model]))
        for row, state in zip(timeline.report(state=True), states(case, model), strict=True):
            assert unordered(row["state"]) == state, (case["name"], model, row["op"])


def test_a_difference_is_seen() -> None:
    """The comparison itself: a case that says something else is told apart, in every kind of field."""
    ops = [
        {"op": "spawn", "pid": 1},
        {"op": "mmap", "pid": 1, "addr": 4096, "pages": 1, "prot": "rw", "flags": ["private"], "backing": BACKING},
        {"op": "write", "pid": 1, "addr": 4096, "value": 5},
    ]
    vma = [4096, 8192, ["VM_READ", "VM_WRITE", "VM_MAYREAD", "VM_MAYWRITE", "VM_MAYEXEC", "VM_ACCOUNT"], 1, 0]
    process = {"vmas": [], "ptes": {}, "file_rss": 0, "anon_rss": 0, "new": True}
    touched = {"vmas": [[*vma[:4], 1]], "ptes": {"4096": [2, "P|RW|A|D"]}, "anon_rss": 1}
    after = {"procs": {"1": touched}, "frames": {"2": [0, 1, 1, "referenced|lru|active", "anon"]}, "nfree": 5}
    right = {"r": "ok", "pfn": 2, "value": 5, "faults": 1, "d": after}

    def case(last: expected.Json) -> expected.Json:
        first = {"r": "ok", "d": {"procs": {"1": process}}}
        second = {"r": "ok", "d": {"procs": {"1": {"vmas": [vma]}}}}
        boot = {"procs": {}, "frames": {str(p): [0, 1, 0, "reserved", "none"] for p in (0, 1)}, "nfree": 6, "merges": 0}
        machine = {"frames": 8, "reserved": [[0, 2]], "holes": [], "merge": True}
        return {"machine": machine, "ops": ops, "boot": {"D": boot}, "expect": {"D": [first, second, last]}}

    def wrong(**changes: object) -> expected.Json:
        return case({**right, **changes})

    assert differences(case(right), "D") == (3, [])
    assert differences(wrong(r="SIGSEGV"), "D")[1]
    assert differences(wrong(value=6), "D")[1]
    assert differences(wrong(m=[{"kind": "bad_page"}]), "D")[1]
    assert differences(wrong(abort=True), "D")[1]
    for key, value in {
        "nfree": 6, "merges": 1, "frames": {"2": [0, 2, 1, "referenced|lru|active", "anon"]},
        "procs": {"1": {**touched, "ptes": {"4096": [2, "P|A|D"]}}},
    }.items():  # fmt: skip
        assert differences(wrong(d={**after, key: value}), "D")[1], key
    for key in touched:
        less = {name: value for name, value in touched.items() if name != key}
        assert differences(wrong(d={**after, "procs": {"1": less}}), "D")[1], key
