"""Compares a machine with what was observed: faults, signals, results, vmas, ptes, and frames but for their names."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mmtui.engine import flags
from mmtui.engine.flags import PG_anon_exclusive, PG_compound, PG_mlocked, prot_text
from mmtui.engine.kernel.memory import ZERO_PAGE
from mmtui.engine.pgtable import PTE_FRAME, PTE_GUARD, pte_pfn

if TYPE_CHECKING:
    from mmtui.live.scenario import Step
    from mmtui.live.scenario_machine import Done, Machine

PAGE: Final = 4096
LETTERS: Final = {
    "rd": flags.VM_READ, "wr": flags.VM_WRITE, "ex": flags.VM_EXEC, "sh": flags.VM_SHARED, "mr": flags.VM_MAYREAD,
    "mw": flags.VM_MAYWRITE, "me": flags.VM_MAYEXEC, "ms": flags.VM_MAYSHARE, "gd": flags.VM_GROWSDOWN,
    "pf": flags.VM_PFNMAP, "gu": flags.VM_MAYBE_GUARD, "lo": flags.VM_LOCKED, "io": flags.VM_IO,
    "sr": flags.VM_SEQ_READ, "rr": flags.VM_RAND_READ, "dc": flags.VM_DONTCOPY, "de": flags.VM_DONTEXPAND,
    "lf": flags.VM_LOCKONFAULT, "ac": flags.VM_ACCOUNT, "nr": flags.VM_NORESERVE, "ht": flags.VM_HUGETLB,
    "wf": flags.VM_WIPEONFORK, "dd": flags.VM_DONTDUMP, "mm": flags.VM_MIXEDMAP, "hg": flags.VM_HUGEPAGE,
    "nh": flags.VM_NOHUGEPAGE, "mg": flags.VM_MERGEABLE,
}  # fmt: skip
"""smaps' letters for the bits of vm_flags, in their order there."""
OF_FOLIOS: Final = {"THP", "HEAD", "TAIL"}
"""Marks of large folios: a file's pages may stand in one or not."""

FAULTS: Final = re.compile(r"p?read|p?write|mlock|madvise .*POPULATE|process_vm|vmsplice")
"""Operations that may fault pages of a file in."""

Ptes = dict[str, int]


class Comparison:
    """Keeps which observed frame is which frame of the model, from step to step."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._frame_of: dict[str, int] = {}
        self._position = 0

    # What a real kernel leaves open

    def copied(self, before: Step | None, step: Step) -> list[int]:
        """Frames that somebody seems to have had a passing reference to during a step.

        The last owner of an anonymous page that fork had shared writes to it in place, unless a per-CPU batch still
        holds the page: then it is copied. Both happen; where the copy was observed, the model is given that reference.
        """
        found: dict[int, None] = {}
        column = self._machine.columns
        for role, process in step.procs.items():
            if before is None or role not in before.procs or role not in self._machine.pids:
                continue
            ours = self._ptes(role)
            for place, was in before.procs[role].ptes.items():
                now = process.ptes.get(place)
                pfn = pte_pfn(ours.get(place, 0))
                shared = not column["page.flags"][pfn] & PG_anon_exclusive and column["page.mapping"][pfn] & 1
                if now not in (None, was) and was.startswith("F") and shared and column["page.count"][pfn] == 1:
                    found[pfn] = None
        return list(found)

    def passed_over(self, step: Step) -> list[int]:
        """Cached pages of files that a read fault did not map although it might have: what fault-around finds depends
        on the state of the page cache, so that both happen."""
        machine = self._machine
        column, kernel = machine.columns, machine.kernel
        place = re.search(r"\b(\w+)\+\d+", step.op)
        if (
            not FAULTS.match(step.op)
            or not place
            or place[1] not in machine.regions
            or {step.by} - {*machine.pids}
            or {step.by} - {*step.procs}
        ):
            return []
        vma = kernel.vma_at(machine.mm(step.by), machine.address(place[0]))
        file = int(column["vma.vm_file"][vma])
        if not vma or not file:
            return []
        inode, found = int(column["file.inode"][file]), []
        for address in range(int(column["vma.vm_start"][vma]), int(column["vma.vm_end"][vma]), PAGE):
            page = kernel.page_cache_lookup(inode, kernel.linear_page_index(vma, address))
            if page >= 0 and machine.place_of(address) not in step.procs[step.by].ptes:
                found.append(page)
        return found

    # One step

    def difference(self, step: Step, done: Done) -> str:
        """How the machine after an operation differs from what was observed; "" if it does not."""
        if done.bug:
            return f"the model ends with {done.bug}"
        text = self._difference(step, done)
        return f"{text} (the model does not know this operation)" if text and done.unknown else text

    def _difference(self, step: Step, done: Done) -> str:
        freed, self._position = self._machine.freed_since(self._position)
        self._frame_of = {name: pfn for name, pfn in self._frame_of.items() if pfn not in freed}
        return self._call(step, done) or self._state(step, done)

    def _call(self, step: Step, done: Done) -> str:
        seen, ours = _signals(step.signals), [number for _, number in done.signals]
        if seen != ours:
            return f"signals {_names(seen)} were observed, the model has {_names(ours)}"
        faults = list(step.faults)
        if faults != done.faults and not (ours and len(faults) - len(done.faults) == 1):
            return f"faults {_list(faults)} were observed, the model has {_list(done.faults)}"
        if step.ret and done.ret is not None and not _same_ret(step.ret[-1], done.ret):
            return f"it returned {step.ret[-1]}, in the model {done.ret}"
        return ""

    def _state(self, step: Step, done: Done) -> str:
        machine = self._machine
        dead = {role for role, _ in done.signals if role not in step.procs and role in machine.pids}
        for role in sorted(dead):
            machine.remove_role(role)
        if set(step.procs) != set(machine.pids):
            return f"processes {_list(step.procs)} were observed, the model has {_list(machine.pids)}"
        for role in step.procs:
            text = self._vmas_of(step, role) or self._ptes_of(step, role)
            if text:
                return text
        return self._frames(step)

    def _vmas_of(self, step: Step, role: str) -> str:
        seen = {start: (pages, perms, set(letters.split())) for start, pages, perms, letters in step.procs[role].vmas}
        ours = self._vmas(role)
        for start in sorted({*seen, *ours}):
            if start not in ours or start not in seen:
                have, lack = ("was observed", "the model has none") if start in seen else ("is only in the model", "")
                return f"a vma of {role} at {start} {have}" + (f", {lack}" if lack else "")
            if seen[start] != ours[start]:
                return f"the vma of {role} at {start} was {_vma(seen[start])}, in the model {_vma(ours[start])}"
        return ""

    def _ptes_of(self, step: Step, role: str) -> str:
        seen, ours = step.procs[role].ptes, self._ptes(role)
        for place in sorted({*seen, *ours}, key=_order):
            name, pte = seen.get(place), ours.get(place)
            same = name is not None and pte is not None and self._same_page(name, pte)
            if not same:
                return f"the pte of {role} at {place} was {name or 'empty'}, in the model {self._named(pte)}"
        return ""

    def _same_page(self, name: str, pte: int) -> bool:
        if pte == PTE_GUARD or name in ("guard", "swap"):
            return name == "guard" and pte == PTE_GUARD
        pfn = pte_pfn(pte)
        if name == "ZERO" or pfn == ZERO_PAGE:
            return name == "ZERO" and pfn == ZERO_PAGE
        if name not in self._frame_of and pfn not in self._frame_of.values():
            self._frame_of[name] = pfn
        return self._frame_of.get(name) == pfn

    def _frames(self, step: Step) -> str:
        page = self._machine.columns
        for name, (mapcount, letters) in step.frames.items():
            if name == "ZERO" or name not in self._frame_of:
                continue
            pfn = self._frame_of[name]
            ours = int(page["page.mapcount"][pfn])
            if ours != mapcount:
                return f"the mapcount of {name} was {mapcount}, in the model {ours}"
            marks, seen = self._marks(pfn), set(letters) - (set() if "ANON" in letters else OF_FOLIOS)
            if not self._flags_agree(seen, marks, name in self._unlocked(step)):
                return f"the flags of {name} were {_list(sorted(seen))}, in the model {_list(sorted(marks))}"
        return ""

    def _unlocked(self, step: Step) -> set[str]:
        """The frames that a munlock was about."""
        found = re.match(r"munlock (\w+)\+(\d+)(?: pages=(\d+))?", step.op)
        if not found or step.by not in step.procs:
            return set()
        first, pages = int(found[2]), int(found[3] or 1)
        places = {f"{found[1]}+{page}" for page in range(first, first + min(pages, 1 << 20))}
        return {name for place, name in step.procs[step.by].ptes.items() if place in places}

    def _flags_agree(self, seen: set[str], marks: set[str], unlocked: bool) -> bool:
        """MLOCKED goes late where a page leaves a locked vma (a per-CPU batch), and a page of a large folio of a file
        need not have it at all; the rest is exact."""
        odd = seen ^ marks
        late = seen - marks == {"MLOCKED"} and not unlocked
        return not odd or (odd == {"MLOCKED"} and (late or "ANON" not in marks))

    # The machine

    def _marks(self, pfn: int) -> set[str]:
        page = self._machine.columns
        bits = int(page["page.flags"][pfn])
        head = int(page["page.private"][pfn]) if bits & PG_compound else pfn
        marks = {"ANON"} if page["page.mapping"][pfn] & 1 else set()
        if bits & PG_compound:
            marks |= {"THP", "HEAD" if head == pfn else "TAIL"}
        if int(page["page.flags"][head]) & PG_anon_exclusive:  # /proc shows the head's flag for all parts
            marks.add("ANON_EXCLUSIVE")
        if bits & PG_mlocked:
            marks.add("MLOCKED")
        return marks

    def _vmas(self, role: str) -> dict[str, tuple[int, str, set[str]]]:
        machine, column = self._machine, self._machine.columns
        found = {}
        for vma in machine.kernel.index.vmas.get(machine.mm(role), ()):
            start, end = int(column["vma.vm_start"][vma]), int(column["vma.vm_end"][vma])
            bits = int(column["vma.vm_flags"][vma])
            letters = {pair for pair, bit in LETTERS.items() if bits & bit}
            found[machine.place_of(start) or hex(start)] = ((end - start) // PAGE, prot_text(bits), letters)
        return found

    def _ptes(self, role: str) -> Ptes:
        machine, column = self._machine, self._machine.columns
        found = {}
        for table in np.flatnonzero(column["pt.mm"] == machine.mm(role)).tolist():
            values = column["pte.val"][table << 10 : (table + 1) << 10]
            base = int(column["pt.base"][table])
            for slot in np.flatnonzero(values).tolist():
                pte = int(values[slot])
                if pte & PTE_FRAME or pte == PTE_GUARD:
                    address = base + slot * PAGE
                    found[machine.place_of(address) or hex(address)] = pte
        return found

    def _named(self, pte: int | None) -> str:
        if pte is None:
            return "empty"
        if pte == PTE_GUARD:
            return "guard"
        pfn = pte_pfn(pte)
        names = [name for name, frame in self._frame_of.items() if frame == pfn]
        return "ZERO" if pfn == ZERO_PAGE else names[0] if names else "another frame"


def _same_ret(seen: Any, ours: int | str) -> bool:
    """Large numbers are named by their kind in a scenario: `addr`, `pid`."""
    if ours == "pid":
        return seen == "pid" or (isinstance(seen, int) and seen > 0)
    if isinstance(seen, str):
        return isinstance(ours, int) and ours >= 0
    return bool(seen == ours)


def _signals(seen: tuple[Any, ...]) -> list[int]:
    """Signals by number, however they are spelled; those that change nothing (SIGCHLD, SIGTRAP) are left out."""
    found = []
    for item in seen:
        words = re.findall(r"SIG[A-Z]+|\d+", str(item))
        if words:
            text = words[-1]
            known = getattr(signal, text, None)
            found.append(int(text) if text.isdigit() else int(known) if known is not None else 0)
    return [number for number in found if number not in (signal.SIGCHLD, signal.SIGTRAP)]


def _names(numbers: list[int]) -> str:
    return _list([signal.Signals(number).name if 0 < number < 32 else str(number) for number in numbers])


def _list(items: Any) -> str:
    return " ".join(str(item) for item in items) or "none"


def _vma(value: tuple[int, str, set[str]]) -> str:
    pages, perms, letters = value
    order = dict.fromkeys([*LETTERS, *sorted(letters)])
    return f"{pages} pages {perms} {' '.join(pair for pair in order if pair in letters)}"


def _order(place: str) -> tuple[str, int]:
    name, _, page = place.partition("+")
    return name, int(page) if page.isdigit() else 0
