"""A function that is put where it is called does there what it does when it is called."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmtui.engine.inline import Inliner, Inlines
from mmtui.engine.instrument import kernel_functions, module_tree
from mmtui.engine.kernel import RELEASES
from mmtui.engine.ranges import Fast


def halved(value):
    return value // 2


class Toy:
    """`called_*` are put elsewhere, `calls_*` call them."""

    def __init__(self):
        self.said = []

    def says(self, *what):
        self.said.append(what)
        return what[-1]

    def called_early(self, x):
        if x < 0:
            return -1
        if x == 0:
            self.says("zero")
            return 0
        if x % 2:
            y = x * 2
            if y > 10:
                return y
        return x + 1

    def called_changes_its_argument(self, x, by=3):
        x += by
        self.says("now", x)
        return x

    def called_for_nothing(self, x):
        if x > 3:
            self.says("more")
            return
        self.says("less")

    def called_falls_off(self, x):  # noqa: RET503
        if x > 3:
            return x

    def called_in_turn(self, a, b, c=9):
        self.says("turn", a, b, c)
        return a - b - c

    def called_nested(self, x):
        y = self.called_falls_off(x + 2) or 1
        if self.called_changes_its_argument(y, by=x) > 8:
            return self.called_falls_off(y)
        return -y

    def called_with_builtin(self, x):
        y = abs(x)
        return max(y, 2)

    def called_twice_in_a_value(self, x):
        return x * x + x

    def called_raises(self, x):
        self.says("before")
        if x > 5:
            raise ValueError(x)
        return x

    def called_again(self, x):
        if x <= 0:
            return 0
        y = self.called_again(x - 1)
        return y + x

    def calls_alone(self, x):
        self.called_for_nothing(x)
        self.called_early(x)
        self.called_for_nothing(x - 3)
        return x

    def calls_into_the_same_name(self, x):
        x = self.called_early(x)
        x = self.called_changes_its_argument(x)
        x = self.called_falls_off(x)
        return x, "end"

    def calls_a_name_of_its_own(self, x):
        y = 100
        z = self.called_early(x)
        return y, z

    def calls_in_a_test(self, x):
        if self.called_early(x) > 3:
            return "large"
        elif not self.called_falls_off(x):
            return "none"
        if self.called_falls_off(x) and self.called_early(x - 4):
            return "both"
        return "neither"

    def calls_first_and_later(self, x):
        y = self.called_early(x) + self.says("later", x)
        y += self.called_changes_its_argument(x, x)
        return self.called_early(y) - self.called_early(x)

    def calls_in_a_loop(self, x):
        total = 0
        for y in range(x):
            if y == 7:
                continue
            total += self.called_early(y)
            if total > 40:
                break
        while total > 9:
            total = self.called_changes_its_argument(total, by=-3)
        return total

    def calls_with_arguments_in_order(self, x):
        return self.called_in_turn(self.says("one", x), self.says("two", x + 1))

    def calls_with_words_in_order(self, x):
        y = self.called_in_turn(c=self.says("c", x), a=self.says("a", 2), b=halved(x))
        return y, "end"

    def calls_with_what_has_its_own_effects(self, x):
        return self.called_twice_in_a_value(self.says("once", x))

    def calls_and_shadows(self, x):
        abs, max = x, 1  # noqa: A001
        return self.called_with_builtin(abs) + max

    def calls_nested(self, x):
        y = self.called_nested(x)
        return self.called_nested(y or 5)

    def calls_what_raises(self, x):
        y = self.called_raises(x)
        return y + 1

    def calls_what_calls_itself(self, x):
        return self.called_again(x)


FUNCTIONS = {name: function for name, function in vars(Toy).items() if inspect.isfunction(function)}
CALLERS = [name for name in FUNCTIONS if name.startswith("calls_")]


def tree_of(function):
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    assert isinstance(tree.body[0], ast.FunctionDef)
    return tree.body[0]


def find(name):
    return (tree_of(FUNCTIONS[name]), FUNCTIONS[name]) if name in FUNCTIONS else None


@functools.cache
def inlined(name):
    """The function with what it calls put into it, and its text."""
    function = FUNCTIONS[name]
    tree = tree_of(function)
    tree.body = Inliner(function, Inlines(find, lambda _, body: body)).body(tree)
    around = dict(function.__globals__)
    for node in ast.walk(tree):
        if hasattr(node, "import_"):
            module, foreign = node.import_
            around[node.id] = getattr(importlib.import_module(module), foreign)
    exec(compile(ast.fix_missing_locations(ast.Module([tree], [])), "inlined", "exec"), around)
    return around[name], ast.unparse(tree)


def outcome(function, x):
    toy = Toy()
    try:
        return function(toy, x), toy.said
    except ValueError as error:
        return str(error), toy.said


@pytest.mark.parametrize("name", CALLERS)
@given(x=st.integers(-4, 40))
def test_it_does_the_same(name, x):
    assert outcome(inlined(name)[0], x) == outcome(FUNCTIONS[name], x)


@pytest.mark.parametrize("name", [name for name in CALLERS if name != "calls_what_calls_itself"])
def test_it_is_put_there(name):
    """Each of them calls less than it says; a call that is not what a statement does first may stay."""
    _, text = inlined(name)
    written = ast.unparse(tree_of(FUNCTIONS[name]))

    assert text.count("self.called_") < written.count("self.called_")


def test_a_name_of_another_module_is_imported():
    _, text = inlined("calls_and_shadows")

    assert "abs_of_builtins" in text
    assert "max_of_builtins" in text


@pytest.mark.parametrize("kernel", RELEASES)
def test_what_has_a_fast_double_is_called(kernel):
    """`ranges.Fast` stands before these functions: put elsewhere, they would not be asked for."""
    found = kernel_functions(RELEASES[kernel])

    def look(name):
        owner, function = found[name]
        return module_tree(function.__code__.co_filename)[owner.__name__, function.__name__], function

    doubles = [name for name, value in vars(Fast).items() if inspect.isfunction(value)]
    inlines = Inlines(lambda name: look(name) if name in found else None, lambda _, body: body)

    assert len(doubles) >= 3
    assert [name for name in doubles if inlines.of(*look(name))] == []
