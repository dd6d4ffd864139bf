"""The ledger of a frame as lines that add up to page_count: the upper part of Why."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mmtui import words
from mmtui.engine.schema import UNKNOWN
from mmtui.ui.panes.common import Line, pfn_text
from mmtui.ui.rows import Row, Target

if TYPE_CHECKING:
    from mmtui.engine.timeline import Holder, Ledger
    from mmtui.ui.view import View

_SHOWN = 8
_NAME = 19
_GONE = {"owner": "freed", "cache": "dropped", "pin": "unpinned", "transit": "given up"}
"""How a holder of a kind goes; a pte is cleared."""


class LedgerLine(NamedTuple):
    """One line. `state`: `new` since the operation began, `gone` since then, `lost` (nobody holds it), or empty."""

    name: str
    ref: int
    kind: str
    op: int
    function: str
    state: str
    target: Target | None


class Columns(NamedTuple):
    """Where the parts stand: 2, 22, 27 and 34, unless a name or an operation's number is longer."""

    name: int
    ref: int
    since: int
    function: int

    @classmethod
    def fit(cls, lines: list[LedgerLine], narrow: bool) -> Columns:
        """One column further left at 80 columns. An address is never cut: what stands to its right gives way."""
        longest = max((len(line.name) for line in lines if line.kind in ("pte", "transit")), default=0)
        name = 1 if narrow else 2
        ref = name + max(_NAME, longest) + 1
        digits = max((len(str(line.op)) for line in lines), default=0)
        return cls(name, ref, ref + 5, ref + 5 + (4 if narrow else 5) + max(2, digits))


def rows(view: View, ledger: Ledger, width: int, height: int) -> tuple[list[Row], list[Row]]:
    """(heading, lines): holders, who is gone since the operation began, the sum. No lines where there is nothing."""
    narrow = view.size == "narrow"
    lines = ledger_lines(view, ledger, max(3, height - 2) if narrow else _SHOWN)
    if not lines and not ledger.count:
        return [], []
    columns = Columns.fit(lines, narrow)
    found = [_line(view, line, columns, width, _differs(view, ledger.pfn, line)) for line in lines]
    if not narrow:
        found.append(Row(Line().put(columns.ref, "\u2500" * 3 if view.glyphs == "unicode" else "---", "rule").spans))
    found.append(_sum_row(view, ledger, columns, width))
    heading = (
        Line().put(columns.name, "holder", "dim").put(columns.ref, "ref", "dim").put(columns.since, "since", "dim")
    )
    return [] if narrow else [Row(heading.spans)], found


def ledger_lines(view: View, ledger: Ledger, most: int) -> list[LedgerLine]:
    """The holders, then those that this operation took away; ptes are summed up where there are too many."""
    before = view.before_op(f"ledger {ledger.pfn}", lambda timeline: _holders(timeline.holders(ledger.pfn)))
    now = _holders(ledger)
    lines = [_holder_line(holder, _state(holder, key in before)) for key, holder in now.items()]
    lines = _grouped(lines, most)
    lost = any(line.state == "lost" for line in lines)
    gone = [
        _holder_line(holder, "gone")._replace(op=view.op)
        for key, holder in before.items()
        if key not in now and not (lost and holder.kind == "transit")
    ]
    return lines + gone[:most]


def _holders(ledger: Ledger) -> dict[tuple[str, int], Holder]:
    return {(holder.name, holder.ref): holder for holder in ledger.rows}


def _state(holder: Holder, before: bool) -> str:
    if holder.kind == "nobody":
        return "lost"
    return "" if before else "new"


def _holder_line(holder: Holder, state: str) -> LedgerLine:
    target = None
    if holder.kind == "pte":
        target = Target("pte", f"pte[{holder.pid}:{holder.address:#x}]", holder.position)
    name = words.plain(holder.name).replace("nopage for ", "nopage ")
    return LedgerLine(name, holder.ref, holder.kind, holder.op, holder.function, state, target)


def _grouped(lines: list[LedgerLine], most: int) -> list[LedgerLine]:
    """Too many ptes for the pane are one line with their sum, windows apart."""
    ptes = [line for line in lines if line.kind == "pte" and not line.state]
    if len(lines) <= most or len(ptes) < 3:
        return lines
    groups = ([line for line in ptes if line.ref], [line for line in ptes if not line.ref])
    sums = [
        group[0]._replace(name=f"{len(group)} ptes", ref=sum(line.ref for line in group)) for group in groups if group
    ]
    return [line for line in lines if line not in ptes] + sums


def _line(view: View, line: LedgerLine, columns: Columns, width: int, differs: bool) -> Row:
    role = {"": "text", "new": "recent", "gone": "recent", "lost": "alarm"}[line.state]
    row = Line().put(columns.name, line.name[: columns.ref - columns.name - 1], role)
    ref, ref_role = _ref(line, differs)
    row.put(columns.ref + 3 - len(ref), ref, ref_role)
    word, word_role = _word(view, line)
    since = (f"op {line.op:>2}" if line.op >= 0 else "boot", "dim")
    if width < columns.function + 6:
        # No room for a function: a change of this operation stands where its number would.
        row.put(columns.since, *((word, word_role) if word_role != "dim" else since))
    else:
        row.put(columns.since, *since).put(columns.function, word[: width - columns.function], word_role)
    return Row(row.spans, line.target)


def _ref(line: LedgerLine, differs: bool) -> tuple[str, str]:
    """`+1`, `~` for a window, `0` for one that is gone; and its role."""
    if not line.ref:
        text, role = "~", "recent" if line.state else "kind.D"
    elif line.state == "gone":
        text, role = "0", "recent"
    else:
        text, role = f"{line.ref:+d}", {"lost": "alarm", "": "text"}.get(line.state, "recent")
    return text, "diff" if differs else role


def _word(view: View, line: LedgerLine) -> tuple[str, str]:
    """What stands in the last column: the function since when, or what this operation did to the holder."""
    place = view.step_pte
    in_step = place is not None and line.target is not None and line.target.subject == f"pte[{place[0]}:{place[1]:#x}]"
    if line.state == "gone":
        return _GONE.get(line.kind, "cleared"), "accent" if in_step else "recent"
    return ("set", "accent") if in_step and line.state == "new" else (line.function, "dim")


def _differs(view: View, pfn: int, line: LedgerLine) -> bool:
    """Whether the other kernel's ledger has no such line."""
    twin = view.twin
    if twin is None or line.state == "gone":
        return False
    if pfn >= len(twin.machine.page.count):
        return True
    ledger = twin.timeline.holders(pfn)
    if line.state == "lost":
        return ledger.surplus != line.ref
    return (line.name, line.ref) not in {(holder.name, holder.ref) for holder in ledger.rows}


def _sum_row(view: View, ledger: Ledger, columns: Columns, width: int) -> Row:
    name = "page_count" if ledger.head == ledger.pfn else f"page_count of {pfn_text(view, ledger.head).strip()}"
    line = Line().put(columns.name, name, "text")
    role = view.role("text", ("page.count", ledger.head))
    number = words.known_text(ledger.count)
    if view.twin is not None and int(view.twin.machine.page.count[ledger.head]) != ledger.count:
        role = "diff"
    line.put(columns.ref + 3 - len(number), number, role if role in ("accent", "diff") else role + "+bold")
    wordings, verdict_role = _verdict(ledger)
    room = width - columns.since
    line.put(columns.since, next((text for text in wordings if len(text) < room), wordings[-1]), verdict_role)
    return Row(line.spans, Target("cell", f"page[{ledger.head}].count"))


def _verdict(ledger: Ledger) -> tuple[tuple[str, ...], str]:
    """The verdict, the fullest wording first, and its role."""
    surplus = ledger.surplus
    if ledger.waits:
        return ("unmapped; its free was not seen yet", "free not seen yet"), "dim"
    if ledger.count == UNKNOWN:
        return ("not seen by the recorder", "not recorded"), "dim"
    if surplus > 0 and not any(holder.kind == "nobody" for holder in ledger.rows):
        return (f"{surplus} on its way",), "dim"
    if surplus > 0:
        return (f"{surplus} more than is held", f"{surplus} too many", f"{surplus} lost"), "alarm"
    if surplus < 0:
        return (f"{-surplus} fewer than hold it", f"{-surplus} too few"), "alarm"
    return ("all held" if ledger.count else "nobody holds it",), "dim"
