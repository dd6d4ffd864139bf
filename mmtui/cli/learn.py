"""`mmtui learn`: short lessons with a question before each reveal."""

from __future__ import annotations

import random
import sys
from typing import TYPE_CHECKING

import click

from mmtui.cli.options import kernel_option

if TYPE_CHECKING:
    from mmtui.learn.lessons import Lesson
    from mmtui.learn.session import Score


@click.command("learn")
@click.argument("lesson", required=False)
@click.option("--list", "listing", is_flag=True, help="List the lessons.")
@click.option("--all", "everything", is_flag=True, help="All lessons, one after the other.")
@click.option("--seed", type=int, default=0, show_default=True, help="Which kernel each lesson runs on.")
@kernel_option
def command(lesson: str | None, listing: bool, everything: bool, seed: int, kernel: str | None) -> int:
    """Go through LESSON (its name or number; the first without one). Answers may come from a pipe, one a line.

    \b
    mmtui learn --list
    mmtui learn the-leak --kernel 2.6.15-rc2
    mmtui learn --all --seed 7
    """
    from mmtui.learn.lessons import LESSONS, lesson_named

    if listing:
        _list(LESSONS)
        return 0
    chosen = lesson_named(lesson) if lesson is not None else LESSONS[0]
    if chosen is None:
        from mmtui.trace.faults import did_you_mean

        raise click.UsageError(f'no lesson "{lesson}"{did_you_mean(str(lesson), [one.name for one in LESSONS])}')
    return _teach(LESSONS if everything else (chosen,), seed, kernel)


def _list(lessons: tuple[Lesson, ...]) -> None:
    from mmtui.cli.output import columns

    for line in columns((f"{number:>2}", lesson.name, lesson.title) for number, lesson in enumerate(lessons, 1)):
        click.echo(line)
    click.echo("\nbegin one with: mmtui learn NAME")


def _teach(lessons: tuple[Lesson, ...], seed: int, kernel: str | None) -> int:
    from mmtui.cli.step import readable_input
    from mmtui.learn.session import LeftError, Score

    readable_input()
    total = Score()
    try:
        for number, lesson in enumerate(lessons):
            if number:
                click.echo("")
            total.add(_one(lesson, random.Random(f"{seed} {lesson.name}"), kernel))
    except LeftError as left:
        total.add(left.score)
        click.echo(f"\nleft. {total}.")
        return 0
    if len(lessons) > 1:
        click.echo(f"\nin all: {total}.")
    return 0


def _one(lesson: Lesson, rng: random.Random, kernel: str | None) -> Score:
    import mmtui
    from mmtui.learn.session import kernel_for, teach
    from mmtui.trace import examples

    path = examples.path_of(lesson.trace)
    if path is None:
        raise click.ClickException(f"this installation lacks the sample trace {lesson.trace}")
    chosen = kernel_for(lesson, rng)
    return teach(lesson, mmtui.load(str(path), kernel=kernel or chosen), rng, click.echo, _listen)


def _listen(prompt: str) -> str | None:
    """One line of the standard input, prompted for where a person types it; None at its end."""
    if sys.stdin.isatty():
        click.echo(prompt, nl=False)
    line = sys.stdin.readline()
    return line if line else None
