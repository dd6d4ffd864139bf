"""The report for a mail."""

from __future__ import annotations

import mmtui
from mmtui.formats.markdown import about_lines, escaped, markdown
from tests.formats.conftest import BUG, LEAK


def test_the_leak_as_a_mail() -> None:
    timeline = mmtui.load(LEAK)

    text = markdown(timeline, timeline.trace).decode()

    assert text.startswith("# a driver's nopage pages leak from a VM_RESERVED area\n\nnopage-leak.json on 2.6.15-rc2: ")
    assert "## 27.36: leak\n\n    leak: page 008: count 2, holders 1." in text
    assert "      +1  nobody, since op" in text
    assert "## 14.10: @mmap-drv\n\n    next: op 15  mmap" in text
    assert text.endswith("    mmtui nopage-leak.json --kernel 2.6.15-rc2\n\nmmtui 0.1.0\n")
    assert timeline.position == 0


def test_a_bug_ends_the_story() -> None:
    timeline = mmtui.load(BUG, kernel="2.6.15")

    text = markdown(timeline, timeline.trace).decode()

    assert "The run ends in a BUG." in " ".join(text.split())
    assert "bug: mm/page_alloc.c" in text


def test_markup_is_escaped_and_names_stay_readable() -> None:
    assert escaped("zap_pte_range *x* <b> [y] 1. `z`") == r"zap_pte_range \*x\* \<b\> \[y\] 1. \`z\`"
    assert escaped("1. one") == r"1\. one"
    assert escaped("- one") == r"\- one"
    assert escaped("__free_pages") == r"\_\_free_pages"
    assert about_lines("a <b>\n![p](u)") == ["a &lt;b>", "!\\[p](u)"]
