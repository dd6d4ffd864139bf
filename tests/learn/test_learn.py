"""Lessons: every answer comes from the timeline, every lesson can be passed, the seed decides and nothing else."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

import mmtui
from mmtui.learn.lessons import LESSONS, lesson_named
from mmtui.learn.questions import KINDS, make
from mmtui.learn.session import LeftError, kernel_for, questions, teach

TRACES = Path(__file__).parents[2] / "traces"
EACH = [(lesson, kernel) for lesson in LESSONS for kernel in lesson.kernels]
IDS = [f"{lesson.name}-{kernel}" for lesson, kernel in EACH]


def timeline_of(lesson, kernel):
    return mmtui.load(str(TRACES / f"{lesson.trace}.json"), kernel=kernel)


@pytest.mark.parametrize(("lesson", "kernel"), EACH, ids=IDS)
def test_who_answers_right_gets_every_point(lesson, kernel):
    timeline = timeline_of(lesson, kernel)
    answers = iter([question.answer for _, question in questions(lesson, timeline, random.Random(1))])
    said = []

    score = teach(lesson, timeline, random.Random(1), said.append, lambda prompt: next(answers))

    assert score.right == score.asked >= 2
    assert score.missed == []
    assert all(line.isprintable() for line in said)


@pytest.mark.parametrize(("lesson", "kernel"), EACH, ids=IDS)
def test_who_answers_wrong_gets_none_and_hears_the_truth(lesson, kernel):
    timeline = timeline_of(lesson, kernel)
    truths = [question for _, question in questions(lesson, timeline, random.Random(1))]
    wrong = iter([next(choice for choice in one.choices if choice != one.answer) for one in truths])
    said = []

    score = teach(lesson, timeline, random.Random(1), said.append, lambda prompt: next(wrong))

    assert score.right == 0
    assert len(score.missed) == len(truths)
    assert all(one.reveal in said for one in truths)


def test_every_question_makes_sense_on_some_kernel_and_every_kind_is_asked():
    kinds = set()
    for lesson in LESSONS:
        for ask in lesson.asks:
            timelines = [timeline_of(lesson, kernel) for kernel in lesson.kernels]
            assert any(make(timeline, ask, random.Random(0)) for timeline in timelines), (lesson.name, ask)
            kinds.add(ask.kind)
    assert kinds == KINDS.keys()


def answers(name, kernel):
    lesson = lesson_named(name)
    return [question.answer for _, question in questions(lesson, timeline_of(lesson, kernel), random.Random(0))]


def test_the_leak_is_a_leak_on_one_kernel_only():
    assert answers("the-leak", "2.6.15-rc2") == ["2", "0", "2", "y", "n"]
    assert answers("the-leak", "2.6.15") == ["2", "1", "1", "n", "y"]


def test_fork_and_cow_is_the_same_story_on_every_kernel():
    for kernel in lesson_named("fork-and-cow").kernels:
        assert answers("fork-and-cow", kernel) == ["2", "n", "y", "n", "n", "y"]


def test_the_range_that_must_not_be_freed_is_freed_by_its_owner_only():
    for kernel in lesson_named("must-not-be-freed").kernels:
        assert answers("must-not-be-freed", kernel) == ["1", "n", "y"]


def test_the_right_answer_is_among_the_choices_whatever_the_seed():
    lesson = lesson_named("the-leak")
    timeline = timeline_of(lesson, "2.6.15-rc2")
    for seed in range(20):
        for _, question in questions(lesson, timeline, random.Random(seed)):
            assert question.answer in question.choices
            assert len(set(question.choices)) == len(question.choices) >= 2


def test_the_seed_alone_decides_the_kernel():
    lesson = LESSONS[0]
    picked = [kernel_for(lesson, random.Random(seed)) for seed in range(40)]

    assert picked == [kernel_for(lesson, random.Random(seed)) for seed in range(40)]
    assert set(picked) == set(lesson.kernels)


def test_a_learner_may_leave_and_nonsense_is_asked_again():
    lesson = lesson_named("the-leak")
    timeline = timeline_of(lesson, "2.6.15-rc2")
    lines = iter(["maybe", "7", "q"])
    said = []

    with pytest.raises(LeftError):
        teach(lesson, timeline, random.Random(0), said.append, lambda prompt: next(lines))

    assert sum(line.startswith("one of ") for line in said) == 2


def learn(*args, answers=""):
    return subprocess.run(
        [sys.executable, "-m", "mmtui", "learn", *args], input=answers, capture_output=True, text=True, timeout=60
    )


def test_learn_from_a_pipe():
    done = learn("the-leak", "--kernel", "2.6.15-rc2", answers="2\n0\n2\ny\nn\n")

    assert done.returncode == 0, done.stderr
    assert "5 of 5 right." in done.stdout


def test_learn_twice_with_a_seed_is_the_same_lesson():
    first, second = (learn("first-touch", "--seed", "5", answers="y\n" * 9) for _ in range(2))

    assert first.stdout == second.stdout


def test_learn_lists_its_lessons_and_knows_a_wrong_name():
    listed = learn("--list")
    wrong = learn("the-leek")

    assert all(lesson.name in listed.stdout for lesson in LESSONS)
    assert wrong.returncode == 2
    assert "the-leak" in wrong.stderr
    assert "Traceback" not in wrong.stderr


def test_an_input_that_ends_early_ends_the_lesson():
    done = learn("the-leak", answers="2\n")

    assert done.returncode == 0
    assert "left." in done.stdout
