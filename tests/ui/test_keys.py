"""The registry of commands, the key presets, the user's own keys."""

from __future__ import annotations

import pytest

from mmtui.ui.actions import Actions
from mmtui.ui.commands import ALIASES, COMMANDS, FOOTER, PRESETS, matching
from mmtui.ui.keymap import NEVER, KeyMapError, arrived, build, keys_of, parse_keys, shown
from mmtui.ui.keys_app import KeysApp, describe


def test_every_command_has_a_handler() -> None:
    missing = [command.id for command in COMMANDS.values() if not callable(getattr(Actions, command.handler, None))]

    assert missing == []


def test_every_way_back_leads_back_again() -> None:
    pairs = [(command.id, command.back) for command in COMMANDS.values() if command.back]

    assert pairs
    assert all(COMMANDS[back].back == there for there, back in pairs)


def test_footer_and_short_names_name_commands() -> None:
    named = {*ALIASES.values(), *(name for names in FOOTER.values() for name in names)}

    assert named <= set(COMMANDS)


@pytest.mark.parametrize("preset", PRESETS)
def test_no_key_of_a_preset_means_two_things(preset: str) -> None:
    keys = [key for command in COMMANDS.values() for key in command.defaults(preset)]

    assert sorted(keys) == sorted(set(keys))


@pytest.mark.parametrize("preset", PRESETS)
def test_no_preset_binds_a_key_that_arrives_as_another(preset: str) -> None:
    assert not set(build(preset)) & set(NEVER)


@pytest.mark.parametrize(
    ("preset", "key", "id"),
    [
        ("gdb", "n", "time.op"),
        ("gdb", "N", "time.op-back"),
        ("gdb", "s", "time.transition"),
        ("gdb", "W", "time.change-back"),
        ("gdb", "shift+f5", "time.stop-back"),
        ("vi", "n", "time.hit"),
        ("vi", "s", "time.op"),
        ("vi", ",", "time.transition-back"),
        ("ide", "f10", "time.op"),
        ("ide", "n", "time.op"),
    ],
)
def test_keys_of_the_presets(preset: str, key: str, id: str) -> None:
    assert build(preset)[key] == id


def test_the_ide_preset_shows_function_keys_first() -> None:
    assert keys_of(build("ide"), "time.op")[0] == "f10"


def test_lower_case_goes_forward_and_upper_case_back() -> None:
    keymap = build("gdb")

    for letter in "nsfcwa":
        assert COMMANDS[keymap[letter]].back == keymap[letter.upper()]


def test_own_keys_replace_the_defaults() -> None:
    keymap = build("gdb", {"time.op": "x,f2", "proc.all": ""})

    assert (keymap["x"], keymap["f2"]) == ("time.op", "time.op")
    assert "n" not in keymap


def test_a_clash_names_both_commands() -> None:
    with pytest.raises(KeyMapError, match=r"time\.op: s already means time\.transition"):
        build("gdb", {"time.op": "s"})


def test_two_own_keys_that_clash_are_an_error() -> None:
    with pytest.raises(KeyMapError, match=r"also bound to find"):
        build("gdb", {"find": "f2", "model": "f2"})


def test_an_unknown_command_gets_a_hint() -> None:
    with pytest.raises(KeyMapError, match=r"time\.opp: unknown command; did you mean time\.op\?"):
        build("gdb", {"time.opp": "x"})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("ctrl+i", "ctrl+i arrives as tab; choose another key"),
        ("hyper+x", "hyper: unknown modifier; there are ctrl, shift, alt"),
        ("pagdown", "pagdown: unknown key; did you mean pagedown?"),
    ],
)
def test_keys_that_cannot_be(text: str, problem: str) -> None:
    assert parse_keys(text)[1] == problem


def test_a_comma_is_spelled() -> None:
    assert parse_keys("comma, f10") == ([",", "f10"], None)


@pytest.mark.parametrize(
    ("key", "character", "name"),
    [
        ("n", "n", "n"),
        ("right_curly_bracket", "}", "}"),
        ("space", " ", "space"),
        ("f10", None, "f10"),
        ("tab", "\t", "tab"),
    ],
)
def test_how_a_key_arrives(key: str, character: str | None, name: str) -> None:
    assert arrived(key, character) == name


def test_how_keys_are_shown() -> None:
    assert [shown(key) for key in ("n", "f10", "shift+tab", "ctrl+p", "+", "escape")] == [
        "n", "F10", "shift+Tab", "ctrl+p", "+", "Esc",
    ]  # fmt: skip


def test_mmtui_keys_says_what_a_key_does() -> None:
    line = describe("right_curly_bracket", "}", build("gdb"))

    assert line.split(None, 2) == ["right_curly_bracket", "}", "time.mark: the next mark or note"]


def test_commands_are_found_by_scattered_letters() -> None:
    assert matching("tmop")[0].id == "time.op"
    assert matching("zoom")[0].id == "pane.zoom"


async def test_mmtui_keys_shows_what_arrives_and_ends_at_a_second_escape() -> None:
    app = KeysApp(build("gdb"))
    async with app.run_test(size=(80, 10)) as pilot:
        await pilot.press("n", "f10", "ctrl+q")
        lines = list(app._lines_widget.lines)
        await pilot.press("escape", "escape")

    assert [line.split()[0] for line in lines[3:]] == ["n", "f10", "ctrl+q"]
    assert lines[3].endswith("time.op: to the end of the operation: over")
    assert not app.is_running
