"""The report: what it tells, and in a real browser that its slider works from a file, without any network."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

import mmtui
from mmtui.formats.html import html_report
from mmtui.formats.report import report_of
from mmtui.formats.scrubber import MOST_STEPS, scrubber_data
from mmtui.formats.views import GONE, NEW, SAME, merged, views_at
from mmtui.trace.model import Annotation, Place
from tests.formats.conftest import COW, LEAK, evil_trace

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--virtual-time-budget=4000",
)  # fmt: skip


def page_of(path: Path, **added: Any) -> str:
    timeline = mmtui.load(path)
    return html_report(timeline, msgspec.structs.replace(timeline.trace, **added)).decode()


def test_it_tells_the_story_in_order() -> None:
    text = page_of(LEAK, annotations=(Annotation(Place(27, 36), "never freed", "page[8]", "ada"),))

    said = [
        "a driver&#x27;s nopage pages leak", "on 2.6.15-rc2: 29 operations", "<strong>What to look for</strong>",
        "@first-touch", "page[8] (ada):\nnever freed", "page 008: count 2, holders 1.", "Before: who holds the page",
        "nopage for 2:10000000, since op 23 do_no_page", "nobody, since op", "Every operation",
    ]  # fmt: skip
    places = [text.index(words) for words in said]
    assert places == sorted(places)


def test_lines_that_are_new_or_gone_stand_where_they_stood() -> None:
    assert merged(["a", "b", "c"], ["a", "x", "c", "d"]) == [
        (SAME, "a"), (GONE, "b"), (NEW, "x"), (SAME, "c"), (NEW, "d"),
    ]  # fmt: skip


def test_the_slider_has_the_views_after_every_operation() -> None:
    timeline = mmtui.load(LEAK)

    data = scrubber_data(timeline, report_of(timeline, timeline.trace))

    shown: list[list[str]] = [[], [], []]
    assert [step["op"] for step in data["steps"]] == list(range(-1, timeline.op_count))
    for step in data["steps"]:
        for view, rows in enumerate(step["views"]):
            if rows:
                shown[view] = [data["lines"][row >> 2] for row in rows if row & 3 != GONE]
            elif rows == []:
                shown[view] = []
        end = timeline.op_end(step["op"]) if step["op"] >= 0 else 0
        assert shown == list(views_at(timeline, end, 120))


def test_of_a_long_trace_the_slider_shows_some() -> None:
    touch = {"op": "read", "pid": 1, "addr": 0x10000000}
    ops = [{"op": "spawn", "pid": 1}, *[touch] * (3 * MOST_STEPS)]
    timeline = mmtui.load({"mmtui": 1, "ops": ops})

    data = scrubber_data(timeline, report_of(timeline, timeline.trace))

    assert MOST_STEPS * 0.9 < len(data["steps"]) <= MOST_STEPS + 61
    assert data["steps"][-1]["op"] == 3 * MOST_STEPS


def browse(page: Path, folder: Path, fragment: str = "") -> str:
    """The page's elements after its script has run, and what it complained of."""
    assert CHROMIUM is not None
    done = subprocess.run(
        [CHROMIUM, *FLAGS, f"--user-data-dir={folder / 'profile'}", "--enable-logging=stderr", "--dump-dom",
         f"file://{page}{fragment}"],
        capture_output=True, timeout=90, check=False,
    )  # fmt: skip
    complaints = [line for line in done.stderr.decode(errors="replace").splitlines() if "CONSOLE" in line]
    assert not complaints
    return done.stdout.decode()


browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


@browser
def test_in_a_browser_the_slider_shows_the_operation_of_the_address(tmp_path: Path) -> None:
    page = tmp_path / "leak.html"
    page.write_text(page_of(LEAK), encoding="utf-8")

    text = browse(page, tmp_path, "#op-27")

    label = re.search(r'<output id="label"[^>]*>(.*?)</output>', text, re.DOTALL)
    assert label is not None
    assert label[1].startswith("op 27  exit  pid 2 aplay  -&gt; ok\n# zap_pte_range clears that pte")
    tables = re.search(r'<pre id="view1">(.*?)</pre>', text, re.DOTALL)
    assert tables is not None
    assert '<span class="row gone">  10000000  008 P RW A ·   ~  count 2 mapcount 0</span>' in tables[1]


@browser
def test_in_a_browser_the_slider_moves(tmp_path: Path) -> None:
    """The page as it is, and after it a script of the test that uses the buttons (without its policy)."""
    press = "const next = document.getElementById('next'); for (let i = 0; i < 3; i++) next.click();"
    text = re.sub(r"<meta http-equiv[^>]*>", "", page_of(COW)).replace("</body>", f"<script>{press}</script></body>")
    page = tmp_path / "cow.html"
    page.write_text(text, encoding="utf-8")

    shown = browse(page, tmp_path)

    assert '<output id="label" for="op">op 2  ' in shown


@browser
def test_in_a_browser_a_harmful_trace_is_text(tmp_path: Path) -> None:
    page = tmp_path / "evil.html"
    timeline = mmtui.load(json.loads(json.dumps(evil_trace())))
    page.write_bytes(html_report(timeline, timeline.trace))

    text = browse(page, tmp_path)

    title = re.search(r"<title>(.*?)</title>", text)
    assert title is not None
    assert title[1].startswith("=HYPERLINK(")
    assert "<img" not in text.split("<script")[0]
    assert '<output id="label" for="op">' in text
