"""Settings: files, environment, flags, and what is said about mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmtui.ui import config


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "user").mkdir()
    (tmp_path / "work" / "deep").mkdir(parents=True)
    monkeypatch.setenv("MMTUI_CONFIG_DIR", str(tmp_path / "user"))
    monkeypatch.chdir(tmp_path / "work" / "deep")
    for setting in config.SETTINGS.values():
        if setting.env:
            monkeypatch.delenv(setting.env, raising=False)


def user(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "user" / "config.toml"
    path.write_text(text)
    return path


def test_without_files_everything_has_its_default() -> None:
    settings = config.load()

    assert settings["ui.theme"] == "auto"
    assert settings.keymap["n"] == "time.op"
    assert settings.files == ()


def test_the_later_place_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user(tmp_path, '[ui]\ntheme = "light"\nglyphs = "ascii"\nmouse = false\noverlay = "age"\n')
    (tmp_path / "work" / ".mmtui.toml").write_text('[ui]\nglyphs = "unicode"\nmouse = true\noverlay = "count"\n')
    monkeypatch.setenv("MMTUI_MOUSE", "off")

    settings = config.load({"ui.overlay": "holder"})

    assert [settings[f"ui.{n}"] for n in ("theme", "glyphs", "mouse", "overlay")] == [
        "light",
        "unicode",
        False,
        "holder",
    ]


def test_keys_by_id(tmp_path: Path) -> None:
    user(tmp_path, '[keys]\npreset = "vi"\ntime.op = "f2"\n')

    settings = config.load()

    assert settings.keymap["f2"] == "time.op"
    assert settings.keymap["n"] == "time.hit"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[ui]\nthem = "dark"', "ui.them: unknown setting; did you mean ui.theme?"),
        ('[uii]\ntheme = "dark"', "uii: unknown section; did you mean ui?"),
        ("ui = 3", "ui: expected a table, [ui]"),
        (
            '[ui]\ntheme = "drak"',
            "ui.theme: 'drak' is not one of auto, dark, light, cvd, mono, ansi; did you mean dark?",
        ),
        ("[ui]\ntheme = 3", "ui.theme: expected text, got 3"),
        ('[ui]\nmouse = "yes"', "ui.mouse: expected true or false, got 'yes'"),
        ("[play]\nops_per_second = 0", "play.ops_per_second: expected a number from 0 to 1000, got 0"),
        ("[log]\nhide = [1]", "log.hide: expected a list of names"),
        ('[keys]\ntime.opp = "x"', "keys.time.opp: unknown command; did you mean time.op?"),
        (
            '[keys]\ntime.op = "s"',
            'keys.time.op: s already means time.transition; give that another key: time.transition = "..."',
        ),
        ("[keys]\ntime.op = 3", 'keys.time.op: expected keys as text, as in "n,f10"'),
        ('[keys]\npreset = "emacs"', "keys.preset: 'emacs' is not one of gdb, vi, ide"),
    ],
)
def test_mistakes_name_file_place_and_hint(tmp_path: Path, text: str, problem: str) -> None:
    path = user(tmp_path, text)

    with pytest.raises(config.ConfigError) as caught:
        config.load()

    assert caught.value.problems == [f"{path}: {problem}"]


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    user(tmp_path, '[ui]\nthem = "dark"\nmouse = 3\n[nothing]\n')

    with pytest.raises(config.ConfigError) as caught:
        config.load()

    assert len(caught.value.problems) == 3


def test_what_is_not_toml(tmp_path: Path) -> None:
    path = user(tmp_path, "[ui\n")

    with pytest.raises(config.ConfigError, match="not TOML") as caught:
        config.load()

    assert str(path) in caught.value.problems[0]


def test_a_wrong_variable_names_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMTUI_THEME", "pink")

    with pytest.raises(config.ConfigError, match=r"^MMTUI_THEME: ui\.theme: 'pink' is not one of"):
        config.load()


def test_the_docs_name_every_setting_with_its_default_and_variable() -> None:
    rows = {}
    for line in (Path(__file__).parents[2] / "docs" / "SETTINGS.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and cells[0].startswith("`"):
            rows[cells[0].strip("`")] = (cells[2], cells[3].strip("`"))

    def said(value: object) -> str:
        return str(value).lower() if isinstance(value, bool) else "[]" if value == () else str(value)

    assert rows == {s.name: (said(s.default), s.env) for s in config.SETTINGS.values()}


def test_the_keys_that_the_docs_propose_for_other_keyboards_are_free() -> None:
    from mmtui.ui.keymap import build

    own = {"time.hit": ";", "time.hit-back": "comma", "time.mark": "!", "time.mark-back": "$"}

    assert build("gdb", own)[","] == "time.hit-back"
