"""`b` and `t`: a stop to be set, with a query already written for the thing at hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmtui.ui.drawers.base import ListDrawer
from mmtui.ui.drawers.trouble import trouble_rows
from mmtui.ui.lineedit import LineEdit
from mmtui.ui.rows import Row, Span

if TYPE_CHECKING:
    from mmtui.ui.chrome import Footing
    from mmtui.ui.desk import Desk
    from mmtui.ui.rows import Target

Offer = tuple[str, str]
"""A query and what it says in words."""


class StopDrawer(ListDrawer):
    """Queries to choose from, and a line to change the chosen one."""

    head = 3

    def __init__(self, desk: Desk, offers: Sequence[Offer], name: str, key: str, title: str) -> None:
        super().__init__(desk)
        self.offers = list(offers)
        self.name, self.key, self.title = name, key, title
        self.edit: LineEdit = LineEdit(self.offers[0][0] if self.offers else "")
        self.trouble: ValueError | None = None
        self.hits = 0
        self.changed()

    def footing(self) -> Sequence[Footing]:
        """Keys of the drawer."""
        return [("Up Down", "choose"), ("Enter", "stop on it"), ("Esc", "back")]

    def note(self) -> list[Span]:
        """How often it happens."""
        if self.trouble is not None or not self.edit.text.strip():
            return []
        return [(f"{self.hits} hit{'s' if self.hits != 1 else ''}", "dim")]

    def draft(self) -> str:
        """It is written anew from what is at hand."""
        return ""

    def changed(self) -> None:
        """Count what the query hits."""
        self.trouble, self.hits = None, 0
        text = self.edit.text.strip()
        if not text:
            return
        try:
            self.hits = len(self.desk.stepper.find(text))
        except ValueError as error:
            self.trouble = error

    def choose(self, index: int) -> None:
        """The chosen query goes into the line."""
        super().choose(index)
        if self.offers:
            self.edit.put(self.offers[self.chosen][0])
            self.changed()

    def enter(self) -> None:
        """Set it; one that is on already goes off."""
        text = self.edit.text.strip()
        if not text or self.trouble is not None:
            return
        stepper = self.desk.stepper
        on = not any(stop.expr == text and stop.on for stop in stepper.stops())
        stepper.set_stop(text, on)
        self.desk.close()
        self.desk.say(f"stops on {text}: {self.hits} hits" if on else f"no longer stops on {text}")
        self.desk.fresh_notes()

    def count(self) -> int:
        """How many offers."""
        return len(self.offers)

    def lines(self, width: int, height: int) -> list[Row]:
        """The query, what is wrong with it, the offers."""
        query = Row(((f" {self.key} ", "dim"), *self.edit.spans()))
        if self.trouble is not None:
            return [query, *trouble_rows(self.trouble, 3, width)]
        return [query, Row(), Row(), *self.list_rows(width, height - 3)]

    def row(self, index: int, width: int) -> Row:
        """A query and what it means."""
        query, about = self.offers[index]
        on = any(stop.expr == query and stop.on for stop in self.desk.stepper.stops())
        return Row(((f" {query:<42}  ", "text"), (about, "dim")), right=(("on", "text+bold"),) if on else ())


def stops_here(desk: Desk) -> list[Offer]:
    """What b offers: the function of this step and its callers, the kind of operation, the trouble here."""
    view = desk.view
    offers: list[Offer] = []
    names = [call.name for call in reversed(view.open_calls) if not call.name.startswith("op ")]
    offers += [(f"call {name}", "each call of this function") for name in names]
    if view.op >= 0:
        name = desk.timeline.op(view.op).name
        offers.append((f"op {name}", f"each {name} operation"))
    offers += [(event.kind, "each event of this kind") for event in view.trouble.get(view.marked, [])]
    offers += [
        ("free_unpaged", "a page is freed while an uncounted pte maps it"),
        ("leak", "a count stays above its holders"),
    ]
    return list({query: (query, about) for query, about in reversed(offers)}.values())[::-1]


def watches(desk: Desk, target: Target) -> list[Offer]:
    """What t offers for a thing: any change, becomes, crosses, freed, count below holders."""
    subject = target.subject
    if not subject:
        return []
    kind, inside = subject.partition("[")[0], subject.partition("[")[2].partition("]")[0]
    whole = f"{kind}[{inside}]"
    cell = subject if "." in subject.partition("]")[2] else ""
    offers: list[Offer] = [(cell or whole, "any change")]
    if kind == "page":
        pfn = int(inside, 0)
        count = int(desk.timeline.machine.page.count[pfn])
        offers += [
            (f"{whole}.count == {count + 1}", "its count becomes this"),
            (f"{whole}.count < {max(1, count)}", "its count falls below this"),
            (f"{whole}.flags", "a flag of it changes"),
            (f"pfn {pfn:#x} and free", "it is freed"),
            (f"pfn {pfn:#x} and leak", "its count stays above its holders"),
            (
                f"pfn {pfn:#x} and (free_unpaged or free_mapped or free_owned or stray_put)",
                "its count falls below its holders",
            ),
        ]
        if cell:
            offers.append((whole, "any change of the page"))
    elif kind == "pte":
        offers += [(f"{whole}.val == 0", "it becomes none"), (f"{whole}.val has RW", "it becomes writable")]
        offers.append((f"addr {inside.partition(':')[2]}", "anything at this address"))
    elif kind == "vma":
        offers += [(f"{whole}.vm_flags", "its flags change"), (f"{whole}.vm_end", "its end moves")]
    else:
        offers.append((f"pid {inside}", "where an operation of this process begins"))
    return offers
