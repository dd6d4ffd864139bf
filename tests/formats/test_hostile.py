"""Whatever a trace says is text in every export."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import jsonschema
import pytest
from markdown_it import MarkdownIt

import mmtui
from mmtui.engine.timeline import Timeline
from mmtui.formats import crash, owners
from mmtui.formats.annotated import annotated_json
from mmtui.formats.html import html_report
from mmtui.formats.markdown import markdown
from mmtui.formats.perfetto import perfetto_json
from mmtui.formats.svg import screenshot
from mmtui.formats.verdicts import difference_of, verdict_of
from mmtui.trace.model import Trace
from mmtui.trace.schema import schema
from tests.formats.conftest import OBEYED

Evil = tuple[Timeline, Trace]


class Page(HTMLParser):
    """The elements and attributes of a page, as a browser would find them."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


def test_html_holds_two_scripts_of_ours_and_nothing_that_fetches(evil: Evil) -> None:
    text = html_report(*evil).decode()

    page = Page(text)
    assert not OBEYED.search(text)
    assert [tag for tag, _ in page.elements].count("script") == 2
    assert not {"img", "iframe", "object", "link", "base", "form"} & {tag for tag, _ in page.elements}
    for tag, attributes in page.elements:
        assert not any(name.startswith("on") or name == "style" for name in attributes), tag
        assert "src" not in attributes
        assert not (attributes.get("href") or "#").startswith("javascript:")


def test_html_data_is_json_that_cannot_end_its_element(evil: Evil) -> None:
    text = html_report(*evil).decode()

    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert data is not None
    assert "<" not in data[1]
    assert len(json.loads(data[1])["steps"]) == 11


def test_markdown_has_no_html_pictures_or_scripts_for_any_reader(evil: Evil) -> None:
    text = markdown(*evil).decode()

    assert not OBEYED.search(text)
    tokens = MarkdownIt("commonmark", {"html": True}).parse(text)
    kinds = {child.type for token in tokens for child in (token, *(token.children or []))}
    assert not {"html_block", "html_inline", "image"} & kinds
    links = [child.attrGet("href") for token in tokens for child in token.children or [] if child.type == "link_open"]
    assert not [link for link in links if str(link).lower().startswith("javascript")]


def test_markdown_lines_are_not_formulas_headings_or_lists_of_the_traces_making(evil: Evil) -> None:
    lines = markdown(*evil).decode().splitlines()

    assert lines[0].startswith("# \\=HYPERLINK")
    assert not [line for line in lines if re.match(r"> *[=+#-]", line)]


def test_perfetto_is_ascii_and_its_strings_are_harmless(evil: Evil) -> None:
    data = perfetto_json(evil[0])

    found = json.loads(data.decode("ascii"))
    assert not OBEYED.search(json.dumps(found, ensure_ascii=False))


def test_svg_is_xml_without_scripts_or_addresses(evil: Evil) -> None:
    data = screenshot(*evil, size=(100, 30))

    tags = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(data).iter()}
    assert tags <= {"svg", "style", "defs", "clipPath", "rect", "g", "text", "circle", "line", "path"}
    assert b"url(http" not in data
    assert not OBEYED.search(data.decode())


def test_what_show_and_compare_print_is_harmless(evil: Evil) -> None:
    timeline, _ = evil
    timeline.seek(len(timeline) // 2)
    pids = [process.pid for process in timeline.processes()]

    lines = [
        *crash.vm_lines(timeline, pids), *crash.vtop_lines(timeline, pids, []),
        *crash.vtop_lines(timeline, pids, [0x10000000, 0x8048000]),
        *crash.kmem_lines(timeline, range(len(timeline.machine.page.count))), *owners.ledger_lines(timeline, [3, 4]),
    ]  # fmt: skip
    timeline.seek(len(timeline))
    lines += [*owners.ledger_lines(timeline, []), json.dumps(verdict_of(timeline).record(), ensure_ascii=False)]
    difference = difference_of(timeline, timeline.with_kernel("2.6.15"))
    assert difference is not None
    lines.append(json.dumps(difference.record(), ensure_ascii=False))

    assert len([line for line in lines if "HYPERLINK" in line]) > 6
    assert not [line for line in lines if OBEYED.search(line)]


@pytest.mark.parametrize("log", [False, True])
def test_json_is_what_the_schema_says(evil: Evil, log: bool) -> None:
    data = json.loads(annotated_json(*evil, log=log))

    jsonschema.validate(data, schema())


def test_json_opens_again_with_every_note_and_says_the_same(evil: Evil) -> None:
    timeline, trace = evil

    data = annotated_json(timeline, trace, log=True)

    assert not OBEYED.search(data.decode())
    again = mmtui.load(json.loads(data))
    assert again.trace.title == timeline.trace.title
    assert [note.text for note in again.trace.annotations][-1] == "nowhere"
    assert again.trace.annotations[1].text.startswith("\\udc80 =HYPERLINK")
    assert again.trace.breakpoints == ("leak",)
    assert {mark.at.op for mark in again.trace.bookmarks} == {4, 10}
