"""The next step is made ready while a person looks at this one: that changes nothing but the time that it takes."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mmtui
from mmtui.engine.schema import COLUMNS, TABLES
from mmtui.sidecar import Sidecar
from mmtui.ui import config
from mmtui.ui.desk import Desk
from mmtui.ui.paint import Painter
from mmtui.ui.theme import theme
from tests.machines import traces
from tests.ui.stepping import SIZES, TRACES

MOVES = ("time.transition", "time.op", "time.transition.back", "time.op.back", "time.call", "cursor.down", "pane.next")


class Nobody:
    """A host that does nothing."""

    def __getattr__(self, name: str) -> object:
        return lambda *_: None


def desk_of(folder: Path) -> Desk:
    timeline = mmtui.load(TRACES / "fork-cow.json")
    sidecar = Sidecar.open(folder / "fork-cow.json", folder)
    painter = Painter(theme("dark", "truecolor"))
    desk = Desk(timeline, config.load({}, {}), sidecar, painter, Nobody())  # type: ignore[arg-type]
    desk.use_timeline(timeline, 0)
    return desk


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_walk_looks_the_same_whether_or_not_its_steps_were_made_ready(
    tmp_path: Path, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmtui.ui.panes.kernels.ready", lambda view: {})  # they are there at any moment
    plain, ahead = desk_of(tmp_path), desk_of(tmp_path)
    random_ = random.Random(size[0])
    commands = [command for command in MOVES if command in plain.settings.keymap.values()]
    assert len(commands) > 4
    for desk in (plain, ahead):
        desk.compose(*size)
    for _ in range(60):
        command = random_.choice(commands)
        for kind in ahead.next_moves():
            before = ahead.view, dict(ahead.tops), ahead.timeline.position
            ahead.make_ready(kind)
            assert (ahead.view, ahead.tops, ahead.timeline.position) == before
        for desk in (plain, ahead):
            desk.run(command)

        ours, theirs = (list(map(list, desk.compose(*size))) for desk in (plain, ahead))
        assert ours == theirs, command


def test_a_step_that_was_made_ready_paints_nothing_anew(tmp_path: Path) -> None:
    desk = desk_of(tmp_path)
    desk.run("time.op")
    desk.compose(200, 60)
    desk.make_ready("transition")
    painted = len(desk.painter._kept)
    desk.run("time.transition")
    desk.compose(200, 60)

    assert len(desk.painter._kept) <= painted + 3


@settings(max_examples=25, deadline=None)
@given(trace=traces(), data=st.data())
def test_what_has_the_same_stamp_is_the_same(trace: dict[str, object], data: st.DataObject) -> None:
    timeline = mmtui.load(trace)
    seen: dict[tuple[str, int], bytes] = {}
    for place in data.draw(st.lists(st.integers(0, len(timeline)), min_size=2, max_size=20)):
        for position in (place, min(place + 1, len(timeline)), place):
            timeline.seek(position)
            for table in TABLES:
                columns = [timeline._seeker.image[info.id] for info in COLUMNS if info.table == table]
                content = b"".join(values.tobytes() for values in columns)
                assert seen.setdefault((table, timeline.stamp(table)), content) == content
