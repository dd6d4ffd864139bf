"""Who may import whom."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mmtui

PACKAGE = Path(mmtui.__file__).parent
ALLOWED = {
    "engine": {"mmtui.engine"},
    "trace": {"mmtui.engine", "mmtui.trace", "mmtui.version", "mmtui"},
}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def runtime_imports(path):
    """Without those that stand under `if TYPE_CHECKING`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typed = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typed:
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


@pytest.mark.parametrize("layer", ALLOWED)
def test_a_layer_imports_nothing_above_it(layer):
    for path in (PACKAGE / layer).rglob("*.py"):
        for name in runtime_imports(path):
            if name.split(".")[0] == "mmtui":
                allowed = any(name == ok or (ok != "mmtui" and name.startswith(ok + ".")) for ok in ALLOWED[layer])
                assert allowed, f"{path.name}: {name}"


def test_nothing_but_the_screen_imports_textual():
    for path in PACKAGE.rglob("*.py"):
        if "ui" not in path.relative_to(PACKAGE).parts:
            for name in imports(path):
                if name.split(".")[0] == "textual":
                    where = path.relative_to(PACKAGE)
                    assert where.parts[0] in ("cli", "formats"), where


@pytest.mark.parametrize("module", ["mmtui", "mmtui.engine.timeline", "mmtui.loading", "mmtui.words"])
def test_importing_the_engine_loads_no_screen(module):
    code = f"import {module}, sys; print([m for m in ('textual', 'rich', 'click') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
