"""Reading queries: the tree that comes out, and where a mistake is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmtui.engine.query import QueryError, completions
from mmtui.engine.query import compile as compile_query
from mmtui.engine.query_lang import MAX_TEXT, parse
from mmtui.engine.query_tree import (
    Address,
    And,
    Call,
    Event,
    Field,
    Frame,
    Message,
    Not,
    Operation,
    Or,
    Pid,
    VmaFlag,
    conjunctions,
)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("leak", Event("leak")),
        ("leak.why == orphan", Event("leak", "orphan")),
        ("leak.why != stuck", Event("leak", "stuck", equal=False)),
        ('bug.why == "BUG: put_page"', Event("bug", "BUG: put_page")),
        ("double_free", Message("double_free")),
        ("message", Message(None)),
        ("call do_wp_page", Call("do_wp_page")),
        ("call __free_pages", Call("__free_pages")),
        ("op fork", Operation("fork")),
        ("pid 3", Pid(3)),
        ("pfn 66", Frame(66)),
        ("pfn 0x42", Frame(66)),
        ("addr 0xb7f02000", Address(0xB7F02000)),
        ("vma.VM_UNPAGED", VmaFlag("VM_UNPAGED")),
        ("page.count < 1", Field("page", "count", (), "<", 1)),
        ("page.count = 1", Field("page", "count", (), "==", 1)),
        ("page.mapcount == -1", Field("page", "mapcount", (), "==", -1)),
        ("page[8].count<1", Field("page", "count", (8,), "<", 1)),
        ("page[8]", Field("page", None, (8,))),
        ("pte[2:0x1000]", Field("pte", None, (2, 0x1000))),
        ("pte.pfn == 8", Field("pte", "pfn", (), "==", 8)),
        ("vma.vm_flags has VM_IO", Field("vma", "vm_flags", (), "has", 0, "VM_IO")),
        ("page.flags has PG_reserved", Field("page", "flags", (), "has", 0x400)),
        ("page.flags has 0x414", Field("page", "flags", (), "has", 0x414)),
        ("pte.val has RW", Field("pte", "val", (), "has", 2)),
        ("task.state == exiting", Field("task", "state", (), "==", 2)),
        ("task.name == aplay", Field("task", "name", (), "==", 0, "aplay")),
        ("trace.result == -EACCES", Field("trace", "result", (), "==", 0, "-EACCES")),
        ("not leak", Not(Event("leak"))),
        ("leak or free and pid 1", Or((Event("leak"), And((Event("free"), Pid(1)))))),
        ("(leak or free) and pid 1", And((Or((Event("leak"), Event("free"))), Pid(1)))),
    ],
)
def test_a_query_reads_as(text, tree):
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("leek", 'column 1: "leek" is no event, no field and no word of a query. Did you mean leak?'),
        ("leak and", "column 9: expected an event (leak), call, op, pid, pfn, addr, vma.FLAG or a field"),
        ("", "column 1: expected an event (leak)"),
        ("(leak", "column 6: expected and, or, or the ) of column 1, the query ends."),
        ("leak)", "column 5: this ) closes nothing"),
        ("leak free", 'column 6: expected and, or, or the end, got "free".'),
        ("leak && free", 'column 6: "&" has no meaning here: write "and"'),
        ("!leak", 'column 1: "!" has no meaning here: write "not"'),
        ("pfn 1f3", 'column 5: "1f3" is not a number: decimal, or 0x and hex digits'),
        ("pfn x", 'column 5: expected a frame number, got "x".'),
        ("pid", "column 4: expected a process id, the query ends."),
        ("call", "column 5: expected the name of a kernel function, the query ends."),
        ("call do_wp_pge", 'column 6: no kernel model logs calls of "do_wp_pge". Did you mean do_wp_page?'),
        ("vma.VM_LOCK", "Did you mean VM_LOCKED?"),
        ("VM_IO", "column 1: VM_IO is a flag: write vma.VM_IO"),
        ("page.cont < 1", 'column 6: page has no field "cont"'),
        ("page", 'column 5: expected "." and a field of page'),
        ("page.count < x", 'column 14: expected a number, got "x".'),
        ("page.count <", "column 13: expected a number, the query ends."),
        ("page.count has 3", "column 12: expected one of < <= == != >= > (page.count holds no flags)"),
        ("page.flags has reservd", "Did you mean reserved?"),
        ("leak.why == orphn", "column 13: expected a reason of a leak"),
        ("leak.when == 3", 'column 6: expected why, got "when".'),
        ("task.name < 3", "column 11: expected == or != (task.name is a name)"),
        ("task.state == dead", "expected a number or one of none, running, exiting"),
        ("driver[3]", 'column 7: expected "." and a field of driver (only page, vma, pte, mm, task take [ ])'),
        ("pte[2]", 'column 6: expected ":" as in pte[PID:ADDR], got "]".'),
        ("pte[2:0x10", 'column 11: expected "]" as in pte[PID:ADDR], the query ends.'),
        ('task.name == "sh', 'column 14: this " has no closing "'),
        ("pfn 99999999999999999999999", "is too large: at most 63 bits"),
        ("\x1b[31m", 'column 1: "\\u001b" has no meaning here'),
        ('leak "\x1b[31m"', 'column 6: expected and, or, or the end, got ""\\u001b[31m"".'),
        ("not " * 80 + "leak", "more than 60 levels of not and parentheses"),
        ("leak or " * 1000, f"at most {MAX_TEXT} are read"),
    ],
)
def test_a_wrong_query_says_where_and_what_could_stand_there(text, message):
    with pytest.raises(QueryError) as caught:
        compile_query(text)

    assert message in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_query_with_too_many_alternatives_is_refused():
    both = "(leak or free)"

    with pytest.raises(QueryError, match="more than 256 alternatives"):
        compile_query(" and ".join([both] * 9))
    assert len(compile_query(" and ".join([both] * 8)).alternatives) == 256


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("le", ["leak"]),
        ("leak", ["and", "or"]),
        ("vma.VM_RES", ["VM_RESERVED"]),
        ("leak.why == ", ["orphan", "surplus", "stuck", "confirmed"]),
        ("nonsense here", []),
    ],
)
def test_completions_are_what_could_stand_next(text, words):
    assert completions(text) == words


def truth(node, facts):
    """The value of a tree of events when just those in `facts` happened."""
    if isinstance(node, Not):
        return not truth(node.node, facts)
    if isinstance(node, And | Or):
        return (all if isinstance(node, And) else any)(truth(child, facts) for child in node.nodes)
    return node.kind in facts


EVENTS = st.sampled_from(["leak", "free", "fault"])
TREES = st.recursive(
    EVENTS.map(Event),
    lambda node: st.one_of(
        node.map(Not), st.lists(node, min_size=2, max_size=3).map(tuple).flatmap(
            lambda nodes: st.sampled_from([And(nodes), Or(nodes)])
        )
    ),
    max_leaves=6,
)  # fmt: skip


@given(TREES, st.sets(EVENTS))
def test_the_alternatives_of_a_tree_mean_what_the_tree_means(tree, facts):
    alternatives = conjunctions(tree, 10_000)

    flat = any(all((term.kind in facts) == wanted for term, wanted in each) for each in alternatives)

    assert flat == truth(tree, facts)


@given(st.text(max_size=60))
def test_any_text_is_a_query_or_a_query_error(text):
    try:
        query = compile_query(text)
    except QueryError as error:
        assert 1 <= error.column <= max(len(text), 0) + 1
        return
    assert query.text == text


VOCABULARY = "leak free and or not ( ) call op pid pfn addr page . count < 1 0x8 [ ] : vma VM_IO has -1 why == orphan"
WORDS = st.sampled_from(VOCABULARY.split())


@given(st.lists(WORDS, max_size=12).map(" ".join))
def test_any_row_of_words_is_a_query_or_a_query_error(text):
    try:
        compile_query(text)
    except QueryError as error:
        assert error.message


def documented():
    """Every query of docs/QUERIES.md: the first code of each row of its table, and the indented lines."""
    text = (Path(__file__).parents[2] / "docs" / "QUERIES.md").read_text(encoding="utf-8")
    rows = [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")]
    return rows + [line.strip() for line in text.splitlines() if line.startswith("    ")]


@pytest.mark.parametrize("text", documented())
def test_what_the_documentation_shows_is_a_query(text):
    assert compile_query(text).alternatives
