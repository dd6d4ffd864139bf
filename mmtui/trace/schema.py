"""The JSON Schema of a trace file, from the types that read it."""

from __future__ import annotations

from typing import Any

import msgspec

from mmtui.engine.flags import ALL_VM_FLAGS
from mmtui.trace.kernels import KERNELS
from mmtui.trace.model import Trace


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a trace file.

    It accepts what the codec accepts, and refuses what a schema can: that ranges do not overlap, that a place exists
    and that no key is given twice it cannot say.
    """
    definitions: dict[str, Any] = msgspec.json.schema(Trace)["$defs"]
    _numbers_in_hex(definitions)
    trace = definitions.pop("Trace")
    trace["required"] = ["mmtui", "ops"]
    trace["properties"]["kernel"]["enum"] = list(KERNELS)
    del trace["properties"]["mmtui"]["default"]
    mmap = definitions["Mmap"]["properties"]
    mmap["vm_flags"]["items"] = {"enum": sorted(ALL_VM_FLAGS)}
    mmap["remap"]["anyOf"] = [{"$ref": "#/$defs/Remap"}, {key: mmap["remap"].pop(key) for key in ("type", "items")}]
    definitions["Remap"]["oneOf"] = [_given("pfn", {}), _given("buf", {})]
    text = {"type": "string"}
    definitions["Backing"]["oneOf"] = [_given("anon", {"const": True}), _given("file", text), _given("driver", text)]
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A trace of mmtui"}
    return {**trace, **head, "$defs": definitions}


def _given(key: str, kind: dict[str, Any]) -> dict[str, Any]:
    """`key` is there and not null."""
    return {"required": [key], "properties": {key: {"not": {"type": "null"}, **kind}}}


def _numbers_in_hex(node: Any) -> None:
    """Lets every number with a pattern be a string of that pattern too."""
    if isinstance(node, dict):
        if node.get("type") == "integer" and "pattern" in node:
            node["type"] = ["integer", "string"]
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            _numbers_in_hex(item)
