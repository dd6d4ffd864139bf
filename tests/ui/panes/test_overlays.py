"""Overlays of the frame map, other numbers, and the table of the other kernels."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from mmtui.ui.panes.overlays import count_digit
from mmtui.ui.view import View
from tests.ui.panes.reading import lines


@pytest.mark.parametrize(
    ("overlay", "row"),
    [
        ("state", "> 000 R Z R R  R R R R  !2N0N0N0 F2F2F2A"),
        ("count", "> 000 1 1 1 1  1 1 1 1  2 0 0 0  2 2 2 1"),
        ("holder", "> 000 R Z R R  R R R R  d - - -  f f f 1"),
    ],
)
def test_an_overlay_shows_another_fact_in_the_same_cells(at_the_leak: View, overlay: str, row: str) -> None:
    text = lines(replace(at_the_leak, overlay=overlay), "frames")  # type: ignore[arg-type]

    assert text[1] == row


@pytest.mark.parametrize("overlay", ["count", "age", "holder"])
def test_an_overlay_says_what_its_characters_mean(at_the_leak: View, overlay: str) -> None:
    text = lines(replace(at_the_leak, overlay=overlay), "frames")  # type: ignore[arg-type]

    assert any(line.startswith(f"  {overlay}: ") for line in text)


def test_the_taller_the_bar_the_later_the_change(at_the_leak: View) -> None:
    row = lines(replace(at_the_leak, overlay="age", glyphs="ascii"), "frames")[1]
    ramp = ".:-=+*#@"

    assert ramp.index(row[24]) > ramp.index(row[26])


@pytest.mark.parametrize(("number", "shown"), [(0, "0"), (9, "9"), (10, "a"), (35, "z"), (36, "*"), (-1, "-")])
def test_a_count_takes_one_column(number: int, shown: str) -> None:
    assert count_digit(number) == shown


def test_decimal_and_decoded_numbers(at_the_leak: View) -> None:
    decimal = lines(replace(at_the_leak, numbers="decimal"), "tables")
    decoded = lines(replace(at_the_leak, numbers="decoded"), "tables")

    assert "  value    32807 -> 0" in decimal
    assert decoded[-3:-1] == ["  value    PRESENT RW USER ACCESSED", "        -> none"]


def test_a_wide_why_says_what_the_operation_does_on_every_kernel(at_the_leak: View) -> None:
    wide = replace(at_the_leak, size="wide")
    while any(line.endswith("...") for line in lines(wide, "why")):
        time.sleep(0.05)

    table = lines(wide, "why")

    assert "  2.6.15-rc2   count 2, leak" in table
    assert "  2.6.14       count 2 -> 1, no stop" in table
    assert "  2.6.15       count 2 -> 1, no stop" in table
