"""One lesson with one learner: tell, ask, reveal, keep the score. Where lines come from and go to is the caller's."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mmtui import words
from mmtui.learn.lessons import Lesson
from mmtui.learn.questions import Question, make

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline

Say = Callable[[str], None]
Listen = Callable[[str], str | None]


@dataclass
class Score:
    """Questions that were asked and answered right; `missed` are the prompts of the others."""

    right: int = 0
    asked: int = 0
    missed: list[str] = field(default_factory=list)

    def add(self, other: Score) -> None:
        """Count another lesson in."""
        self.right += other.right
        self.asked += other.asked
        self.missed += other.missed

    def __str__(self) -> str:
        return f"{self.right} of {self.asked} right"


class LeftError(Exception):
    """The learner has had enough; `score` is what was answered until then."""

    def __init__(self, score: Score) -> None:
        super().__init__(str(score))
        self.score = score


def kernel_for(lesson: Lesson, rng: random.Random) -> str:
    """The kernel that a seed gives a lesson."""
    return rng.choice(lesson.kernels)


def teach(lesson: Lesson, timeline: Timeline, rng: random.Random, say: Say, listen: Listen) -> Score:
    """Go through one lesson. LeftError: the learner quit; what was answered until then is lost with it."""
    score = Score()
    say(f"{lesson.title}")
    say(f"trace {lesson.trace}, kernel {timeline.kernel}")
    say("")
    say(lesson.intro)
    for number, (tell, question) in enumerate(questions(lesson, timeline, rng), 1):
        say("")
        if tell:
            say(tell)
        say(f"{number}. {question.prompt} ({', '.join(question.choices)})")
        given = _answered(question, say, listen)
        if given is None:
            raise LeftError(score)
        score.asked += 1
        if given == question.answer:
            score.right += 1
            say("Right.")
        else:
            score.missed.append(question.prompt)
            say(f"Not so: {_spoken(question.answer)}.")
        say(question.reveal)
        place = f"op:{words.plain(timeline.place_name(question.position))}"
        say(f'See it: mmtui "$(mmtui examples {lesson.trace})" -k {timeline.kernel} --at {place}')
    say("")
    say(f"{score}.")
    return score


def questions(lesson: Lesson, timeline: Timeline, rng: random.Random) -> Iterator[tuple[str, Question]]:
    """The questions of a lesson that make sense on this timeline, each with what is told before it."""
    for ask in lesson.asks:
        question = make(timeline, ask, rng)
        if question is not None:
            yield ask.tell, question


def _answered(question: Question, say: Say, listen: Listen) -> str | None:
    """The learner's choice; asks again until it is one. None at the end of the input or on q."""
    while True:
        line = listen("> ")
        if line is None or line.strip().lower() in ("q", "quit"):
            return None
        given = line.strip().lower()
        given = {"yes": "y", "no": "n"}.get(given, given)
        if given in question.choices:
            return given
        say(f"one of {', '.join(question.choices)}; q leaves.")


def _spoken(answer: str) -> str:
    return {"y": "yes", "n": "no"}.get(answer, answer)
