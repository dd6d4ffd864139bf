"""Whatever is said to mmtui, by a file or a person: an answer or one harmless line, quickly."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests.hostile import fuzz, targets
from tests.hostile.found import FOUND
from tests.hostile.fuzz import in_an_empty_folder, inputs, problem_with, stop_hangs
from tests.hostile.targets import TARGETS

BUDGET = {"sidecar": 500, "command_line": 500, "prompt": 500}


@pytest.fixture(autouse=True)
def folder_of_nobody(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir("/")  # undone at the end, as is the environment
    for name in [name for name in os.environ if name.startswith("MMTUI_")]:
        monkeypatch.delenv(name)
    for name in ("MMTUI_CONFIG_DIR", "MMTUI_STATE_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    old = signal.getsignal(signal.SIGPROF)
    folder = in_an_empty_folder()
    stop_hangs()
    yield
    signal.signal(signal.SIGPROF, old)
    monkeypatch.undo()
    folder.cleanup()


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("rarely", [True, False])
def test_what_was_found_once_is_dealt_with(name: str, rarely: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "rarely", lambda data, one_in: rarely)
    wrong = [(data[:200], problem) for data in FOUND[name] if (problem := problem_with(TARGETS[name], data))]

    assert wrong == []


@pytest.mark.parametrize("name", TARGETS)
def test_any_input_is_answered_quickly_and_harmlessly(name: str) -> None:
    target = TARGETS[name]
    wrong = [
        (data[:500], problem)
        for data in inputs(target, 1, BUDGET.get(name, 1500))
        if (problem := problem_with(target, data))
    ]

    assert wrong == []


def test_a_fault_and_a_hang_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The harness itself: what it is there to notice, it notices."""
    monkeypatch.setattr(fuzz, "HANGS", 0.2)

    def run(data: bytes) -> str:
        while data == b"hangs":
            pass
        return str({}[data])

    broken = fuzz.Target("broken", list, [], run)

    assert fuzz.problem_with(broken, b"x").startswith("KeyError at test_fuzz.py")
    assert fuzz.problem_with(broken, b"hangs").startswith("it hangs")
