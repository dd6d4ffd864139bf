"""Finds every fault of a value that a type refuses, each with its place.

msgspec stops at the first fault and speaks of types; this walks the same types after a refusal and speaks of the trace.
It also reads what a file may say in two ways: `"0x1000"` for 4096, one remap for a list of one.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

import msgspec
from msgspec import inspect

from mmtui.engine.ops import OPS
from mmtui.trace.errors import Problem, printable, shown

T = TypeVar("T")


@functools.cache
def _op_type(word: str) -> inspect.Type:
    return inspect.type_info(OPS[word])


def read(value: object, kind: type[T] | Any, place: str, problems: list[Problem]) -> T | None:
    """`value` as a `kind`, or None after adding to `problems` whatever is wrong with it."""
    result: T | None = _converted(value, inspect.type_info(kind), kind, place, problems)
    return result


def read_op(value: object, place: str, problems: list[Problem]) -> Any:
    """`value`, decoded JSON, as an operation, or None after adding to `problems` whatever is wrong with it."""
    if not isinstance(value, dict):
        problems.append(Problem(place, f"expected an operation (an object), got {shown(value)}"))
        return None
    word = value.get("op")
    if not isinstance(word, str):
        what = f"expected an operation's name, got {shown(word)}" if "op" in value else 'needs "op"'
        problems.append(Problem(f"{place}.op" if "op" in value else place, what))
        return None
    if word not in OPS:
        problems.append(Problem(f"{place}.op", f"no operation {shown(word)}{did_you_mean(word, OPS)}"))
        return None
    return _converted(value, _op_type(word), OPS[word], place, problems)


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """`, did you mean "mmap"?` for the nearest of `known`, else `otherwise`."""
    names = list(known)
    near = difflib.get_close_matches(word[:64], names, 1, 0.6)
    near = near or [name for name in names if name.lower() == word.lower() or name.lower() == f"vm_{word.lower()}"][:1]
    return f', did you mean "{near[0]}"?' if near else otherwise


def _converted(value: object, info: inspect.Type, kind: Any, place: str, problems: list[Problem]) -> Any:
    before = len(problems)
    plain = _walk(value, info, place, problems)
    if len(problems) > before:
        return None
    try:
        return msgspec.convert(plain, kind)
    except msgspec.ValidationError as e:  # a rule that the walk does not know
        reason, _, path = str(e).partition(" - at `$")
        problems.append(Problem(place + path.rstrip("`"), reason))
        return None


def _walk(value: object, info: inspect.Type, place: str, problems: list[Problem]) -> object:
    """Adds the faults of `value` to `problems`; returns it with hex strings as numbers and one remap as a list."""
    pattern = None
    if isinstance(info, inspect.Metadata):
        pattern = (info.extra_json_schema or {}).get("pattern")
        info = info.type
    if isinstance(info, inspect.UnionType):
        return _walk_union(value, info, place, problems)
    if isinstance(info, inspect.IntType):
        return _walk_int(value, info, pattern, place, problems)
    walk = _WALKERS.get(type(info))
    return walk(value, info, place, problems) if walk else value


def _wrong(value: object, expected: str, place: str, problems: list[Problem], hint: str = "") -> object:
    problems.append(Problem(place, f"expected {expected}, got {shown(value)}{hint}"))
    return value


def _walk_int(value: object, info: inspect.IntType, pattern: str | None, place: str, problems: list[Problem]) -> object:
    number = int(value, 16) if pattern and isinstance(value, str) and re.match(pattern, value) else value
    if not isinstance(number, int) or isinstance(number, bool):
        return _wrong(value, 'an integer or "0x..."' if pattern else "an integer", place, problems)
    low, high = info.ge or 0, info.le
    if number < low or (high is not None and number > high):
        upto = "" if high is None else f" to {high:#x}" if pattern else f" to {high}"
        return _wrong(value, f"a number from {low}{upto}", place, problems)
    return number


def _walk_str(value: object, info: inspect.StrType, place: str, problems: list[Problem]) -> object:
    if not isinstance(value, str):
        return _wrong(value, "a string", place, problems)
    if info.max_length is not None and len(value) > info.max_length:
        problems.append(Problem(place, f"expected at most {info.max_length} characters, got {len(value)}"))
    return value


def _walk_bool(value: object, info: inspect.BoolType, place: str, problems: list[Problem]) -> object:
    return value if isinstance(value, bool) else _wrong(value, "true or false", place, problems)


def _walk_literal(value: object, info: inspect.LiteralType, place: str, problems: list[Problem]) -> object:
    words = [str(word) for word in info.values]
    if any(value == word and type(value) is type(word) for word in info.values):
        return value
    if len(words) == 1:
        return _wrong(value, shown(info.values[0]), place, problems)
    hint = did_you_mean(value, words) if isinstance(value, str) else ""
    return _wrong(value, f"one of {', '.join(sorted(words, key=len))}", place, problems, hint)


def _walk_union(value: object, info: inspect.UnionType, place: str, problems: list[Problem]) -> object:
    kinds = [kind for kind in info.types if not isinstance(kind, inspect.NoneType)]
    if value is None and len(kinds) < len(info.types):
        return value
    if len(kinds) == 1:
        return _walk(value, kinds[0], place, problems)
    tries: list[list[Problem]] = []
    for kind in kinds:
        tries.append([])
        result = _walk(value, kind, place, tries[-1])
        if not tries[-1]:
            return result
    expected = " or ".join(p[0].reason.removeprefix("expected ").partition(", got ")[0] for p in reversed(tries))
    return _wrong(value, expected, place, problems)


def _walk_list(value: object, info: inspect.VarTupleType, place: str, problems: list[Problem]) -> object:
    if not isinstance(value, list | tuple):
        if isinstance(value, dict) and place.endswith(".remap"):
            return [_walk(value, info.item_type, place, problems)]
        return _wrong(value, "a list", place, problems)
    return [_walk(item, info.item_type, f"{place}[{i}]", problems) for i, item in enumerate(value)]


def _walk_tuple(value: object, info: inspect.TupleType, place: str, problems: list[Problem]) -> object:
    if isinstance(value, list | tuple) and len(value) == len(info.item_types):
        pairs = enumerate(zip(value, info.item_types, strict=True))
        return [_walk(item, kind, f"{place}[{i}]", problems) for i, (item, kind) in pairs]
    if place.endswith(".flags"):
        return _wrong(value, 'exactly one of ["shared"] and ["private"]', place, problems)
    wrong = f"a list of {len(value)}" if isinstance(value, list | tuple) else shown(value)
    problems.append(Problem(place, f"expected [first, end], two page frame numbers, got {wrong}"))
    return value


def _walk_dict(value: object, info: inspect.DictType, place: str, problems: list[Problem]) -> object:
    return value if isinstance(value, dict) else _wrong(value, "an object", place, problems)


def _walk_struct(value: object, info: inspect.StructType, place: str, problems: list[Problem]) -> object:
    if not isinstance(value, dict):
        return _wrong(value, "an object", place, problems)
    fields = {field.encode_name: field for field in info.fields}
    out = {}
    for key, item in value.items():
        at = f"{place}.{printable(str(key))[:64]}" if place else printable(str(key))[:64]
        if key == info.tag_field:
            out[key] = item
        elif key not in fields:
            known = f"; known: {', '.join(fields)}" if len(fields) < 8 else ""
            problems.append(Problem(at, "unknown key" + did_you_mean(str(key), fields, known)))
        else:
            out[key] = _walk(item, fields[key].type, at, problems)
    word = f"{info.tag} " if info.tag else ""
    missing = [name for name, field in fields.items() if field.required and name not in value]
    problems.extend(Problem(place, f'{word}needs "{name}"') for name in missing)
    return out


_WALKERS: Final[dict[type, Callable[[object, Any, str, list[Problem]], object]]] = {
    inspect.StrType: _walk_str,
    inspect.BoolType: _walk_bool,
    inspect.LiteralType: _walk_literal,
    inspect.VarTupleType: _walk_list,
    inspect.TupleType: _walk_tuple,
    inspect.DictType: _walk_dict,
    inspect.StructType: _walk_struct,
}
