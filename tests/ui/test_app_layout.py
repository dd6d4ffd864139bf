"""Where everything stands, at the sizes that matter and at all others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmtui.ui.layout import JOINTS, Layout, arrange, drawer_top, hairlines, shape_of

SLOTS = {"left": "vmas", "why": "why", "only": "log", "right": "frames"}


def places(layout: Layout, half: int = 0) -> dict[str, tuple[int, int, int, int]]:
    return {cell.pane: (cell.x, cell.y, cell.width, cell.height) for cell in layout.cells if cell.half == half}


def test_80x24() -> None:
    assert places(arrange(80, 24, SLOTS)) == {
        "vmas": (0, 4, 39, 12),
        "frames": (40, 4, 40, 6),
        "why": (40, 11, 40, 5),
        "log": (0, 17, 80, 6),
    }


def test_120x40() -> None:
    assert places(arrange(120, 40, SLOTS)) == {
        "vmas": (0, 4, 33, 18),
        "tables": (34, 4, 44, 18),
        "frames": (79, 4, 41, 18),
        "log": (0, 23, 72, 16),
        "why": (73, 23, 47, 16),
    }


def test_200x60() -> None:
    assert places(arrange(200, 60, SLOTS)) == {
        "vmas": (0, 5, 46, 26),
        "tables": (47, 5, 46, 26),
        "frames": (94, 5, 57, 26),
        "why": (152, 5, 48, 26),
        "log": (0, 32, 93, 27),
        "source": (94, 32, 57, 27),
        "notes": (152, 32, 48, 27),
    }


def test_compare_at_160x48() -> None:
    layout = arrange(160, 48, SLOTS, compare=True)

    assert layout.gutter == 79
    assert places(layout, 0) == {
        "vmas": (0, 4, 34, 9),
        "tables": (35, 4, 44, 9),
        "frames": (0, 14, 41, 12),
        "why": (42, 14, 37, 12),
        "log": (0, 27, 79, 20),
    }
    assert places(layout, 1)["tables"] == (116, 4, 44, 9)


@pytest.mark.parametrize(
    ("width", "height", "shape"),
    [
        (59, 24, "too small"),
        (80, 15, "too small"),
        (60, 16, "single"),
        (79, 24, "single"),
        (80, 24, "narrow"),
        (109, 40, "narrow"),
        (200, 27, "narrow"),
        (200, 30, "normal"),
        (120, 40, "normal"),
        (200, 40, "normal"),
        (160, 50, "wide"),
        (80, 50, "portrait"),
    ],
)
def test_shapes(width: int, height: int, shape: str) -> None:
    assert shape_of(width, height) == shape


def test_60x16_has_one_pane_and_one_row_of_the_log() -> None:
    layout = arrange(60, 16, {**SLOTS, "only": "vmas"})

    assert places(layout) == {"vmas": (0, 3, 60, 11)}
    assert (layout.now_row, layout.log_row, layout.footer_row) == (1, 14, 15)


def test_2_takes_the_left_slot_and_7_that_of_why() -> None:
    layout = arrange(80, 24, {**SLOTS, "left": "tables", "why": "source"})

    assert set(places(layout)) == {"tables", "frames", "source", "log"}


def test_zoom_leaves_one_pane() -> None:
    assert places(arrange(120, 40, SLOTS, zoom="log")) == {"log": (0, 4, 120, 35)}


sizes = st.tuples(st.integers(1, 300), st.integers(1, 120))


@given(sizes, st.booleans(), st.sampled_from([None, "vmas", "log"]))
def test_panes_fit_and_never_overlap(size: tuple[int, int], compare: bool, zoom: str | None) -> None:
    width, height = size
    layout = arrange(width, height, SLOTS, zoom, compare)

    taken: set[tuple[int, int]] = set()
    for cell in layout.cells:
        mine = {(x, y) for x in range(cell.x, cell.x + cell.width) for y in range(cell.y - 1, cell.bottom)}
        assert not mine & taken
        taken |= mine
    assert all(0 <= x < width and layout.now_row < y < layout.footer_row for x, y in taken)


@given(sizes, st.booleans())
def test_every_place_of_a_hairline_has_a_glyph(size: tuple[int, int], compare: bool) -> None:
    layout = arrange(*size, SLOTS, compare=compare)

    assert set(hairlines(layout.cells).values()) <= set(JOINTS)


def test_joints() -> None:
    lines = hairlines(arrange(80, 24, SLOTS).cells)

    assert [JOINTS[lines[39, y]] for y in (3, 4, 10, 16)] == ["┬", "│", "├", "┴"]


def test_a_drawer_takes_the_rows_of_log_and_why() -> None:
    layout = arrange(120, 40, SLOTS)

    assert drawer_top(layout, small=False) == 22
    assert drawer_top(layout, small=True) == 31


@given(sizes, st.booleans())
def test_a_drawer_always_has_room(size: tuple[int, int], small: bool) -> None:
    layout = arrange(*size, SLOTS)
    if layout.shape != "too small":
        top = drawer_top(layout, small)
        assert layout.now_row < top
        assert layout.footer_row - top - 1 >= 6
