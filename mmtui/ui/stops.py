"""Is the position a stop, and what does the now line say about it?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmtui import words

if TYPE_CHECKING:
    from mmtui.ui.stepper import Stepper
    from mmtui.ui.view import View


def stopped_at(stepper: Stepper, view: View) -> tuple[str, str, str] | None:
    """(name, what, why) where an enabled stop hits exactly here; None elsewhere, and while a step back undoes it."""
    if view.undone or view.position == 0:
        return None

    def find() -> tuple[str, str, str] | None:
        return _find(stepper, view)

    names = tuple(stop.expr for stop in stepper.stops() if stop.on)
    return view.remember(("stopped", view.position, names), find)


def _find(stepper: Stepper, view: View) -> tuple[str, str, str] | None:
    stops = {stop.expr for stop in stepper.stops_here()}
    events = view.trouble.get(view.position - 1, [])
    named = [event for event in events if event.kind in stops or event.kind == "bug"]
    event = next(iter(named or (events if stops else [])), None)
    if event is not None:
        what, why = words.stop_text(view.timeline, event)
        return ("BUG" if event.kind == "bug" else event.kind, what, why)
    if not stops:
        return None
    said = words.transition_text(view.timeline, view.position - 1)
    return (words.plain(min(stops)), f"{said.subject}: {said.old} -> {said.new}.", said.clause)
