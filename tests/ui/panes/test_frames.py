"""The frame map's folded lines."""

from hypothesis import given
from hypothesis import strategies as st

from mmtui.ui.panes.frames import folded

RUNS = st.lists(st.tuples(st.sampled_from("._?AF"), st.integers(1, 40)), min_size=1, max_size=12)


@given(runs=RUNS, across=st.sampled_from([4, 16]), kinds=st.sampled_from(["._", "._?"]))
def test_two_or_more_lines_of_one_quiet_kind_are_one_row(runs: list[tuple[str, int]], across: int, kinds: str) -> None:
    glyphs = "".join(glyph * times for glyph, times in runs)
    lines = [glyphs[at : at + across] for at in range(0, len(glyphs), across)]
    lines[-1] = lines[-1].ljust(across, "_")
    rows: list[tuple[int, str]] = []
    for number, line in enumerate(lines):
        kind = line[0] if line[0] in kinds and line == line[0] * across else f"line {number}"
        if rows and rows[-1][1] == kind:
            rows[-1] = rows[-1][0] + 1, kind
        else:
            rows.append((1, kind))
    wanted, line_number = [], 0
    for count, _ in rows:
        wanted.append((line_number, count))
        line_number += count
    found = [
        (stretch.line, stretch.lines) if stretch.folded else (stretch.line + offset, 1)
        for stretch in folded(glyphs.encode(), across, kinds)
        for offset in range(stretch.rows)
    ]
    assert found == wanted
    assert [stretch.row for stretch in folded(glyphs.encode(), across, kinds)] == _first_rows(glyphs, across, kinds)


def _first_rows(glyphs: str, across: int, kinds: str) -> list[int]:
    rows, found = 0, []
    for stretch in folded(glyphs.encode(), across, kinds):
        found.append(rows)
        rows += stretch.rows
    return found
