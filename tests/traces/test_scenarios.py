"""Every sample trace on every kernel does what `stories.py` says of it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pytest

import mmtui
from tests.traces.stories import STORIES
from tests.traces.verdicts import KERNELS, Case, Run

TRACES = Path(__file__).resolve().parents[2] / "traces"
ERRNO_OR_SIGNAL = ("-E", "SIG")


@lru_cache(maxsize=len(KERNELS))
def run(name: str, kernel: str) -> Run:
    return Run(mmtui.load(TRACES / f"{name}.json", kernel=KERNELS[kernel]))


def cases(name: str, kernel: str) -> list[Case]:
    return [case for case in STORIES[name] if kernel in case.kernels]


EVERY = [pytest.param(name, kernel, id=f"{name}-{kernel}") for name in STORIES for kernel in KERNELS]


@pytest.mark.parametrize(("name", "kernel"), EVERY)
def test_the_trace_earns_its_verdict(name: str, kernel: str) -> None:
    verdicts = {case.verdict for case in cases(name, kernel) if case.verdict is not None}

    assert verdicts == {run(name, kernel).verdict()}


@pytest.mark.parametrize(("name", "kernel"), EVERY)
def test_the_operations_do_what_is_claimed(name: str, kernel: str) -> None:
    claims = tuple(claim for case in cases(name, kernel) for claim in case.claims)

    assert run(name, kernel).failures(claims) == []


@pytest.mark.parametrize(("name", "kernel"), EVERY)
def test_an_errno_or_a_signal_is_a_refused_event_and_nothing_else_is(name: str, kernel: str) -> None:
    results = enumerate(run(name, kernel).results)

    refused = {op for op, result in results if result.startswith(ERRNO_OR_SIGNAL)}

    assert run(name, kernel).refused() - _unsupported(name, kernel) == refused


def _unsupported(name: str, kernel: str) -> set[int]:
    """Whether an OOM or an operation that the kernel does not have counts as refused is left open."""
    return {op for op, result in enumerate(run(name, kernel).results) if result in ("OOM", "unsupported")}


def test_every_trace_has_a_story() -> None:
    assert {path.stem for path in TRACES.glob("*.json")} == set(STORIES)


@pytest.mark.parametrize("name", STORIES)
def test_every_stop_of_a_trace_happens_on_some_kernel(name: str) -> None:
    """But for the two that every trace has: their absence is the point of many."""
    timelines = [run(name, kernel).timeline for kernel in KERNELS]

    idle = {stop for stop in timelines[0].trace.breakpoints if not any(len(t.find(stop)) for t in timelines)}

    assert idle <= {"leak", "free_unpaged"}
