"""Queries given on the command line, and their hits in words."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from mmtui.engine import query
from mmtui.engine.query_tree import And, Field, Node, Not, Or, conjunctions

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline

_OPPOSITE: Final = {"<": ">=", "<=": ">", "==": "!=", "!=": "==", ">=": "<", ">": "<="}
SHOWN: Final = ("leak", "free_unpaged", "free_mapped", "free_owned", "stray_put", "window_on_foreign", "limbo",
                "bad_page", "bad_pte", "bug", "refused")  # fmt: skip
"""Events that a reader of a replay wants to see; the others are its ordinary course."""


class Stop(NamedTuple):
    """A place where a query stops: its position, its name (`6.12`), what is there in words, and why (may be "")."""

    position: int
    place: str
    what: str
    why: str


def compiled(text: str, option: str) -> query.Query:
    """The query that a person typed after `option`; a wrong one is a usage error that says where it is wrong."""
    try:
        return query.compile(text)
    except query.QueryError as e:
        raise click.UsageError(f"{option} '{shortened(text)}': {e}") from None


def shortened(text: str) -> str:
    """A query to be quoted in an error: its beginning is enough to know it by."""
    return text if len(text) <= 60 else text[:57] + "..."


def opposite(text: str, option: str) -> query.Query:
    """The query that stops where a condition stops being true. Conditions are comparisons, joined by `and`."""
    tree = _opposite(compiled(text, option).tree)
    if tree is None:
        raise click.UsageError(f"{option} '{shortened(text)}': expected comparisons (page.count >= 0), joined by `and`")
    return query.Query(text, tree, tuple(conjunctions(tree, query.MAX_ALTERNATIVES)))


def _opposite(node: Node) -> Node | None:
    match node:
        case Field(compare=str(compare)) if compare in _OPPOSITE:
            return replace(node, compare=_OPPOSITE[compare])
        case Not(node=Field(compare=str()) as inner):
            return inner
        case And(nodes=nodes):
            opposites = [_opposite(part) for part in nodes]
            return Or(tuple(part for part in opposites if part is not None)) if None not in opposites else None
    return None


def stop_at(timeline: Timeline, position: int, text: str) -> Stop:
    """The hit of the query `text` at a position, in words: the event that it asked for, else the change there."""
    from mmtui import words

    place = timeline.place_name(position)
    events = [event for event in timeline.events() if event.position == position]
    asked = set(re.findall(r"\w+", text))
    named = [event for event in events if event.kind in asked] or [event for event in events if event.kind in SHOWN]
    if named:
        what, why = words.stop_text(timeline, named[0])
        return Stop(position, place, f"{named[0].kind}  {what}", why)
    change = words.transition_text(timeline, position - 1)
    where = f"in {change.function}" if change.function else ""
    return Stop(position, place, f"{change.subject}  {change.old} -> {change.new}", where)
