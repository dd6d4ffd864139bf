"""Every promise of the README has tests, and they exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def promises() -> dict[str, list[str]]:
    """The rows of the README's table: what is promised -> the tests that it names."""
    section = (ROOT / "README.md").read_text().split("## What mmtui promises\n")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")][2:]
    return {promise: re.findall(r"`([^`]+)`", shown) for promise, shown in rows}


def defined_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_each_promise_names_a_test() -> None:
    assert len(promises()) >= 15
    assert [promise for promise, shown in promises().items() if not shown] == []


def test_each_test_that_is_named_is_there() -> None:
    named = [test for shown in promises().values() for test in shown]
    missing = [test for test in named if test.partition("::")[2] not in defined_in(test.partition("::")[0])]

    assert missing == []
    assert all(test.partition("::")[2].startswith("test_") for test in named)
