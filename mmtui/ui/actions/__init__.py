"""What the commands do. `mmtui.ui.commands` names the methods."""

from __future__ import annotations

from mmtui.ui.actions.cursors import Cursors
from mmtui.ui.actions.general import General
from mmtui.ui.actions.keeping import Keeping
from mmtui.ui.actions.looking import Looking
from mmtui.ui.actions.moves import Moves
from mmtui.ui.commands import COMMANDS


class Actions(Moves, Cursors, Looking, Keeping, General):
    """All handlers."""

    def run(self, id: str, arg: str = "") -> None:
        """Do a command by its id."""
        command = COMMANDS[id]
        getattr(self, command.handler)(command.given, arg)
