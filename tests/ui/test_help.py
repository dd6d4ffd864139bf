"""The help screen: every command can be found and done from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmtui.ui.commands import COMMANDS
from mmtui.ui.help import COLUMNS, Entry
from mmtui.ui.panes.frames import NAMES
from tests.ui.stepping import walking


async def test_the_overview_at_80x24(tmp_path: Path) -> None:
    async with walking(tmp_path, size=(80, 24)) as walk:
        await walk.press("?")

        assert walk.screen[0].startswith("─ ? Help ─")
        assert walk.screen[0].endswith("type to filter   Esc back ─")
        assert "n  N    operation" in walk.screen[4]
        assert walk.screen[-1].startswith(" Up Down scroll   Enter do it   Esc back  ")
        assert walk.screen[-1].endswith("mmtui keys  shows what a key sends")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_how_to_leave_and_how_to_name_a_mark_are_on_the_first_page(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with walking(tmp_path, size=size) as walk:
        await walk.press("?")

        assert walk.screen[2].split()[:2] == ["q", "quit,"]
        assert walk.screen[2].rstrip().endswith(":mark NAME names it")


async def test_everything_can_be_scrolled_to(tmp_path: Path) -> None:
    async with walking(tmp_path, size=(80, 24)) as walk:
        await walk.press("f1")
        seen = set(walk.screen)
        for _ in range(12):
            await walk.press("pagedown")
            seen |= set(walk.screen)
        text = "\n".join(seen)

        entries = [entry for column in COLUMNS for entry in column if isinstance(entry, Entry)]
        overview = {name for entry in entries for name in entry.ids}
        missing = [name for name in COMMANDS if name not in overview and name not in text]
        assert missing == []


@pytest.mark.parametrize(("typed", "first"), [("watch", "stop.watch"), ("zoom", "pane.zoom"), ("explain", "explain")])
async def test_typing_filters_and_enter_does_it(tmp_path: Path, typed: str, first: str) -> None:
    async with walking(tmp_path, size=(80, 24)) as walk:
        await walk.press("?")
        await walk.type(typed)

        assert first in walk.screen[2]


async def test_enter_does_the_chosen_command(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        await walk.press("?")
        await walk.type("zoom")
        await walk.press("enter")

        assert walk.desk.help is None
        assert walk.desk.zoomed == "log"


async def test_escape_leaves_help(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        before = walk.text()
        await walk.press("?", "escape")

        assert walk.text() == before


async def test_every_glyph_of_the_map_is_explained(tmp_path: Path) -> None:
    async with walking(tmp_path, size=(80, 60)) as walk:
        await walk.press("?")
        text = walk.text()

        for glyph, name in NAMES.items():
            assert glyph in ("_", "?") or f"{glyph}  {name.split()[0]}" in text


async def test_own_keys_show_in_help_and_footer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.toml").write_text('[keys]\ntime.op = "f2"\n')
    monkeypatch.setenv("MMTUI_CONFIG_DIR", str(tmp_path))
    async with walking(tmp_path, size=(80, 24)) as walk:
        assert walk.screen[-1].startswith(" F2 N op")
        await walk.press("?")

        assert "F2  N" in walk.screen[4]
