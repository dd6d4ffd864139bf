"""The house is in order: lint, types, the README's commands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"


def run(*command):
    return subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True)


def test_ruff_finds_nothing():
    pytest.importorskip("ruff")
    found = run("ruff", "check", "--output-format", "concise", ".")
    assert found.returncode == 0, found.stdout[-4000:]


def test_mypy_finds_nothing():
    pytest.importorskip("mypy")
    found = run("mypy", "mmtui")
    assert found.returncode == 0, found.stdout[-4000:]


def test_ci_runs_the_readmes_test_command():
    block = re.search(r"<!-- test -->\n```sh\n(.+?)\n```", README.read_text(), re.S)
    assert block is not None
    assert "pytest" in block[1]
    assert "\n" not in block[1], "one command"
    assert "<!-- test -->" in (ROOT / ".ci" / "run").read_text()


def test_the_product_does_not_point_outside_its_checkout():
    outside = re.compile(r"\.\./shared|/work/|/root/")
    code, traces, docs = (ROOT / "mmtui").rglob("*.py"), (ROOT / "traces").glob("*.json"), (ROOT / "docs").rglob("*.md")
    for path in (*code, *traces, README, *docs):
        assert not outside.search(path.read_text(encoding="utf-8")), path
