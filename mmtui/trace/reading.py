"""One reading of one trace.

When nothing is wrong it is one pass of the decoder. When something is, each operation is read alone, so that every
wrong one is reported, with its place, and not only the first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, cast

import msgspec

from mmtui.engine.ops import AnyOp, MachineSpec, Mmap
from mmtui.trace import faults, meaning
from mmtui.trace.errors import MOST_SHOWN, Problem, TraceError, shown
from mmtui.trace.kernels import KERNELS
from mmtui.trace.model import FORMAT, Trace
from mmtui.trace.text import check_text, count_keys, keys_in, repeated_keys, syntax_problem

_OPS: Final = msgspec.json.Decoder(tuple[AnyOp, ...])
_OP: Final[msgspec.json.Decoder[AnyOp]] = msgspec.json.Decoder(AnyOp)
_RAWS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_ENVELOPE: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_FIELDS: Final = {field.encode_name: field.type for field in msgspec.structs.fields(Trace)}
_OPAQUE: Final = ("log", "recording")

# Numbers in hex where they usually stand; in other places, or oddly spaced, the slow path reads them. Exact, although
# it looks at text: in JSON an unescaped quote cannot stand inside a string, and only a key is followed by a colon.
_HEX_VALUE: Final = re.compile(
    rb'"0[xX](?:(?<=addr": "0.)|(?<=addr":"0.)|(?<=pfn": "0.)|(?<=pfn":"0.)|(?<=pgoff": "0.)|(?<=pgoff":"0.))'
    rb'([0-9a-fA-F]{1,16})"'
)


class Reading:
    """Reads one trace, `name` in the errors, and collects what is wrong: a group of faults for each part.

    `count`: how many operations the trace has, where the text leaves them out (see `stream`).
    """

    def __init__(self, name: str, count: int | None = None) -> None:
        self.name = name
        self._count = count
        self.of_ops: dict[int, list[Problem]] = {}
        self.of_rest: list[list[Problem]] = []
        self.more = 0

    def trace(self, data: bytes) -> Trace:
        """The trace that the JSON text says. Raises TraceError."""
        try:
            return self._trace(data)
        except msgspec.DecodeError as e:
            raise TraceError(self.name, [syntax_problem(data, _absolute(data, str(e)))]) from None

    def piece(self, text: bytes) -> tuple[AnyOp, ...] | None:
        """Some operations of a list, whose brackets are missing; None if anything is wrong with them."""
        try:
            check_text(text, self.name)
            ops = self._ops(b"[" + text + b"]")
        except (msgspec.DecodeError, TraceError):
            return None
        self._meaning({}, ops)
        return None if self.of_ops or self.of_rest or self.more else cast(tuple[AnyOp, ...], ops)

    def _trace(self, data: bytes) -> Trace:
        check_text(data, self.name)
        header = recording_header(data)
        if header is not None:
            return Trace(ops=(), recording=header)
        envelope = self._envelope(data)
        self._version(envelope)
        ops = self._ops(bytes(envelope["ops"])) if "ops" in envelope else ()
        values = {key: self._part(key, raw) for key, raw in envelope.items() if key not in ("mmtui", "ops")}
        self._meaning(values, ops)
        if self.of_ops or self.of_rest or self.more:
            raise self._error()
        given = {key: value for key, value in values.items() if value is not None}
        return Trace(ops=cast(tuple[AnyOp, ...], ops), **given)

    def _envelope(self, data: bytes) -> dict[str, msgspec.Raw]:
        try:
            envelope = _ENVELOPE.decode(data)
        except msgspec.ValidationError:
            raise self._alone("", f"expected an object, got {shown(msgspec.json.decode(data))}") from None
        if "mmtui" not in envelope and "ops" not in envelope:
            raise self._alone("", 'not a trace: it needs "mmtui": 1 and "ops"')
        if _repeats_a_key(data, envelope):
            self._add(problem for problem in repeated_keys(data, "") if "." not in problem.place)
        self._add(Problem("", f'a trace needs "{key}"') for key in ("mmtui", "ops") if key not in envelope)
        return envelope

    def _version(self, envelope: dict[str, msgspec.Raw]) -> None:
        version = msgspec.json.decode(envelope["mmtui"]) if "mmtui" in envelope else FORMAT
        if isinstance(version, int) and version > FORMAT:
            raise self._alone("mmtui", f"version {shown(version)} of the format; this mmtui reads version {FORMAT}")
        if version != FORMAT or not isinstance(version, int) or isinstance(version, bool):
            raise self._alone("mmtui", f"expected {FORMAT}, got {shown(version)}")

    def _part(self, key: str, raw: msgspec.Raw) -> Any:
        """Any part but the operations; None if it is absent, null or wrong."""
        problems: list[Problem] = []
        value = None
        if key not in _FIELDS:
            hint = faults.did_you_mean(key, _FIELDS, f"; a trace has {', '.join(_FIELDS)}")
            problems.append(Problem(key, f"unknown key{hint}"))
        else:
            value = faults.read(msgspec.json.decode(raw), _FIELDS[key], key, problems)
            problems += [] if key in _OPAQUE else repeated_keys(bytes(raw), key)
        self._add(problems)
        return value

    def _ops(self, text: bytes) -> tuple[AnyOp | None, ...]:
        plain = _HEX_VALUE.sub(lambda found: b"%d" % int(found[1], 16), text)
        try:
            ops: tuple[AnyOp | None, ...] = _OPS.decode(plain)
        except msgspec.ValidationError:
            ops = self._ops_one_by_one(plain, text)
        keys = count_keys(text)
        # more of them: a default spelled out, or a key given twice
        if keys != count_keys(msgspec.json.encode(ops)) and keys != keys_in(msgspec.json.decode(text)):
            for problem in repeated_keys(text, "ops"):
                self.of_ops.setdefault(int(re.findall(r"\d+", problem.place)[0]), []).append(problem)
        return ops

    def _ops_one_by_one(self, plain: bytes, text: bytes) -> tuple[AnyOp | None, ...]:
        """Every operation, None for those that are wrong; `plain` is `text` with its numbers in decimal."""
        try:
            raws = zip(_RAWS.decode(plain), _RAWS.decode(text), strict=True)
        except msgspec.ValidationError:
            self._add([Problem("ops", f"expected a list of operations, got {shown(msgspec.json.decode(text))}")])
            return ()
        return tuple(self._op(raw, written, i) for i, (raw, written) in enumerate(raws))

    def _op(self, raw: msgspec.Raw, written: msgspec.Raw, i: int) -> AnyOp | None:
        try:
            return _OP.decode(raw)
        except msgspec.ValidationError:
            if len(self.of_ops) >= MOST_SHOWN and b'"remap"' not in bytes(raw):
                self.more += 1
                return None
        problems: list[Problem] = []
        op: AnyOp | None = faults.read_op(msgspec.json.decode(written), f"ops[{i}]", problems)
        if problems:
            self.of_ops[i] = problems
        return op

    def _meaning(self, values: dict[str, Any], ops: tuple[AnyOp | None, ...]) -> None:
        for i, op in enumerate(ops):
            if type(op) is Mmap and (problems := list(meaning.of_mmap(op, f"ops[{i}]"))):
                self.of_ops.setdefault(i, []).extend(problems)
        self._add(meaning.of_processes(ops))
        kernel = values.get("kernel")
        if kernel is not None and kernel not in KERNELS:
            hint = faults.did_you_mean(kernel, KERNELS)
            self._add([Problem("kernel", f"no kernel {shown(kernel)}{hint} (known: {', '.join(KERNELS)})")])
        self._add(meaning.of_machine(values.get("machine") or MachineSpec()))
        places = [(values.get("position"), "position")]
        for key in ("bookmarks", "annotations"):
            places += [(item.at, f"{key}[{i}].at") for i, item in enumerate(values.get(key) or ())]
        for at, place in places:
            self._add(meaning.of_place(at, place, len(ops) if self._count is None else self._count) if at else ())

    def _add(self, problems: Iterable[Problem]) -> None:
        if group := list(problems):
            self.of_rest.append(group)

    def _alone(self, place: str, reason: str) -> TraceError:
        return TraceError(self.name, [Problem(place, reason)])

    def _error(self) -> TraceError:
        """Every fault if they all fit, else the first of each part."""
        groups = self.of_rest + [group for _, group in sorted(self.of_ops.items())]
        every = [problem for group in groups for problem in group]
        firsts = every if len(every) <= MOST_SHOWN else [group[0] for group in groups][:MOST_SHOWN]
        return TraceError(self.name, firsts, self.more + len(every) - len(firsts))


def _repeats_a_key(data: bytes, envelope: dict[str, msgspec.Raw]) -> bool:
    """Whether the outermost object gives a key twice: then it has more keys than its parts and itself."""
    ops = bytes(envelope["ops"]) if "ops" in envelope else b"{"
    before, _, after = data.partition(ops)  # by far the largest part: left out on both sides
    parts = sum(count_keys(bytes(raw)) for key, raw in envelope.items() if key != "ops")
    return count_keys(before) + count_keys(after) != len(envelope) + parts


def recording_header(data: bytes) -> dict[str, Any] | None:
    """The header if `data` is a recording of a live kernel (JSON Lines, known by the first one), else None."""
    line = data[: 1 << 20].split(b"\n", 1)[0]
    if b'"recording"' not in line and b'"mmtui-rec"' not in line:
        return None
    try:
        header = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if not isinstance(header, dict) or "ops" in header:
        return None
    recording = header if header.get("format") == "mmtui-rec" else header.get("recording")
    return recording if isinstance(recording, dict) else None


def _absolute(data: bytes, message: str) -> str:
    """The parser's message with bytes counted from the start of the file, not of the part that it was given."""
    try:
        msgspec.json.decode(data)
    except msgspec.DecodeError as e:
        return str(e)
    return message
