"""The foot of VMAs: the fields of the selected vma, labels at 2, values at 11."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmtui.engine.flags import MAGIC_VM_FLAGS, vm_flag_names
from mmtui.ui.panes import subjects, texts
from mmtui.ui.panes.common import MAGIC_KINDS, Line, wrap
from mmtui.ui.rows import Row, Target

if TYPE_CHECKING:
    from mmtui.engine.timeline import Vma
    from mmtui.ui.view import View

_FLAG_ORDER = ("VM_SHARED", "VM_MAYSHARE", "VM_READ", "VM_WRITE", "VM_EXEC")


def fields(view: View, cursor: Target | None, width: int, height: int) -> list[Row]:
    """The fields of the selected vma: labels at 2, values at 11."""
    found = subjects.parse_target(cursor)
    if found is None or found[0] != "vma":
        return []
    _, pid, start = found
    step = view.step_cell if view.step_cell and view.step_cell[0].startswith("vma.") else None
    key = ("fields", pid, start, view.op, step, view.stamp(*subjects.SPACE), width, height, view.numbers)
    return view.remember(key, lambda: _fields(view, pid, start, width, height), lasting=True)


def _fields(view: View, pid: int, start: int, width: int, height: int) -> list[Row]:
    space = subjects.address_space(view, pid)
    vma = next((vma for vma, gone in space if vma.start == start and not gone), None)
    if vma is None:
        return []
    rows = [_field(view, vma, "vm_ops", texts.vm_ops(view, vma))] if vma.vm_ops != "none" else []
    offset = f"{vma.pgoff}" if view.numbers == "decimal" or vma.pgoff < 10 else f"{vma.pgoff:#x}"
    rows.append(_field(view, vma, "vm_pgoff", offset))
    rows.append(_field(view, vma, "anon_vma", texts.anon_vma(view, pid, vma)))
    rows += _flag_lines(view, vma, width)
    return rows[: max(0, height // 2)]


def _field(view: View, vma: Vma, name: str, value: str) -> Row:
    role = view.role("text", (f"vma.{name}", vma.row))
    return Row(Line().put(2, name, "dim").put(11, value, role).spans)


def _flag_lines(view: View, vma: Vma, width: int) -> list[Row]:
    """vm_flags, the magic ones first and in their hue; in hex where that is chosen."""
    names = vm_flag_names(vma.flags, view.timeline.kernel)
    magic = [name for name in MAGIC_VM_FLAGS if name in names]
    rest = [name for name in _FLAG_ORDER if name in names]
    rest += [name for name in names if name not in magic and name not in rest]
    role = view.quiet_role("text", ("vma.vm_flags", vma.row))
    lines = [((11, name, MAGIC_KINDS.get(name, "text") + "+bold"),) for name in magic]
    rows = [Row(Line().put(*part).spans) for parts in lines for part in parts]
    rows += [Row(Line().put(11, text, role).spans) for text in wrap(" ".join(rest), max(8, width - 12))]
    if view.numbers == "decimal":
        rows = [Row(Line().put(11, f"{vma.flags:#x}", role).spans)]
    if not vma.flags & 0x8 and vma.flags & 0x2 and not magic and view.numbers != "decimal":
        rows.append(Row(Line().put(11, "private: COW", "text").spans))
    head = Line().put(2, "vm_flags", "dim")
    for text, span_role in rows[0].spans[-1:]:
        head.put(11, text, span_role)
    return [Row(head.spans), *rows[1:]]
