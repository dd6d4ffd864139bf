"""Every trace on every kernel is what it was. A meant change: `python -m tests.traces.golden`, and read the diff."""

from __future__ import annotations

import json

import pytest

from tests.traces import golden
from tests.traces.verdicts import KERNELS

ROWS = json.loads(golden.FILE.read_text(encoding="utf-8")) if golden.FILE.exists() else {}
TRACES = sorted((golden.ROOT / "traces").glob("*.json"))


@pytest.mark.parametrize("kernel", KERNELS.values())
@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.stem)
def test_the_trace_is_what_it_was(path: golden.Path, kernel: str) -> None:
    assert golden.measure(path, kernel) == ROWS[path.stem][kernel]


def test_nothing_is_remembered_of_traces_that_are_gone() -> None:
    assert set(ROWS) == {path.stem for path in TRACES}
