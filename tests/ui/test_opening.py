"""The first screen says what the stepper says a moment later, and needs neither numpy nor the engine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.strip import Strip

import mmtui
from mmtui.engine.bootmap import boot_glyphs
from mmtui.engine.ops import MachineSpec, Spawn
from mmtui.sidecar import Sidecar
from mmtui.trace.kernels import KERNELS
from mmtui.trace.model import Trace
from mmtui.ui import app as app_module
from mmtui.ui import config
from mmtui.ui.desk import Desk
from mmtui.ui.opening import Opening, opening_of
from mmtui.ui.startup import painter_for
from tests.ui.stepping import SIZES, TRACES, walking

RANGES = st.lists(st.tuples(st.integers(0, 70), st.integers(0, 20)).map(lambda r: (r[0], r[0] + r[1])), max_size=4)


@settings(deadline=None, max_examples=60)
@given(frames=st.integers(2, 64), reserved=RANGES, holes=RANGES, kernel=st.sampled_from(list(KERNELS)))
def test_the_frames_are_those_of_the_machine(
    frames: int, reserved: list[tuple[int, int]], holes: list[tuple[int, int]], kernel: str
) -> None:
    from mmtui.loading import timeline_of

    spec = MachineSpec(frames=frames, reserved=tuple(reserved), holes=tuple(holes))

    timeline = timeline_of(Trace(machine=spec, kernel=kernel, ops=()))

    assert boot_glyphs(spec) == timeline.frame_kinds().tobytes()


def opening(path: Path, **flags: object) -> Opening | None:
    chosen = config.load({name.replace("__", "."): value for name, value in flags.items()}, {})
    return opening_of(str(path), None, None, chosen, painter_for(chosen, chosen["ui.theme"]))


def desk_at_the_start(path: Path, folder: Path) -> Desk:
    standard = config.load({}, {})
    painter = painter_for(standard, standard["ui.theme"])
    timeline = mmtui.load(path)
    return Desk(timeline, standard, Sidecar.open(path, folder), painter, None)  # type: ignore[arg-type]


def part(strips: list[Strip], x: int, y: int, width: int, height: int) -> list[Strip]:
    return [strip.crop(x, x + width) for strip in strips[y : y + height]]


@pytest.mark.parametrize("size", [*SIZES, (60, 16), (80, 50)])
@pytest.mark.parametrize("path", sorted(TRACES.glob("*.json")), ids=lambda path: path.stem)
def test_it_is_what_the_desk_shows_a_moment_later(path: Path, size: tuple[int, int], tmp_path: Path) -> None:
    first = opening(path)
    if first is None:
        assert mmtui.load(path).trace.position is not None or mmtui.load(path).trace.recording is not None
        return
    desk = desk_at_the_start(path, tmp_path)
    before, after = first.compose(*size), desk.compose(*size)

    assert first.layout == desk.layout
    assert before[-1].text == after[-1].text
    assert before[desk.layout.now_row].text == after[desk.layout.now_row].text
    for cell in desk.layout.cells:
        place = cell.x, cell.y, cell.width, cell.height
        mine, theirs = part(before, *place), part(after, *place)
        if cell.pane == "log":
            assert any(strip.text.strip() for strip in mine)
            lost = [b for a, b in zip(mine, theirs, strict=True) if not b.text.startswith(a.text.rstrip())]
            # After a BUG operations stay that never run: they were planned all the same.
            assert not lost or desk.timeline.over
            assert not any(strip.text.strip() for strip in lost)
        elif cell.pane == "notes":
            assert not any(strip.text.strip() for strip in mine)
        else:
            assert mine == theirs


@pytest.mark.parametrize(
    "flags", [{"open__at": "last"}, {"open__at": "first-alert"}, {"ui__overlay": "count"}, {"ui__layout": "mine"}]
)
def test_where_something_else_comes_first_there_is_none(flags: dict[str, str]) -> None:
    assert opening(TRACES / "nopage-leak.json") is not None
    assert opening(TRACES / "nopage-leak.json", **flags) is None


@pytest.mark.parametrize(
    "text", ["", "{", '{"mmtui": 1, "ops": [{"op": "nap"}]}', '{"mmtui": 1, "kernel": "0", "ops": []}']
)
def test_of_what_is_wrong_there_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text)

    assert opening(tmp_path / "x.json") is None
    assert opening(tmp_path / "none.json") is None


def test_a_trace_without_operations_says_so(tmp_path: Path) -> None:
    from mmtui.trace.codec import encode

    (tmp_path / "x.json").write_bytes(encode(Trace(ops=())))
    first = opening(tmp_path / "x.json")

    assert first is not None
    assert "This trace has no operations." in " ".join(strip.text for strip in first.compose(120, 40))


def test_hostile_names_are_harmless(tmp_path: Path) -> None:
    from mmtui.trace.codec import encode

    (tmp_path / "x.json").write_bytes(encode(Trace(title="\x1b[2J[bold]", ops=(Spawn(pid=1, comm="\x1b]0;x\x07"),))))
    first = opening(tmp_path / "x.json")

    assert first is not None
    text = "".join(strip.text for strip in first.compose(120, 40))
    assert text.isprintable()
    assert "[bold]" in text


def test_it_is_composed_before_numpy_and_the_engine_are_imported() -> None:
    code = f"""
import sys
import mmtui.ui.app
from mmtui.ui import config
from mmtui.ui.opening import opening_of
from mmtui.ui.startup import painter_for
settings = config.load({{}}, {{}})
for size in ((80, 24), (120, 40), (200, 60)):
    first = opening_of({str(TRACES / "nopage-leak.json")!r}, None, None, settings, painter_for(settings, "dark"))
    first.compose(*size)
print(sorted(name for name in sys.modules if name in ("numpy", "mmtui.engine.timeline", "mmtui.engine.run")))
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert found.stdout.strip() == "[]"


async def test_keys_that_come_before_the_trace_has_run_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_module, "PATIENCE", 60.0)
    async with walking(tmp_path) as walk:
        app = walk.app
        app.desk, app.opening = None, opening(tmp_path / "nopage-leak.json")
        app.repaint()
        assert "No process yet" in walk.text()
        await walk.pilot.press("n")
        app._read()
        await walk.pilot.press("escape")  # nothing says yet that it would cancel anything
        await walk.settle()

        assert walk.desk.timeline.op_at(walk.position) == 0
