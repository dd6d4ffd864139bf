"""Rows to strips, themes, scrolling, the line that one types in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.color import Color

from mmtui.ui.lineedit import LineEdit
from mmtui.ui.paint import Painter, scroll_to
from mmtui.ui.rows import PaneRows, Row
from mmtui.ui.theme import KINDS, PALETTES, PALETTES_256, THEMES, theme

_NAMED = "bright text dim faint past rule rule_focus accent recent alarm_fill alarm diff here"
ROLES = [
    *_NAMED.split(" "),
    *(f"kind.{kind}" for kind in KINDS.split()),
]


def luminance(hex_colour: str) -> float:
    parts = [int(hex_colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", PALETTES)
@pytest.mark.parametrize("ground", ["bg", "band"])
def test_text_is_legible_on_its_background(name: str, ground: str) -> None:
    colours = PALETTES[name]

    for role in ("bright", "text", "dim", "recent", "alarm", "A", "c", "F", "N", "D", "R", "P"):
        assert contrast(colours[role], colours[ground]) >= 4.4, role
    assert contrast(colours["accent"], colours["tint"]) >= 4.5
    assert contrast(colours["fill_text"], colours["fill"]) >= 4.5


@pytest.mark.parametrize("name", PALETTES_256)
def test_256_colours_have_every_name_and_are_numbers_of_the_cube(name: str) -> None:
    assert PALETTES_256[name].keys() == PALETTES[name].keys()
    assert all(16 <= int(number) <= 255 for number in PALETTES_256[name].values())


@pytest.mark.parametrize("name", THEMES)
@pytest.mark.parametrize("system", ["truecolor", "256", "standard", None])
def test_every_role_has_a_style_in_every_theme(name: str, system: str | None) -> None:
    look = theme(name, system)

    for role in ROLES:
        style = look.style(role)
        assert (style.color is None and style.bgcolor is None) or system is not None


def test_without_colour_states_differ_by_attributes() -> None:
    look = theme("dark", None)

    styles = [look.style(role) for role in ("text", "dim", "recent", "accent", "alarm_fill", "diff")]
    assert len(set(styles)) == len(styles)
    assert all(style.color is None for style in styles)


def test_256_colours_are_exact() -> None:
    assert theme("dark", "256").style("text").bgcolor == Color.from_ansi(233)


def test_bold_and_underline_are_added() -> None:
    style = theme("dark", "truecolor").style("kind.N+bold+underline")

    assert (style.bold, style.underline) == (True, True)


def strip_text(row: Row, width: int, ascii: bool = False) -> str:
    return Painter(theme("dark", "truecolor"), ascii).row(row, width).text


def test_a_row_is_exactly_as_wide_as_its_pane() -> None:
    row = Row((("10000000-10004000 ", "text"), ("rw-s", "dim")), right=(("3/4", "dim"),))

    assert strip_text(row, 30) == "10000000-10004000 rw-s    3/4 "
    assert strip_text(row, 20) == "10000000-100040 3/4 "


@given(
    st.lists(st.tuples(st.text(max_size=12), st.sampled_from(ROLES)), max_size=5),
    st.lists(st.tuples(st.text(max_size=6), st.sampled_from(ROLES)), max_size=2),
    st.integers(1, 60),
)
def test_any_text_is_cut_to_the_width(left: list[tuple[str, str]], right: list[tuple[str, str]], width: int) -> None:
    strip = Painter(theme("dark", "truecolor")).row(Row(tuple(left), right=tuple(right)), width)

    assert strip.cell_length == width
    assert sum(segment.cell_length for segment in strip) == width


def test_escapes_of_a_trace_are_only_text() -> None:
    assert strip_text(Row((("a\x1b[31m\x07\u202eb\nc", "text"),)), 14) == "a?[31m??b?c   "


def test_structure_has_an_ascii_form() -> None:
    assert strip_text(Row((("▸ ▾ · ─ ≠", "text"),)), 9, ascii=True) == "+ v . - !"


def test_a_filled_row_keeps_the_fill() -> None:
    look = theme("dark", "truecolor")
    strip = Painter(look).row(Row(((" STOP", "text"),), fill="alarm_fill"), 10)

    assert {segment.style for segment in strip} == {look.style("alarm_fill")}


def rows(count: int, cursor: int | None = None, changed: tuple[int, ...] = (), follow: str = "edge") -> PaneRows:
    return PaneRows(rows=[Row()] * count, cursor=cursor, changed=changed, follow=follow)


@pytest.mark.parametrize(
    ("pane", "top", "expected"),
    [
        (rows(100, 5), 0, 0),
        (rows(100, 30), 0, 22),  # one row of context below
        (rows(100, 30), 50, 29),  # and above
        (rows(100, 99), 0, 90),
        (rows(5, 4), 3, 0),
        (rows(100, 0, (40, 42)), 0, 34),  # what changed wins over the cursor
    ],
)
def test_a_pane_scrolls_no_further_than_needed(pane: PaneRows, top: int, expected: int) -> None:
    assert scroll_to(pane, top, 10, True) == expected


def test_a_pane_that_does_not_follow_stays() -> None:
    assert scroll_to(rows(100, 50), 3, 10, False) == 3


@given(st.integers(1, 300), st.integers(0, 299), st.integers(0, 299), st.integers(1, 40))
def test_the_row_of_interest_is_in_sight(count: int, cursor: int, top: int, height: int) -> None:
    cursor = min(cursor, count - 1)
    for follow in ("edge", "third"):
        seen = scroll_to(rows(count, cursor, follow=follow), top, height, True)
        assert 0 <= seen <= max(0, count - height)
        assert seen <= cursor < seen + height


def test_the_log_scrolls_by_thirds_not_at_each_step() -> None:
    top, tops = 0, set()
    for cursor in range(60):
        top = scroll_to(rows(200, cursor, follow="third"), top, 15, True)
        tops.add(top)
        assert top == 0 or top + 5 <= cursor < top + 10
    assert len(tops) <= 13


def test_typing_moving_and_cutting() -> None:
    edit = LineEdit("one two")
    for key, character in [("home", None), ("x", "x"), ("ctrl+right", None), ("ctrl+w", None), ("delete", None)]:
        assert edit.press(key, character)

    assert (edit.text, edit.at) == ("wo", 0)


def test_a_paste_is_one_line_without_controls() -> None:
    edit = LineEdit()
    edit.insert("a\r\nb\tc\x1b[2J")

    assert edit.text == "a b c[2J"


@given(
    st.lists(
        st.sampled_from(["a", " ", "é", "世"])
        | st.sampled_from(
            [
                "left",
                "right",
                "home",
                "end",
                "backspace",
                "delete",
                "ctrl+w",
                "ctrl+k",
                "ctrl+u",
                "ctrl+left",
                "ctrl+right",
            ]
        ),
        max_size=40,
    )
)
def test_the_cursor_stays_in_the_text(keys: list[str]) -> None:
    edit = LineEdit()
    for key in keys:
        edit.press(key, key if len(key) == 1 else None)
        assert 0 <= edit.at <= len(edit.text)
        assert "".join(text for text, _ in edit.spans()).rstrip() == edit.text.rstrip()
