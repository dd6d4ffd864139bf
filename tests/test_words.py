"""Sentences: harmless, complete for every function and column of every model, and right where the facts are known."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mmtui
from mmtui import words
from mmtui.engine.flags import ALL_VM_FLAGS, vm_flags_of
from mmtui.engine.instrument import build
from mmtui.engine.kernel import RELEASES
from mmtui.words.functions import FUNCTIONS, IN_KERNEL

TRACES = Path(__file__).parents[1] / "traces"
KERNELS = ("2.6.14", "2.6.15-rc2", "vm-unpaged", "2.6.15-rc3", "2.6.15-rc5", "2.6.15", "6.x")
ALL_TRACES = sorted(path.stem for path in TRACES.glob("*.json"))


def load(trace, kernel):
    return mmtui.load(str(TRACES / f"{trace}.json"), kernel=kernel)


# Strings of strangers


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("aplay", "aplay"),
        ("a b", "a b"),
        ("\x1b[31mred\x07", "\\e[31mred\\x07"),
        ("two\nlines\r", "two\\nlines\\r"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("\u2066x\u2069", "\\u2066x\\u2069"),
        ("\udc80", "\\udc80"),
        ("\0", "\\0"),
        ("\x9b31m", "\\x9b31m"),
        ("\U000e0041", "\\U000e0041"),
        ("a\u3000b\u00a0c", "a b c"),
        ("[bold]x[/] <b> =1+1", "[bold]x[/] <b> =1+1"),
        ("naïve 文字", "naïve 文字"),
        (7, "7"),
        (None, "None"),
    ],
)
def test_a_strangers_string_is_shown_harmlessly(text, shown):
    assert words.plain(text) == shown


@given(st.text(st.characters()))
def test_plain_text_has_no_character_that_a_terminal_obeys(text):
    shown = words.plain(text)

    assert not {unicodedata.category(char) for char in shown} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert words.plain(shown) == shown
    shown.encode("utf-8")


# Entries, flags


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "none"),
        (0x00008027, "008 P RW A ·"),
        (0x0000F045, "00f P ·· · D"),
        (0x0000F667, "00f P RW A D"),
        (0x123450A0, "12345 N ·· A ·"),
        (0x5040, "F 5"),
    ],
)
def test_an_entry_keeps_each_bit_in_its_place(value, text):
    assert words.pte_text(value) == text


def test_every_flag_of_every_kernel_has_a_meaning_and_a_lacking_one_says_so():
    for kernel in KERNELS:
        for flag in ALL_VM_FLAGS:
            meaning = words.flag_meaning(flag, kernel)
            assert meaning
            assert (meaning == f"{kernel} has no {flag}") == (flag not in vm_flags_of(kernel))


def test_vm_reserved_means_something_else_in_each_of_the_first_three_kernels():
    assert len({words.flag_meaning("VM_RESERVED", kernel) for kernel in KERNELS[:4]}) == 4


# Functions


@pytest.mark.parametrize("kernel", KERNELS)
def test_every_function_of_a_model_is_explained(kernel):
    names = {function.name for function in build(RELEASES[kernel]).functions}

    assert names
    assert sorted(names - FUNCTIONS.keys()) == []


def test_what_is_said_of_one_kernel_is_about_a_function_and_a_kernel_that_exist():
    for function, kernel in IN_KERNEL:
        names = {each.name for each in build(RELEASES[kernel]).functions}
        assert function in names


@pytest.mark.parametrize("text", [*FUNCTIONS.values(), *IN_KERNEL.values()])
def test_sentences_keep_to_the_wording(text):
    assert text.endswith(".")
    assert "!" not in text
    assert text.isprintable()


# Transitions


@pytest.mark.parametrize("trace", ALL_TRACES)
@pytest.mark.parametrize("kernel", ["2.6.14", "2.6.15-rc2", "2.6.15"])
def test_every_transition_has_a_subject_a_change_and_a_place_in_the_model(trace, kernel):
    timeline = load(trace, kernel)
    for number in range(len(timeline)):
        said = words.transition_text(timeline, number)
        assert said.subject, number
        assert said.old != said.new, (number, said)
        assert said.change == f"{said.old} -> {said.new}"
        assert bool(said.where) == (timeline.transition(number).name not in ("trace.op", "trace.result"))
        assert all(text.isprintable() for text in (said.subject, said.old, said.new, said.clause, said.where))


def test_every_change_of_a_count_an_entry_or_a_mapping_has_its_rule():
    for trace in ALL_TRACES:
        for kernel in ("2.6.14", "vm-unpaged", "6.x"):
            timeline = load(trace, kernel)
            for number in range(len(timeline)):
                change = timeline.transition(number)
                name = f"{change.table}.{change.column}"
                if change.table in ("page", "pte") or name in ("vma.state", "mm.anon_rss"):
                    assert words.clause(timeline, change), (trace, kernel, number, name, change.function)


def sentences(timeline, op):
    numbers = range(timeline.op_start(op), timeline.op_end(op))
    return [words.transition_text(timeline, number) for number in numbers]


def test_the_childs_copy_is_read_only_old_and_still_dirty():
    timeline = load("fork-cow", "2.6.15-rc2")

    said = next(each for each in sentences(timeline, 14) if each.subject == "pte 2:0804e000")

    assert (said.old, said.new[4:], said.function) == ("none", "P ·· · D", "copy_one_pte")
    assert said.clause == "the child's copy: read-only, old, still dirty"


def test_fork_takes_a_reference_for_the_childs_pte():
    timeline = load("fork-cow", "2.6.15-rc2")

    counts = [each for each in sentences(timeline, 14) if each.subject.endswith(" count") and each.change == "1 -> 2"]

    assert counts
    assert {each.clause for each in counts if each.subject.startswith("page")} == {"the child's pte takes a reference"}


def test_the_leaking_unmap_says_that_nothing_is_put():
    timeline = load("nopage-leak", "2.6.15-rc2")

    said = next(each for each in sentences(timeline, 27) if each.subject == "pte 2:10000000")

    assert said.clause == "cleared, and nothing is put: its reference stays behind"
    assert said.old == "008 P RW A ·"


def test_the_same_unmap_gives_the_page_back_on_a_later_kernel():
    timeline = load("nopage-leak", "2.6.15")

    said = next(each for each in sentences(timeline, 27) if each.subject == "pte 2:10000000")

    assert said.clause == "cleared; its page is given back next"


def test_a_struct_has_its_name_while_it_is_filled_and_emptied():
    timeline = load("nopage-leak", "2.6.15-rc2")

    subjects = {each.subject[:14] for each in sentences(timeline, 15) if each.subject.startswith("vma")}
    freed = {each.subject[:14] for each in sentences(timeline, 27) if each.subject.startswith("vma")}

    assert subjects == {"vma 2:10000000"}
    assert freed == {"vma 2:08048000", "vma 2:0804c000", "vma 2:10000000", "vma 2:bfffd000"}


# Operations and calls


def test_operations_say_what_they_are_about():
    timeline = load("nopage-leak", "2.6.15-rc2")
    said = {number: words.op_text(timeline, number) for number in range(timeline.op_count)}

    assert said[0] == "alloc  drv buf order 2"
    assert said[1] == "driver  drv serves buf"
    assert said[2] == "spawn  pid 1 sh"
    assert said[15] == "mmap  10000000 4 pages drv"
    assert said[23] == "read  10000000"
    assert said[27] == "exit  pid 2 aplay"
    assert said[28] == "free  drv buf"
    assert words.op_text(load("fork-cow", "2.6.15"), 14) == "fork  pid 1 sh -> pid 2"


def test_names_in_operations_are_harmless():
    timeline = mmtui.load({"mmtui": 1, "ops": [{"op": "spawn", "pid": 1, "name": "\x1b[31m\u202e"}]})

    assert words.op_text(timeline, 0) == "spawn  pid 1 \\e[31m\\u202e"
    assert words.transition_text(timeline, 3).new.isprintable()


@pytest.mark.parametrize("trace", ALL_TRACES)
def test_every_operation_and_call_can_be_said_in_a_line(trace):
    timeline = load(trace, "2.6.15")
    for number in range(timeline.op_count):
        assert words.op_text(timeline, number).startswith(timeline.op(number).name)
    for number in range(len(timeline.log.calls)):
        call = timeline.call(number)
        assert words.call_text(call)
        assert words.call_summary(timeline, call)


# Stops


def stops(trace, kernel, kind):
    timeline = load(trace, kernel)
    return [words.stop_text(timeline, event) for event in timeline.events(kind=kind)]


def test_the_leak_says_its_numbers_and_the_rule_of_the_kernel():
    assert stops("nopage-leak", "2.6.15-rc2", "leak")[0] == (
        "page 008: count 2, holders 1.",
        "zap_pte_range put nothing: the vma has VM_RESERVED.",
    )


def test_a_free_of_what_a_window_maps_names_the_window():
    what, why = stops("free-before-munmap", "2.6.15", "free_unpaged")[0]

    assert what == "page 008: count 1 -> 0, mapped by 1:10000000."
    assert why.startswith("__free_pages")


def test_a_bad_page_says_what_the_kernel_printed():
    assert stops("alsa-nocomp", "2.6.15", "bad_page")[0] == (
        "page 009: flags 0x414, mapcount 0, count 0.",
        "free_hot_cold_page: PG_reserved is set.",
    )


def test_a_bug_says_where_and_that_the_run_ends():
    what, why = stops("free-before-munmap", "2.6.14", "bug")[0]

    assert what == "mm/rmap.c page_remove_rmap: page 008."
    assert why.endswith("The run ends here.")


@pytest.mark.parametrize("trace", ALL_TRACES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_every_event_can_be_said_and_leaves_the_position_alone(trace, kernel):
    timeline = load(trace, kernel)
    timeline.seek(3)
    for event in timeline.events():
        what, why = words.stop_text(timeline, event)
        assert what
        assert why
        assert f"{what} {why}".isprintable()
        assert "!" not in what + why
    assert timeline.position == min(3, len(timeline))


# Explanations, refusals, chains


@pytest.mark.parametrize("kernel", ["2.6.14", "2.6.15-rc2", "6.x"])
def test_every_step_of_the_leak_can_be_explained(kernel):
    timeline = load("nopage-leak", kernel)
    for position in range(len(timeline) + 1):
        said = words.explain(timeline, position)
        assert said.endswith((".", "?"))
        assert said.isprintable()


def test_an_explanation_names_the_function_the_step_and_the_commit():
    timeline = load("nopage-leak", "2.6.15-rc2")
    leak = timeline.events(kind="leak")[0]

    said = words.explain(timeline, leak.position)

    assert "Every pte of a range is cleared." in said
    assert "behind VM_RESERVED nothing is managed" in said
    assert "b5810039a54e" in said


def test_every_refusal_in_the_samples_names_a_test():
    for trace in ALL_TRACES:
        for kernel in KERNELS:
            timeline = load(trace, kernel)
            for number in range(timeline.op_count):
                result = timeline.result(number)
                said = words.refusal_text(timeline, number)
                if result == "ok":
                    assert said == ""
                elif not result.startswith(("BUG", "OOPS")):
                    assert said.endswith(".")
                    assert not said.startswith("the kernel answered"), (trace, kernel, number, result)


def test_the_chain_of_the_leaked_page_leads_back_to_nopage():
    timeline = load("nopage-leak", "2.6.15-rc2")
    leak = timeline.events(kind="leak")[0]
    timeline.seek(leak.position)

    chain = words.why_chain(timeline, timeline.subject("page[8]"), leak.position)

    assert [link.position for link in chain] == sorted((link.position for link in chain), reverse=True)
    assert chain[0].position == leak.position
    assert chain[0].sentence.startswith("leak: page 008: count 2, holders 1.")
    taken = next(link for link in chain if "nopage takes a reference" in link.sentence)
    assert timeline.op_at(taken.position) == 23


def test_the_chain_of_an_entry_is_its_own_life():
    timeline = load("fork-cow", "2.6.15")
    timeline.seek(timeline.op_end(16))

    chain = words.why_chain(timeline, timeline.subject("pte[1:0x804e000]"), timeline.position)

    assert [timeline.op_at(link.position) for link in chain] == [16, 14, 9]
    assert chain[-1].sentence.startswith("pte 1:0804e000 none -> ")
    assert "the parent's pte loses RW" in chain[1].sentence


def test_the_ledger_adds_up_in_words():
    timeline = load("nopage-leak", "2.6.15-rc2")
    timeline.seek(timeline.events(kind="leak")[0].position)

    lines = words.ledger_text(timeline.holders(8))

    assert any(line == "+1  nobody, since op 23 driver_nopage" for line in lines)
    assert lines[-1] == " 2  page_count of 008, 1 more than is held"


def test_a_brief_why_keeps_what_decided() -> None:
    timeline = mmtui.load(TRACES / "nopage-leak.json")
    whole = [words.stop_text(timeline, event)[1] for event in timeline.events(kind="leak")]

    assert [words.brief_why(why) for why in whole] == [
        "VM_RESERVED: nothing is put.",
        "nobody is left for the other 1.",
    ]


def test_a_fault_names_the_process_and_the_function_that_answers() -> None:
    timeline = mmtui.load(TRACES / "zero-page.json", kernel="2.6.15-rc2")

    said = [words.stop_text(timeline, event) for event in timeline.events(kind="fault")]

    assert said[0] == ("1:10000000: no pte allows it.", "do_anonymous_page provides one.")
    assert said[-1] == ("1:10000000: no pte allows it.", "do_wp_page provides one.")
