"""The query language read: text -> a tree of frozen nodes, with the column of every mistake.

    expr  := all ("or" all)*        all := one ("and" one)*        one := "not" one | "(" expr ")" | term
    term  := EVENT | EVENT.why == WORD | MESSAGE | call NAME | op NAME | pid N | pfn N | addr A
           | vma.FLAG | thing.field [OP value] | page[N] ... [.field [OP value]]
    OP    := < <= == != >= > has

What a tree means is in `query.py`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, NoReturn

from mmtui.engine import pgtable, schema
from mmtui.engine.flags import ALL_VM_FLAGS, PAGE_FLAGS
from mmtui.engine.ops import OPS
from mmtui.engine.places import EVENTS, SUBJECTS, near, read_number
from mmtui.engine.query_tree import (
    Address,
    And,
    Call,
    Event,
    Field,
    Frame,
    Message,
    Node,
    Not,
    Operation,
    Or,
    Pid,
    VmaFlag,
)

MESSAGES: Final = ("bogus_page", "private_write_reserved", "double_free", "incomplete", "message")
"""What a kernel says that is not an event already; `message` is any of them."""

COMPARE: Final = ("<", "<=", "==", "!=", ">=", ">", "has")
REASONS: Final = ("orphan", "surplus", "stuck", "confirmed")
MAX_TEXT: Final = 4000
MAX_DEPTH: Final = 60

PTE_BITS: Final[dict[str, int]] = {
    "P": pgtable.PTE_PRESENT, "RW": pgtable.PTE_RW, "A": pgtable.PTE_ACCESSED, "D": pgtable.PTE_DIRTY,
    "N": pgtable.PTE_PROTNONE, "MANAGED": pgtable.PTE_MANAGED, "REF": pgtable.PTE_REF,
}  # fmt: skip
STATES: Final[dict[str, dict[str, int]]] = {
    "task.state": {"none": 0, "running": 1, "exiting": 2},
    "vma.state": {"free": 0, "linked": 1, "detached": 2},
    "buf.state": {"none": 0, "allocated": 1, "freed": 2},
}
STRINGS: Final = frozenset({
    "task.name", "inode.name", "driver.name", "buf.name", "buf.driver", "pin.name", "trace.result", "vma.letters",
    "vma.name",
})  # fmt: skip
"""Columns whose cells hold the number of a string."""
VIRTUAL: Final[dict[str, tuple[str, ...]]] = {"pte": ("pfn",)}
"""Fields that are read out of a cell."""

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)|(?P<string>"[^"]*")|(?P<number>0[xX][0-9A-Fa-f]+\b|-?\d+\b)
      |(?P<word>-?[A-Za-z_][A-Za-z0-9_]*)|(?P<compare><=|>=|==|!=|<|>|=)|(?P<mark>[()\[\].:])""",
    re.VERBOSE | re.ASCII,
)
_LINKS: Final = ("and", "or")
_HINTS: Final = {"&": "and", "|": "or", "!": "not"}


class QueryError(ValueError):
    """A query that cannot be read: `column` (from 1), and what could stand there in `expected`."""

    def __init__(self, message: str, column: int, expected: Sequence[str] = ()) -> None:
        super().__init__(f"column {column}: {message}")
        self.message = message
        self.column = column
        self.expected = tuple(expected)


class Token(NamedTuple):
    """A word of the query and the column it starts at."""

    kind: str
    text: str
    column: int


TERMS: Final = (
    *EVENTS, *MESSAGES, "call", "op", "pid", "pfn", "addr", *schema.TABLES, "not", "(",
)  # fmt: skip
"""What a term can begin with."""


def parse(text: str) -> Node:
    """The tree of a query. QueryError: where it is wrong and what could stand there."""
    if len(text) > MAX_TEXT:
        raise QueryError(f"the query has {len(text)} characters; at most {MAX_TEXT} are read", MAX_TEXT)
    return _Parser(_tokens(text), len(text) + 1).query()


def completions(text: str) -> list[str]:
    """The words that could stand next, after `text`; [] where `text` is wrong before its end."""
    try:
        parse(f"{text.rstrip()} ")
    except QueryError as error:
        unfinished = error.column > len(text.rstrip()) or text[error.column - 1 :].strip().isidentifier()
        begun = text[error.column - 1 :].strip() if error.column <= len(text) else ""
        return [word for word in error.expected if word.startswith(begun)] if unfinished else []
    return list(_LINKS) if text.strip() else list(TERMS)


def _tokens(text: str) -> list[Token]:
    tokens, at = [], 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            _bad_character(text, at)
        if found.lastgroup != "space":
            tokens.append(Token(str(found.lastgroup), found[0], at + 1))
        at = found.end()
    return tokens


def _bad_character(text: str, at: int) -> NoReturn:
    char = text[at]
    if char == '"':
        raise QueryError('this " has no closing "', at + 1)
    if char.isdigit():
        word = re.match(r"\w+", text[at:])
        raise QueryError(f'"{word[0] if word else char}" is not a number: decimal, or 0x and hex digits', at + 1)
    shown = char if char.isprintable() else f"\\u{ord(char):04x}"
    hint = f': write "{_HINTS[char]}"' if char in _HINTS else ""
    raise QueryError(f'"{shown}" has no meaning here{hint}', at + 1)


class _Parser:
    """Recursive descent over the tokens. Each method reads one rule of the grammar."""

    def __init__(self, tokens: list[Token], end: int) -> None:
        self._tokens = tokens
        self._at = 0
        self._end = end
        self._depth = 0

    # Tokens

    def _peek(self) -> Token:
        return self._tokens[self._at] if self._at < len(self._tokens) else Token("end", "", self._end)

    def _next(self) -> Token:
        token = self._peek()
        self._at += 1
        return token

    def _take(self, *texts: str) -> bool:
        if self._peek().text in texts and self._peek().kind != "string":
            self._at += 1
            return True
        return False

    def _fail(self, expected: str, words: Iterable[str] = (), token: Token | None = None) -> NoReturn:
        at = token or self._peek()
        known = tuple(words)
        got = "the query ends" if at.kind == "end" else f"got {_quoted(at.text)}"
        hint = near(at.text, known) if at.kind == "word" else ""
        raise QueryError(f"expected {expected}, {got}.{hint}", at.column, known)

    # Rules

    def query(self) -> Node:
        node = self._any()
        if self._peek().kind != "end":
            if self._peek().text == ")":
                raise QueryError("this ) closes nothing", self._peek().column, _LINKS)
            self._fail("and, or, or the end", _LINKS)
        return node

    def _any(self) -> Node:
        nodes = [self._all()]
        while self._take("or"):
            nodes.append(self._all())
        return nodes[0] if len(nodes) == 1 else Or(tuple(nodes))

    def _all(self) -> Node:
        nodes = [self._one()]
        while self._take("and"):
            nodes.append(self._one())
        return nodes[0] if len(nodes) == 1 else And(tuple(nodes))

    def _one(self) -> Node:
        opening = self._peek()
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise QueryError(f"more than {MAX_DEPTH} levels of not and parentheses", opening.column)
        try:
            if self._take("not"):
                return Not(self._one())
            if self._take("("):
                node = self._any()
                if not self._take(")"):
                    self._fail(f"and, or, or the ) of column {opening.column}", (*_LINKS, ")"))
                return node
            return self._term()
        finally:
            self._depth -= 1

    def _term(self) -> Node:
        token = self._peek()
        if token.kind != "word" or token.text in ("and", "or", "has"):
            self._fail("an event (leak), call, op, pid, pfn, addr, vma.FLAG or a field (page.count < 1)", TERMS)
        self._next()
        word = token.text
        if word in ("call", "op", "pid", "pfn", "addr"):
            return self._named(word)
        follows = self._peek().text
        if word in schema.TABLES and follows in (".", "["):
            return self._field(word)
        if word in EVENTS:
            return self._event(word)
        if word in MESSAGES:
            return Message(None if word == "message" else word)
        if word in schema.TABLES:
            self._fail(f'"." and a field of {word}', (".", "["))
        if word in ALL_VM_FLAGS:
            raise QueryError(f"{word} is a flag: write vma.{word}", token.column, (f"vma.{word}",))
        message = f"{_quoted(word)} is no event, no field and no word of a query.{near(word, TERMS)}"
        raise QueryError(message, token.column, TERMS)

    def _named(self, word: str) -> Node:
        if word == "call":
            return self._call()
        if word == "op":
            token = self._word("the name of an operation", OPS)
            # A recording's operations are system calls and faults: any name may stand here.
            return Operation(token.text)
        if word == "pid":
            return Pid(self._number("a process id"))
        return Frame(self._number("a frame number")) if word == "pfn" else Address(self._number("an address"))

    def _call(self) -> Node:
        token = self._word("the name of a kernel function", sorted(functions()))
        if token.text not in functions():
            hint = near(token.text, functions())
            message = f"no kernel model logs calls of {_quoted(token.text)}.{hint}"
            raise QueryError(message, token.column, sorted(functions()))
        return Call(token.text)

    def _event(self, kind: str) -> Node:
        if not self._take("."):
            return Event(kind)
        field = self._word("why", ("why",))
        if field.text != "why":
            self._fail("why", ("why",), field)
        if not self._take("==", "=", "!="):
            self._fail("== or !=", ("==", "!="))
        equal = self._tokens[self._at - 1].text != "!="
        token = self._next()
        if token.kind not in ("word", "string"):
            self._fail("a reason", REASONS if kind == "leak" else (), token)
        why = token.text.strip('"')
        if kind == "leak" and why not in REASONS:
            self._fail("a reason of a leak", REASONS, token)
        return Event(kind, why, equal)

    def _field(self, kind: str) -> Node:
        ids = self._ids(kind) if self._take("[") else ()
        if not self._take("."):
            return Field(kind, None, ids)
        fields = (*schema.TABLES[kind], *VIRTUAL.get(kind, ()))
        flags = sorted(ALL_VM_FLAGS) if kind == "vma" else []
        token = self._word(f"a field of {kind}", (*fields, *flags))
        if token.text in ALL_VM_FLAGS and kind == "vma" and not ids:
            return VmaFlag(token.text)
        if token.text not in fields:
            what = f"no flag and no field of vma is {_quoted(token.text)}" if flags else (
                f"{kind} has no field {_quoted(token.text)}"
            )  # fmt: skip
            known = (*fields, *flags)
            raise QueryError(f"{what}: it has {', '.join(fields)}.{near(token.text, known)}", token.column, known)
        return self._comparison(kind, token.text, ids)

    def _comparison(self, kind: str, field: str, ids: tuple[int, ...]) -> Node:
        token = self._peek()
        if token.kind != "compare" and token.text != "has":
            return Field(kind, field, ids)
        self._next()
        compare = "==" if token.text == "=" else token.text
        name = f"{kind}.{field}"
        if name in STRINGS:
            if compare not in ("==", "!="):
                self._fail(f"== or != ({name} is a name)", ("==", "!="), token)
            return Field(kind, field, ids, compare, 0, self._string())
        bits = {"page.flags": PAGE_FLAGS, "pte.val": PTE_BITS}.get(name)
        if compare == "has":
            if name not in ("page.flags", "pte.val", "vma.vm_flags"):
                self._fail(f"one of < <= == != >= > ({name} holds no flags)", COMPARE[:-1], token)
            return Field(kind, field, ids, compare, *self._flag(name, bits))
        return Field(kind, field, ids, compare, self._value(name))

    def _flag(self, name: str, bits: dict[str, int] | None) -> tuple[int, str | None]:
        """A number of bits, or a flag's name; a vma's flag stays a name, because its bit depends on the kernel."""
        token = self._next()
        if token.kind == "number":
            return self._read(token), None
        word = token.text.removeprefix("PG_") if name == "page.flags" else token.text
        if bits is None and word in ALL_VM_FLAGS:
            return 0, word
        if bits is not None and word in bits:
            return bits[word], None
        return self._fail("a flag", bits if bits is not None else sorted(ALL_VM_FLAGS), token._replace(text=word))

    def _value(self, name: str) -> int:
        states = STATES.get(name, {})
        token = self._next()
        if token.text in states:
            return states[token.text]
        if token.kind != "number":
            self._fail("a number" + (f" or one of {', '.join(states)}" if states else ""), states, token)
        return self._read(token)

    def _string(self) -> str:
        token = self._next()
        if token.kind not in ("word", "string", "number"):
            self._fail("a name, in quotes if it is not one word", (), token)
        return token.text.strip('"') if token.kind == "string" else token.text

    def _ids(self, kind: str) -> tuple[int, ...]:
        if kind not in SUBJECTS:
            self._at -= 1
            self._fail(f'"." and a field of {kind} (only {", ".join(SUBJECTS)} take [ ])', (".",))
        shape = SUBJECTS[kind]
        numbers = [self._number(f"the number in {shape}")]
        if ":" in shape:
            if not self._take(":"):
                self._fail(f'":" as in {shape}', (":",))
            numbers.append(self._number(f"the address in {shape}"))
        if not self._take("]"):
            self._fail(f'"]" as in {shape}', ("]",))
        return tuple(numbers)

    # Words and numbers

    def _word(self, what: str, known: Iterable[str] = ()) -> Token:
        if self._peek().kind != "word":
            self._fail(what, known)
        return self._next()

    def _number(self, what: str) -> int:
        token = self._peek()
        if token.kind != "number":
            self._fail(what)
        return self._read(self._next())

    def _read(self, token: Token) -> int:
        negative = token.text.startswith("-")
        number = read_number(token.text.removeprefix("-"))
        if number is None:
            raise QueryError(f"{_quoted(token.text)} is too large: at most 63 bits", token.column)
        return -number if negative else number


@functools.cache
def functions() -> frozenset[str]:
    """Every kernel function whose calls some model logs."""
    from mmtui.engine.instrument import describe, kernel_functions
    from mmtui.engine.kernel import RELEASES

    return frozenset(
        describe(kernel, name, owner, function).name
        for kernel in RELEASES.values()
        for name, (owner, function) in kernel_functions(kernel).items()
        if hasattr(function, "kfn_")
    )


def _quoted(text: str) -> str:
    shown = f"{text[:40]}..." if len(text) > 40 else text
    return '"' + "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in shown) + '"'
