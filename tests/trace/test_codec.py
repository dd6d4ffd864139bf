"""The trace file, read and written: nothing is lost, nothing is invented, and the schema says the same."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect

from mmtui.engine.flags import ALL_VM_FLAGS
from mmtui.engine.ops import OPS, MachineSpec, Mmap, Write
from mmtui.trace import codec, edit
from mmtui.trace.errors import TraceError
from mmtui.trace.model import Annotation, Bookmark, Place, Trace
from mmtui.trace.schema import schema

SAMPLES = sorted((Path(__file__).parents[2] / "traces").glob("*.json"))
VALIDATOR = jsonschema.Draft202012Validator(schema())


def valid(obj: Any) -> bool:
    return bool(VALIDATOR.is_valid(obj))


# Random traces, from the types themselves

text = st.text(st.characters(codec="utf-8"), max_size=12)


def of_type(info: inspect.Type) -> st.SearchStrategy[Any]:
    match info:
        case inspect.Metadata(type=inner):
            return of_type(inner)
        case inspect.IntType(ge=low, le=high):
            return st.integers(low or 0, high if high is not None else 1 << 20)
        case inspect.StrType():
            return text
        case inspect.BoolType():
            return st.booleans()
        case inspect.NoneType():
            return st.none()
        case inspect.LiteralType(values=values):
            return st.sampled_from(sorted(values))
        case inspect.UnionType(types=types):
            return st.one_of([of_type(kind) for kind in types])
        case inspect.TupleType(item_types=kinds):
            return st.tuples(*map(of_type, kinds))
        case inspect.VarTupleType(item_type=kind):
            return st.lists(of_type(kind), max_size=3).map(tuple)
        case inspect.StructType(cls=cls, fields=fields):
            return st.builds(cls, **{field.name: of_type(field.type) for field in fields})
    raise AssertionError(info)


def mmaps() -> st.SearchStrategy[Mmap]:
    """Mappings that mean something: one backing, known flags, remaps of a driver only."""
    whole = of_type(inspect.type_info(Mmap))
    vm_flags = st.lists(st.sampled_from(sorted(ALL_VM_FLAGS)), max_size=3).map(tuple)

    def mend(op: Mmap, flags: tuple[str, ...], kind: str, name: str) -> Mmap:
        backing = msgspec.structs.replace(op.backing, anon=False, file=None, driver=None)
        change: dict[str, Any] = {"anon": True, "pgoff": 0} if kind == "anon" else {kind: name}
        other: dict[str, Any] = {} if kind == "driver" else {"remap": (), "zeromap": False}
        if kind == "anon":
            other["ro_file"] = False
        remaps = tuple(
            msgspec.structs.replace(r, **({"buf": None} if r.pfn is not None else {"buf": name})) for r in op.remap
        )
        fields = {"remap": remaps, **other, "backing": msgspec.structs.replace(backing, **change), "vm_flags": flags}
        return msgspec.structs.replace(op, **fields)

    return st.builds(mend, whole, vm_flags, st.sampled_from(["anon", "file", "driver"]), text)


ops = st.one_of([mmaps() if cls is Mmap else of_type(inspect.type_info(cls)) for cls in OPS.values()])
places = st.builds(Place, op=st.just(0), transition=st.none() | st.integers(0, 99))
traces = st.builds(
    Trace,
    title=text,
    about=text,
    kernel=st.sampled_from(["2.6.14", "2.6.15", "vm-unpaged"]),
    machine=st.builds(
        MachineSpec, frames=st.integers(8, 99), reserved=st.just(((0, 2), (4, 5))), vma_merge=st.booleans()
    ),
    ops=st.lists(ops, max_size=6).map(tuple),
    breakpoints=st.lists(text, max_size=2).map(tuple),
    bookmarks=st.lists(st.builds(Bookmark, at=places, name=text), max_size=2).map(tuple),
    annotations=st.lists(st.builds(Annotation, at=places, text=text, about=text, author=text), max_size=2).map(tuple),
    position=st.none() | places,
)


@settings(max_examples=150, deadline=None)
@given(traces)
def test_what_is_written_is_read_again(trace: Trace) -> None:
    written = codec.encode(trace)

    assert codec.decode(written) == trace
    assert codec.encode(codec.decode(written)) == written
    assert codec.decode(json.loads(written)) == trace
    assert valid(json.loads(written))


@settings(max_examples=150, deadline=None)
@given(traces)
def test_a_terminal_may_show_what_is_written(trace: Trace) -> None:
    shown = codec.encode(trace).decode()

    assert all(line.isprintable() for line in shown.split("\n"))


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda s: s.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_a_trace_or_a_trace_error(data: bytes) -> None:
    for source in (
        data,
        b'{"mmtui": 1, "ops": [' + data,
        b'{"mmtui": 1, "ops": [{"op": "exit", "pid": 1, "note": "' + data + b'"}]}',
    ):
        try:
            assert isinstance(codec.decode(source), Trace)
        except TraceError as e:
            assert e.errors
            assert all(line.isprintable() for line in str(e).split("\n"))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"), max_size=6)
    | st.sampled_from(["mmap", "exit", "0x10", "VM_IO", "shared", "rw"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["op", "pid", "addr", "flags", "backing", "remap", "frames", "at", "x"]), inner, max_size=5
    ),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["ops", "machine", "kernel", "title", "bookmarks", "position", "log", "y"]), json_values
    )
)
def test_any_json_is_a_trace_or_a_trace_error(obj: dict[str, Any]) -> None:
    try:
        trace = codec.decode({"mmtui": 1, **obj})
    except TraceError as e:
        assert all(line.isprintable() for line in str(e).split("\n"))
    else:
        assert valid({"mmtui": 1, **obj})
        assert codec.decode(codec.encode(trace)) == trace


# The samples


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_is_read_written_and_valid(path: Path) -> None:
    trace = codec.read(path)

    assert codec.decode(codec.encode(trace)) == trace
    assert valid(json.loads(path.read_text()))


def test_there_are_samples() -> None:
    assert len(SAMPLES) >= 22


# Two spellings


MMAP = {
    "op": "mmap", "pid": 1, "addr": 0x10000000, "pages": 4, "prot": "rw", "flags": ["shared"],
    "backing": {"driver": "d", "pgoff": 16}, "remap": [{"pfn": 200, "pages": 2}],
}  # fmt: skip


@pytest.mark.parametrize("hexadecimal", ["0x10000000", "0X10000000", "0x0000000010000000"])
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (" , ", " : "), (",\n", ":\t")])
def test_addresses_may_be_hex_strings(hexadecimal: str, separators: tuple[str, str]) -> None:
    plain = {"mmtui": 1, "ops": [MMAP], "machine": {"reserved": [[0, 16]]}}
    other = {
        **MMAP,
        "addr": hexadecimal,
        "backing": {"driver": "d", "pgoff": "0x10"},
        "remap": [{"pfn": "0xc8", "pages": 2}],
    }
    spelled = {"mmtui": 1, "ops": [other], "machine": {"reserved": [["0x0", "0x10"]]}}

    assert codec.decode(json.dumps(spelled, separators=separators)) == codec.decode(plain)
    assert valid(spelled)


def test_text_that_looks_like_a_hex_number_stays_text() -> None:
    note = 'it said "addr": "0x10" and "pfn":"0x20"'
    source = {
        "mmtui": 1,
        "ops": [{"op": "spawn", "pid": 1, "name": "0x10", "note": note}, {"op": "exit", "pid": 1, "note": "0x1"}],
    }

    first, second = codec.decode(json.dumps(source)).ops

    assert (first.comm, first.note, second.note) == ("0x10", note, "0x1")  # type: ignore[union-attr]


def test_one_remap_may_stand_alone() -> None:
    alone = {"mmtui": 1, "ops": [{**MMAP, "remap": {"pfn": 200, "pages": 2}}]}

    assert codec.decode(alone) == codec.decode({"mmtui": 1, "ops": [MMAP]})
    assert valid(alone)


def test_a_gzip_file_is_known_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(gzip.compress(b'{"mmtui": 1, "title": "in gzip", "ops": []}'))

    assert codec.read(path).title == "in gzip"


def test_numbers_of_other_libraries_are_numbers() -> None:
    class Index:
        def __index__(self) -> int:
            return 7

    assert codec.decode({"mmtui": 1, "ops": [{"op": "exit", "pid": Index()}]}).ops[0].pid == 7  # type: ignore[union-attr]


def test_the_defaults_are_those_of_the_format() -> None:
    trace = codec.decode({"mmtui": 1, "ops": [{"op": "alloc", "driver": "d", "buf": "b"}]})

    assert (trace.kernel, trace.machine.frames, trace.machine.reserved) == ("2.6.15", 256, ((0, 2),))
    assert (trace.ops[0].order, trace.ops[0].comp, trace.ops[0].reserved) == (0, False, False)  # type: ignore[union-attr]


def test_a_recording_is_known_by_its_first_line() -> None:
    trace = codec.decode(b'{"mmtui": 1, "recording": {"kernel": "6.18"}}\n{"i": 0}\n')

    assert trace.recording == {"kernel": "6.18"}
    assert trace.ops == ()


# The schema


@pytest.mark.parametrize(
    "wrong",
    [
        {"ops": []}, {"mmtui": 1}, {"mmtui": 2, "ops": []}, {"mmtui": 1, "ops": [], "titel": "x"},
        {"mmtui": 1, "ops": [{"op": "nop"}]}, {"mmtui": 1, "ops": [{"op": "exit"}]},
        {"mmtui": 1, "ops": [{"op": "exit", "pid": "1"}]}, {"mmtui": 1, "ops": [{"op": "exit", "pid": 0}]},
        {"mmtui": 1, "ops": [{"op": "exit", "pid": 1, "x": 1}]}, {"mmtui": 1, "ops": [], "kernel": "2.4"},
        {"mmtui": 1, "ops": [{**MMAP, "vm_flags": ["VM_X"]}]}, {"mmtui": 1, "ops": [{**MMAP, "flags": []}]},
        {"mmtui": 1, "ops": [{**MMAP, "backing": {"anon": True, "file": "f"}}]},
        {"mmtui": 1, "ops": [{**MMAP, "backing": {}}]}, {"mmtui": 1, "ops": [{**MMAP, "addr": "10"}]},
        {"mmtui": 1, "ops": [{**MMAP, "addr": "0x1000000000000"}]}, {"mmtui": 1, "ops": [{**MMAP, "remap": {}}]},
        {"mmtui": 1, "ops": [{**MMAP, "remap": [{"pfn": 1, "buf": "b"}]}]},
        {"mmtui": 1, "ops": [], "machine": {"reserved": [[1]]}}, {"mmtui": 1, "ops": [], "machine": {"frames": 0}},
    ],
)  # fmt: skip
def test_what_the_schema_refuses_the_codec_refuses(wrong: dict[str, Any]) -> None:
    assert not valid(wrong)
    with pytest.raises(TraceError):
        codec.decode(wrong)


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


def test_the_flags_that_mmap_may_name_are_those_of_the_models() -> None:
    named = schema()["$defs"]["Mmap"]["properties"]["vm_flags"]["items"]["enum"]

    assert set(named) == ALL_VM_FLAGS


# Editing


def trace_of(*names: str) -> Trace:
    source = [{"op": name, "pid": 1, **({"addr": 0} if name in ("read", "write") else {})} for name in names]
    return codec.decode({"mmtui": 1, "ops": source})


def test_a_piece_keeps_its_notes_and_what_it_writes() -> None:
    trace = msgspec.structs.replace(
        trace_of("spawn", "read", "write", "exit"),
        bookmarks=(Bookmark(at=Place(op=0), name="gone"), Bookmark(at=Place(op=2, transition=3), name="kept")),
        position=Place(op=4),
    )

    piece = edit.keep(trace, [2, 3])

    assert [op.name for op in piece.ops] == ["write", "exit"]
    assert isinstance(piece.ops[0], Write)
    assert piece.ops[0].value == 1002
    assert piece.bookmarks == (Bookmark(at=Place(op=0, transition=3), name="kept"),)
    assert piece.position == Place(op=2)
