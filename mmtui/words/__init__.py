"""Sentences about a trace: plain strings in the kernel's names, without markup.

The screen, the plain stepper, `run` and the reports all say the same words. Whatever comes out of a trace goes through
`plain` and is harmless to print.
"""

from __future__ import annotations

from mmtui.words.calls import argument_text, call_summary, call_text, op_details, op_text, process_name
from mmtui.words.changes import Words, clause, transition_text
from mmtui.words.explanation import explain
from mmtui.words.flags import flag_meaning
from mmtui.words.refusals import refusal_text
from mmtui.words.stops import brief_why, managed_rule, stop_text
from mmtui.words.text import (
    address_text,
    count_text,
    known_text,
    list_text,
    page_flags_text,
    pfn_text,
    plain,
    pte_bits_text,
    pte_text,
)
from mmtui.words.values import public_subject, subject_text, value_text
from mmtui.words.why import ledger_text, why_chain

__all__ = [
    "Words",
    "address_text",
    "argument_text",
    "brief_why",
    "call_summary",
    "call_text",
    "clause",
    "count_text",
    "explain",
    "flag_meaning",
    "known_text",
    "ledger_text",
    "list_text",
    "managed_rule",
    "op_details",
    "op_text",
    "page_flags_text",
    "pfn_text",
    "plain",
    "process_name",
    "pte_bits_text",
    "pte_text",
    "public_subject",
    "refusal_text",
    "stop_text",
    "subject_text",
    "transition_text",
    "value_text",
    "why_chain",
]  # fmt: skip
