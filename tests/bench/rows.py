"""The lines of the table: what is measured, against what, and how far it should reach."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from mmtui.engine.log import Log
from mmtui.engine.ops import AnyOp, Exit, Fork, MachineSpec, Mprotect, Munmap
from mmtui.engine.run import Run
from mmtui.engine.timeline import Timeline
from mmtui.trace.model import Trace
from tests.bench import generate, measure, paint
from tests.bench.measure import Row, seconds

KERNEL = "2.6.15"
QUERIES = (
    "page.count < 1", "cow", "call do_wp_page", "op fork", "pid 1 and fault", "page[8].count", "page.mapcount > 3",
)  # fmt: skip
MIDDLE = b"g50%\r"
"""To the middle of the trace, where the panes are full."""
KEYS = [bytes([key]) for key in b"sssssnnnnnSSSNNN"]
"""A walk, as people walk: the same key some times, forward and then back."""
OTHERS = [b"f", b"\t", b"\x1b[B", b"F"] * 2
"""Keys that nothing is made ready for."""
GROWN = b"operations have run"
"""What the stepper says when a long trace has grown to its end."""
MOST_BYTES = 512
"""Of memory, for each pte: more than the log of an operation takes."""
TRACES = Path(__file__).parents[2] / "traces"


@dataclass(frozen=True)
class Sizes:
    """How large; `--quick` and the test take less."""

    operations: int = 60_000
    ptes: int = 1 << 19
    transitions: int = 10_000_000
    seeks: int = 1000
    longest: int = 10_000_000
    long_trace: int = 1_000_000
    frames: int = 1 << 20
    times: int = 5


QUICK = Sizes(10_000, 1 << 15, 500_000, 300, 1_000_000, 50_000, 1 << 16, 3)
TINY = Sizes(200, 64, 3000, 20, 10_000, 300, 4096, 1)


def small_operations(sizes: Sizes) -> Iterator[Row]:
    """Faults, COW, munmap of a page."""
    operations = list(islice(generate.small_operations(1), sizes.operations))

    def run() -> float:
        machine = Run(KERNEL, MachineSpec(frames=4096), len(operations))
        took = seconds(lambda: machine.run(operations))
        return len(machine.log) / took

    figures, baselines = [], []
    for _ in range(sizes.times):  # interleaved: both see the same machine
        baselines.append(measure.logged_stores(sizes.operations * 4))
        figures.append(run())
    yield _rates("small operations: transitions/s", max(figures), "logged stores/s", max(baselines), 0.35, 5e5)


def range_operations(sizes: Sizes) -> Iterator[Row]:
    """fork, mprotect, exit, munmap of one large mapping."""
    figures: dict[str, list[float]] = {}
    baselines: dict[str, list[float]] = {}
    for _ in range(min(sizes.times, 3)):
        machine = Run(KERNEL, MachineSpec(frames=sizes.ptes + 4096), sizes.ptes + 16)
        kept: list[Log] = []
        for op in generate.big_mapping(sizes.ptes, 1):
            if not isinstance(op, Fork | Mprotect | Exit | Munmap):
                machine.step(op)
                continue
            count, took = _rows_of(machine, op, sizes)
            figures.setdefault(op.name, []).append(count / took if took else 0.0)
            measure.warm(sizes.ptes * MOST_BYTES)
            baselines.setdefault(op.name, []).append(measure.numpy_rows(count, kept))
    for name, found in figures.items():
        what = f"{name} of {sizes.ptes} ptes: rows/s"
        yield _rates(what, max(found), "numpy rows/s", max(baselines[name]), 0.35)


def _rows_of(machine: Run, op: AnyOp, sizes: Sizes) -> tuple[int, float]:
    """How many rows and calls an operation logs, and how many seconds that takes, sealing included."""
    measure.warm(sizes.ptes * MOST_BYTES)
    rows, _, calls = machine.recorder.here()
    took = seconds(lambda: machine.run([op]))
    rows_now, _, calls_now = machine.recorder.here()
    return rows_now - rows + calls_now - calls, took


def _rates(what: str, figure: float, name: str, baseline: float, reach: float, floor: float = 0) -> Row:
    ratio = figure / baseline
    held = ratio >= reach and figure >= floor
    wanted = f">= {reach}" + (f", >= {floor:,.0f}" if floor else "")
    return Row(what, f"{figure:,.0f}", f"{baseline:,.0f} {name}", f"{ratio:.2f}", wanted, held)


def long_timeline(transitions: int, frames: int = 1 << 14) -> Timeline:
    """A timeline of about so many transitions, of mixed work."""
    machine = Run(KERNEL, MachineSpec(frames=frames))
    source = generate.mixed(1)
    while len(machine.log) < transitions:
        machine.run(islice(source, 200 if transitions < 1 << 16 else 2000))
    return Timeline(machine, Trace(ops=()))


def walking(sizes: Sizes) -> Iterator[Row]:
    """Memory, seeks, changes, queries in one long log."""
    before = measure.resident()
    timeline = long_timeline(sizes.transitions)
    yield from _memory(timeline, measure.resident() - before)
    yield from _seeks(timeline, sizes)
    yield from _changes(timeline, sizes)
    yield from _queries(timeline)


def _seeks(timeline: Timeline, sizes: Sizes) -> Iterator[Row]:
    length, chosen = len(timeline), random.Random(5)
    first = seconds(timeline._seeker.prepare)
    samples = [seconds(lambda: timeline.seek(chosen.randrange(length))) for _ in range(sizes.seeks)]
    median, worst = measure.spread(samples, 1e-3)
    what, held = f"seek in {length:,}: median, worst", median < 5 and worst < 30
    yield Row(what, f"{median:.2f}, {worst:.2f} ms", f"prepared in {first:.2f} s", "", "< 5, < 30 ms", held)


def _changes(timeline: Timeline, sizes: Sizes) -> Iterator[Row]:
    length, chosen = len(timeline), random.Random(6)
    cells = np.concatenate([chunk.cell for chunk in timeline.log.chunks()])
    sort = seconds(lambda: np.argsort(cells, kind="stable"))
    index = seconds(timeline._changes.extend)
    ratio = index / sort if sort else 0.0
    sorting = f"{sort:.2f} s stable argsort"
    yield Row("index of changes", f"{index:.2f} s", sorting, f"{ratio:.2f}", "< 1.5", ratio < 1.5)
    asked = [(("page.count", chosen.randrange(4096)), chosen.randrange(length)) for _ in range(sizes.seeks)]
    for what, go in (("next change", timeline.next_change), ("previous change", timeline.previous_change)):
        each = seconds(lambda go=go: [go(cell, at) for cell, at in asked]) / len(asked) * 1e6  # type: ignore[misc]
        yield Row(f"{what} of a cell", f"{each:.1f} us", "", "", "< 50 us", each < 50)


def _queries(timeline: Timeline) -> Iterator[Row]:
    length = len(timeline)
    events = seconds(timeline.events)
    yield Row("events of the whole log", f"{events:.2f} s", "found while it grows")
    for query in QUERIES:
        begun = seconds(lambda query=query: timeline.next(query, 0)) * 1e3  # type: ignore[misc]
        later = seconds(lambda query=query: timeline.previous(query, length)) * 1e3  # type: ignore[misc]
        held = begun < 150 and later < 1
        yield Row(f"continue to `{query}`: first, later", f"{begun:.1f}, {later:.3f} ms", "", "", "< 150, < 1 ms", held)


def _memory(timeline: Timeline, grown: int) -> Iterator[Row]:
    length = len(timeline)
    log = timeline.log
    sealed = sum(int(column.nbytes) for chunk in log.chunks() for column in chunk[1:]) / length
    whole = log.nbytes / length
    held = whole <= 40 and sealed <= 24
    what = "bytes per transition: with calls, sealed"
    yield Row(what, f"{whole:.1f}, {sealed:.1f}", f"{grown / length:.1f} resident", "", "<= 40, <= 24", held)


def growth(sizes: Sizes) -> Iterator[Row]:
    """How the cost grows with the length."""
    length = 1000
    while length <= sizes.longest:
        began = time.process_time()
        timeline = long_timeline(length)
        opened = time.process_time() - began
        timeline.prepare()
        places = random.Random(5).choices(range(len(timeline)), k=200)
        seeks = [seconds(lambda t=timeline, p=place: t.seek(p)) for place in places]  # type: ignore[misc]
        timeline.seek(len(timeline) // 2)
        steps = seconds(lambda t=timeline: [t.step() for _ in range(300)]) / 300 * 1e6  # type: ignore[misc]
        figure = f"step {steps:.1f} us, seek {measure.spread(seeks, 1e-3)[0]:.2f} ms"
        rate = f"run {opened / len(timeline) * 1e6:.2f} us each"
        yield Row(f"{len(timeline):,} transitions", figure, rate)
        length *= 10


def commands(sizes: Sizes) -> Iterator[Row]:
    """mmtui --help, mmtui run, against Python alone."""
    bare = measure.command_ms(["-c", "pass"], sizes.times)
    small = str(min(TRACES.glob("*.json"), key=lambda path: path.stat().st_size))
    for what, arguments, reach in (("mmtui --help", ["--help"], 80), ("mmtui run small.json", ["run", small], 220)):
        took = measure.command_ms(["-m", "mmtui", *arguments], sizes.times)
        more = took - bare
        python = f"{bare:.0f} ms python -c pass"
        yield Row(what, f"{took:.0f} ms", python, f"+{more:.0f}", f"<= +{reach} ms", more <= reach)


def screen(sizes: Sizes) -> Iterator[Row]:
    """First paint, and key to paint, through a pseudo-terminal."""
    with tempfile.TemporaryDirectory() as folder:
        app = Path(folder, "smallest.py")
        app.write_text(paint.SMALLEST)
        long, walked = Path(folder, "long.json"), Path(folder, "walked.json")
        generate.write_trace(long, islice(generate.small_operations(1), sizes.long_trace), MachineSpec(frames=4096))
        _write_walked(walked, sizes)
        small = TRACES / "nopage-leak.json"
        for name, path in (("a small trace", small), (f"{sizes.long_trace:,} operations", long)):
            pairs = [
                (paint.first_paint(["-m", "mmtui", str(path)], b"VMAs"), paint.first_paint([str(app)], b"AAAAAAAA"))
                for _ in range(sizes.times)
            ]
            yield _painted(f"first paint of {name}", min(a for a, _ in pairs), min(b for _, b in pairs), 1.4)
        yield from _keys("a small trace", small, app, b"VMAs", sizes)
        what = f"{sizes.transitions:,} transitions, {sizes.frames:,} frames"
        yield from _keys(what, walked, app, GROWN, sizes)
        yield _while_it_grows(what, walked)


def _keys(name: str, trace: Path, app: Path, ready: bytes, sizes: Sizes) -> Iterator[Row]:
    """Key to paint, against the smallest app; what both paint; against one that paints as many styled pieces."""
    styled = app.with_name("styled.py")
    styled.write_text(paint.STYLED)
    programs = [(["-m", "mmtui", str(trace)], ready), ([str(app)], b"AAAAAAAA"), ([str(styled)], b"AAAAAAAA")]
    ours, smallest, many, unready, beside = _pressed(programs, sizes)
    yield _painted(f"key to paint, {name}", _median(ours, "seconds"), _median(smallest, "seconds"), 1.3)
    slow = [float(np.percentile([key.seconds for key in keys], 90)) for keys in (ours, smallest)]
    yield _beside("  one in ten takes longer than", *slow)
    yield _beside("  of the processor, until it is painted", _median(ours, "processor"), _median(smallest, "processor"))
    what = "  f, Tab, Down, F, which nothing is made ready for"
    yield _beside(what, _median(unready, "seconds"), _median(beside, "seconds"))
    yield _beside("  against as many styled pieces", _median(ours, "seconds"), _median(many, "seconds"), "styled app")
    painted = [f"{_median(keys, 'cells'):,.0f} in {_median(keys, 'pieces'):,.0f}" for keys in (ours, smallest, many)]
    yield Row("  cells painted, in pieces", painted[0], f"{painted[1]} smallest, {painted[2]} styled")


def _median(keys: list[paint.Painted], of: str) -> float:
    return float(np.median([getattr(key, of) for key in keys]))


def _beside(what: str, figure: float, baseline: float, name: str = "smallest app") -> Row:
    """Seconds beside those of another program, without a mark that they should reach."""
    return Row(what, f"{figure * 1000:.1f} ms", f"{baseline * 1000:.1f} ms {name}", f"{figure / baseline:.2f}")


def _pressed(programs: list[tuple[list[str], bytes]], sizes: Sizes) -> list[list[paint.Painted]]:
    """What the keys of a walk make the programs paint, then what the others make the first two of them paint."""
    keys = paint.keys_to_paint(programs, MIDDLE, KEYS * sizes.times + OTHERS * sizes.times)
    walked = len(KEYS) * sizes.times
    return [*(painted[:walked] for painted in keys), *(painted[walked:] for painted in keys[:2])]


def _while_it_grows(name: str, trace: Path) -> Row:
    """A key while the log grows in the background, to the frame that shows another place."""
    found = paint.keys_while_it_grows(["-m", "mmtui", str(trace)], b"running:", GROWN, b"s", 0.3)
    if not found:
        return Row("key to paint while it grows", "it had grown before a key could be pressed")
    median, worst = measure.spread(found, 1e-3)
    what = f"key to paint while {name} grow"
    return Row(what, f"{median:.0f}, {worst:.0f} ms of {len(found)}", "", "", "worst < 100 ms", worst < 100)


def _write_walked(path: Path, sizes: Sizes) -> None:
    machine = long_timeline(sizes.transitions)
    operations = iter([machine.op(number) for number in range(machine.op_count)])
    generate.write_trace(path, operations, MachineSpec(frames=sizes.frames))


def _painted(what: str, figure: float, baseline: float, reach: float) -> Row:
    ratio = figure / baseline
    smallest = f"{baseline * 1000:.1f} ms smallest app"
    return Row(what, f"{figure * 1000:.1f} ms", smallest, f"{ratio:.2f}", f"<= {reach}", ratio <= reach)


PARTS = {
    "small": small_operations,
    "ranges": range_operations,
    "walking": walking,
    "commands": commands,
    "growth": growth,
    "screen": screen,
}
"""The parts of the table, in order."""
