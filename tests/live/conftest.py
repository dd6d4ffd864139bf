"""What the tests of recordings share: a recorder that runs, where this machine lets it, and stored recordings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.live.recorder import ROOT, run


@pytest.fixture(scope="session")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A machine that allows recording with faults; the tests that ask for it are skipped where it does not."""
    cwd = tmp_path_factory.mktemp("probe")
    done = run("-o", "probe.jsonl", "--", "true", cwd=cwd)
    if done.returncode or "only system calls" in done.stderr:
        pytest.skip(f"this machine does not allow recording: {done.stderr.strip()}")
    return done.stderr


@pytest.fixture
def frames(recorder: str) -> None:
    """A recorder that sees frames."""
    if "frame numbers" in recorder:
        pytest.skip("frame numbers are hidden from this user (not root)")


@pytest.fixture(scope="session")
def samples() -> Path:
    """The stored recordings of real programs."""
    folder = Path(os.environ.get("MMTUI_SHARED", ROOT.parent / "shared")) / "live" / "rec"
    if not folder.is_dir():
        pytest.skip("no stored recordings here (MMTUI_SHARED names the folder that has live/rec)")
    return folder
