"""Every sample trace is a story: titled, told, with places to go to; and it is listed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from mmtui.engine.query_lang import parse
from mmtui.trace import codec
from tests.traces.stories import STORIES
from tests.traces.verdicts import KERNELS, VERDICT

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "traces").glob("*.json"))
LIST = (ROOT / "docs" / "TRACES.md").read_text(encoding="utf-8")


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


def words(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def test_it_decodes(path: Path) -> None:
    assert codec.read(path).title == words(path)["title"]


def test_it_is_in_canonical_form(path: Path) -> None:
    """As `mmtui fmt -w traces/*.json` leaves it."""
    assert codec.encode(codec.read(path)) == path.read_bytes()


def test_it_tells_what_to_look_for_and_where_it_is_from(path: Path) -> None:
    about = words(path)["about"]

    assert "**What to look for**" in about
    assert re.search(r"\*\*Where it is from\*\*: .{20,}", about)


def test_its_places_are_named_once_and_inside_the_trace(path: Path) -> None:
    trace = words(path)
    names = [mark["name"] for mark in trace["bookmarks"]]

    assert len(set(names)) == len(names) > 0
    assert all(re.fullmatch("[a-z][a-z0-9-]*", name) for name in names)
    assert all(mark["at"]["op"] < len(trace["ops"]) for mark in trace["bookmarks"])


def test_the_places_that_its_text_names_exist(path: Path) -> None:
    trace = words(path)

    mentioned = set(re.findall(r"`@([a-z0-9-]+)`", trace["about"]))

    assert mentioned <= {mark["name"] for mark in trace["bookmarks"]}


def test_the_traces_that_its_text_names_exist(path: Path) -> None:
    names = {file.stem for file in FILES}

    mentioned = set(re.findall(r"`([a-z0-9]+(?:-[a-z0-9]+)+)`", words(path)["about"]))

    assert mentioned <= names


def test_it_stops_at_leaks_and_premature_frees_and_its_stops_are_queries(path: Path) -> None:
    stops = words(path)["breakpoints"]

    assert {"leak", "free_unpaged"} <= set(stops)
    for stop in stops:
        parse(stop)


def test_some_operation_says_why_it_is_there(path: Path) -> None:
    assert sum("note" in op for op in words(path)["ops"]) >= 2


def test_the_list_has_it_under_its_own_title(path: Path) -> None:
    assert f"| `{path.stem}` | {words(path)['title']} |" in LIST


def test_the_list_has_nothing_else() -> None:
    assert set(re.findall(r"^\| `([a-z][a-z0-9-]+)` \|", LIST, re.M)) == {path.stem for path in FILES}


def test_the_list_says_on_which_kernels() -> None:
    rows = dict(re.findall(r"^\| `([a-z0-9-]+)` \| .*? \| ((?:[-LPX!EWOU ]+ \|){6})$", LIST, re.M))

    for name, cases in STORIES.items():
        for kernel, cell in zip(KERNELS, rows[name].split("|"), strict=False):
            verdicts = [case.verdict for case in cases if kernel in case.kernels and case.verdict is not None]
            assert verdicts[0] == set(cell.split()) & set(VERDICT), (name, kernel)
