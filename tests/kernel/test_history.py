"""A release restates whole functions, each with the change that made it so, and nothing else."""

from __future__ import annotations

import ast
import inspect
from itertools import pairwise
from pathlib import Path
from types import FunctionType

import pytest

from mmtui.engine.kernel import RELEASES
from mmtui.engine.kernel.model import Gone

KERNEL = Path(inspect.getfile(RELEASES["2.6.14"])).parent
LATER = [(name, model) for name, model in RELEASES.items() if name not in ("2.6.14", "6.x")]


def functions(model):
    return {name: value for name, value in vars(model).items() if isinstance(value, FunctionType)}


def inherited(model, name):
    for base in model.__mro__[1:]:
        if name in vars(base):
            return vars(base)[name]
    return None


@pytest.mark.parametrize(("release", "model"), LATER)
def test_every_function_of_a_release_names_its_change(release, model):
    for name, function in functions(model).items():
        first, commit, subject = function.since_
        assert first.startswith("2.6.15-rc"), name
        assert len(commit) >= 11, name
        assert all(c in "0123456789abcdef" for c in commit), name
        assert subject, name


@pytest.mark.parametrize(("release", "model"), LATER)
def test_a_restated_function_keeps_its_signature_and_changes_its_body(release, model):
    for name, function in functions(model).items():
        before = inherited(model, name)
        if not isinstance(before, FunctionType):
            continue
        assert inspect.signature(function) == inspect.signature(before), name
        assert body(function) != body(before), f"{name} says what its parent says"


def body(function):
    tree = ast.parse(inspect.cleandoc("\n" + inspect.getsource(function)).replace("    @", "@"))
    node = tree.body[0]
    statements = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return ast.dump(ast.Module(statements, []))


def test_no_model_function_calls_super_or_keeps_state_outside_cells():
    for path in KERNEL.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id != "super", path
            targets = node.targets if isinstance(node, ast.Assign) else ()
            for target in targets:
                for part in target.elts if isinstance(target, ast.Tuple) else [target]:
                    if isinstance(part, ast.Attribute) and path.name not in ("model.py",):
                        assert ast.unparse(part).startswith("self.index."), f"{path.name}: {ast.unparse(part)}"


def test_a_function_that_is_gone_is_really_gone():
    assert isinstance(vars(RELEASES["2.6.15"])["incomplete_pfn_remap"], Gone)

    from mmtui.engine.instrument import build

    assert "incomplete_pfn_remap" in build(RELEASES["2.6.15-rc5"]).by_name
    assert "incomplete_pfn_remap" not in build(RELEASES["2.6.15"]).by_name


def test_the_models_stand_in_the_order_of_history():
    names = list(RELEASES)
    assert names[:6] == ["2.6.14", "2.6.15-rc2", "vm-unpaged", "2.6.15-rc3", "2.6.15-rc5", "2.6.15"]
    for before, after in pairwise(names[:6]):
        assert RELEASES[before] in RELEASES[after].__mro__[1:2]
