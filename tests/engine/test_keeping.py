"""A compiled model is kept beside the byte code, or in the user's cache folder where that may not be."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mmtui.engine import keeping

ROOT = Path(__file__).parents[2]
CODE = """
import sys
import mmtui
timeline = mmtui.load({"mmtui": 1, "ops": [{"op": "spawn", "pid": 1}]})
timeline.seek(len(timeline))
print(timeline.digest(), "mmtui.engine.rewriting" in sys.modules)
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A copy of mmtui that nobody has run."""
    shutil.copytree(ROOT / "mmtui", tmp_path / "site" / "mmtui", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "site"


def start(installed: Path, cache: Path, byte_code: bool) -> tuple[str, bool]:
    """(the end of a trace, whether the model was compiled)."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    kept["MMTUI_CACHE_DIR"] = str(cache)
    if not byte_code:
        kept["PYTHONDONTWRITEBYTECODE"] = "1"
    found = subprocess.run(
        [sys.executable, "-c", CODE], cwd=installed, env=kept, capture_output=True, text=True, check=True, timeout=60
    )
    digest, compiled = found.stdout.split()
    return digest, compiled == "True"


def models(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*.mmtui")]


def test_beside_the_byte_code(installed: Path, tmp_path: Path) -> None:
    digest, compiled = start(installed, tmp_path / "cache", True)
    assert compiled
    assert models(installed)
    assert not models(tmp_path / "cache")
    assert start(installed, tmp_path / "cache", True) == (digest, False)


def test_in_the_cache_folder_where_no_byte_code_is_wanted(installed: Path, tmp_path: Path) -> None:
    digest, compiled = start(installed, tmp_path / "cache", False)
    assert compiled
    assert not models(installed)
    assert len(models(tmp_path / "cache")) == 1
    assert start(installed, tmp_path / "cache", False) == (digest, False)


def test_a_changed_or_broken_one_is_compiled_again(installed: Path, tmp_path: Path) -> None:
    digest, _ = start(installed, tmp_path / "cache", False)
    flags = installed / "mmtui" / "engine" / "flags.py"
    flags.write_text(flags.read_text() + "\n")
    assert start(installed, tmp_path / "cache", False) == (digest, True)
    assert start(installed, tmp_path / "cache", False) == (digest, False)
    for path in (tmp_path / "cache").glob("*.mmtui"):
        path.write_bytes(path.read_bytes()[:100])
    assert start(installed, tmp_path / "cache", False) == (digest, True)


def test_where_nothing_can_be_kept_it_runs_all_the_same(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    assert start(installed, tmp_path / "cache", False)[1]
    assert start(installed, tmp_path / "cache", False)[1]


def test_the_models_that_were_compiled_last_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MOST", 3)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setenv("MMTUI_CACHE_DIR", str(tmp_path))
    for number in range(5):
        made = keeping.cached(f"model{number}", [], lambda: ({}, [("f", "x.py", 1)]))
        assert made == ({}, [("f", "x.py", 1)])
        for path in tmp_path.glob("model*"):
            os.utime(path, (int(path.name[5]), int(path.name[5])))
    assert sorted(name.partition(".")[0] for name in models(tmp_path)) == ["model2", "model3", "model4"]
