"""What all handlers share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmtui.ui.desk import Desk
    from mmtui.ui.drawers.base import Drawer
    from mmtui.ui.rows import Target


class ActionsBase:
    """Handlers of commands. Each takes what the command gives and what was typed after it on the `:` line."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def open(self, drawer: Drawer) -> None:
        """Open a drawer in the place of the one that is open; a kept draft comes back into it."""
        self.close_drawer()
        self.desk.drawer = drawer
        draft = self.desk.drafts.get(drawer.name, "")
        if draft and drawer.edit is not None and not drawer.edit.text:
            drawer.edit.put(draft)
            drawer.changed()

    def close_drawer(self, done: bool = False) -> None:
        """Close the drawer. Not `done`: everything goes back to where it was, and what was typed is kept."""
        drawer = self.desk.drawer
        if drawer is None:
            return
        self._put_draft(drawer.name, "" if done else drawer.draft())
        self.desk.drawer = None
        if not done:
            drawer.leave()

    def keep_draft(self) -> None:
        """Keep what has been typed so far where it would be missed, so that kill -9 costs no more than a moment."""
        drawer = self.desk.drawer
        if drawer is not None and drawer.precious:
            self._put_draft(drawer.name, drawer.draft())

    def _put_draft(self, name: str, draft: str) -> None:
        if draft != self.desk.drafts.get(name, ""):
            self.desk.drafts[name] = draft
            self.desk.stepper.sidecar.put("drafts", {k: v for k, v in self.desk.drafts.items() if v})


def call_number(target: Target | None) -> int | None:
    """The call whose row it is; notes use negative numbers for theirs."""
    return target.call if target is not None and target.call is not None and target.call >= 0 else None
