"""The tree of a query: frozen nodes, and the same tree as a list of alternatives."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """An event of a kind; with `why`, one whose reason is (or is not) that."""

    kind: str
    why: str | None = None
    equal: bool = True


@dataclass(frozen=True)
class Message:
    """Something that the kernel printed; None: anything."""

    kind: str | None


@dataclass(frozen=True)
class Call:
    """Inside a call of a kernel function."""

    function: str


@dataclass(frozen=True)
class Operation:
    """Inside an operation of this name."""

    name: str


@dataclass(frozen=True)
class Pid:
    """Inside an operation of this process."""

    pid: int


@dataclass(frozen=True)
class Frame:
    """About a page frame."""

    pfn: int


@dataclass(frozen=True)
class Address:
    """About the page at a user address, in any process."""

    address: int


@dataclass(frozen=True)
class VmaFlag:
    """A vma that maps the frame or the address has this flag."""

    flag: str


@dataclass(frozen=True)
class Field:
    """A field changed; with `compare`, it came to satisfy the comparison.

    `ids` narrows it to one subject (`page[8]`); `field` None is any field of it. A string value stands in `text`.
    """

    kind: str
    field: str | None
    ids: tuple[int, ...] = ()
    compare: str | None = None
    value: int = 0
    text: str | None = None


@dataclass(frozen=True)
class Not:
    """Not that."""

    node: Node


@dataclass(frozen=True)
class And:
    """All of them."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Or:
    """Any of them."""

    nodes: tuple[Node, ...]


Term = Event | Message | Call | Operation | Pid | Frame | Address | VmaFlag | Field
Node = Term | Not | And | Or


def conjunctions(node: Node, limit: int) -> list[tuple[tuple[Term, bool], ...]]:
    """The tree as a list of alternatives, each a tuple of (term, wanted); ValueError beyond `limit` of them."""
    return _alternatives(node, True, limit)


def _alternatives(node: Node, wanted: bool, limit: int) -> list[tuple[tuple[Term, bool], ...]]:
    if isinstance(node, Not):
        return _alternatives(node.node, not wanted, limit)
    if not isinstance(node, And | Or):
        return [((node, wanted),)]
    parts = [_alternatives(child, wanted, limit) for child in node.nodes]
    if isinstance(node, Or) == wanted:
        found = [alternative for part in parts for alternative in part]
    else:
        found = [()]
        for part in parts:
            if len(found) * len(part) > limit:
                raise ValueError
            found = [left + right for left in found for right in part]
    if len(found) > limit:
        raise ValueError
    return found
