"""Sample stories for the panes."""

from __future__ import annotations

import pytest

import mmtui
from mmtui.engine.timeline import Timeline
from mmtui.ui.view import View
from tests.ui.panes.reading import TRACES


@pytest.fixture(scope="session")
def leak_story() -> Timeline:
    """A driver's nopage page leaks at exit, on the kernel where it does."""
    return mmtui.load(TRACES / "nopage-leak.json", "2.6.15-rc2")


@pytest.fixture(scope="session")
def fork_story() -> Timeline:
    """fork and copy-on-write of ordinary memory."""
    return mmtui.load(TRACES / "fork-cow.json", "2.6.15")


@pytest.fixture
def at_the_leak(leak_story: Timeline) -> View:
    """The view at the stop, reached by one step."""
    leak = leak_story.events("leak")[0].position
    return View(leak_story, leak - 1).at(leak)


@pytest.fixture
def copying(fork_story: Timeline) -> View:
    """The view at the first copied pte of the fork."""
    fork = next(k for k in range(fork_story.op_count) if fork_story.op(k).name == "fork")
    for position in range(fork_story.op_start(fork) + 1, fork_story.op_end(fork)):
        step = fork_story.transition(position - 1)
        if step.table == "pte" and step.old == 0:
            return View(fork_story, position - 1).at(position)
    raise AssertionError("the fork copies no pte")
