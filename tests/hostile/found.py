"""Inputs that once broke something; each is tried again for ever."""

from __future__ import annotations

FOUND: dict[str, list[bytes]] = {
    "query": [b"leak \xe2\x80\xae", b"not " * 70 + b"leak", b"pfn " + b"9" * 5000, b"page[" * 400, b'task.name == "'],
    "place": [
        b"op:" + b"9" * 5000,
        b"50." + b"9" * 400 + b"%",
        b"+\xd9\xa3",
        b"page[0x" + b"f" * 400 + b"]",
        b"@\x1b[2J",
    ],
    "settings": [
        b'[keys]\n"\xe2\x80\xaee.transition" = "ctrl+n"\n',
        b'[keys]\n"time.op" = "n,f1\xe2\x80\xa80"\n',
        b"[play]\nops_per_second = " + b"9" * 5000,
        b"x = " + b"[" * 5000,
        b"x = " + b"{a = " * 5000,
        b'[ui]\ntheme = "' + b"dark" * 5000 + b'"\n',
        b"".join(b"[s%d]\n" % number for number in range(500)),
        b"[notes]\nauthor = nan\n[play]\nops_per_second = nan\n",
        b'[log]\nhide = ["\\u001b[2J", "\\ud800"]\n',
    ],
    "sidecar": [
        b'{"kind": {"note": "half a"}, "id": "x"}\n',
        b'{"kind": ["note"], "id": "x"}\n',
        b'{"kind": "note", "id": "f00", "text": "without its newline", "op": 4}',
        b'{"kind":"set","id":"set:drafts","value":"abc"}\n',
        b'{"kind":"set","id":"set:drafts","value":{"note":7,"find":["a"]}}\n',
        b'{"kind":"set","id":"set:layouts","value":{"a":7}}\n',
        b'{"kind":"set","id":"set:layouts","value":{"a":{"slots":{"left":["vmas"]},"zoomed":{},"focused":[]}}}\n',
        b'{"kind":"set","id":"set:position","value":{"op":"x","transition":[]}}\n',
        b'{"kind":"mark","id":"m","name":["a"],"op":1e9,"transition":-5}\n',
        b"[" * 100_000 + b"\n",
        b'{"kind":"mark","id":"m","name":"a","op":' + b"9" * 5000 + b"}\n",
    ],
    "recording": [
        b'{"mmtui": 1, "re\x93ording": {}}\n',
        b'{"\xaamt": 1}\n',
        b'{"mmtui": 1, "recording": {"page": 4096}}\n'
        b'{"i": 0, "pid": 7, "ev": {"k": "fault", "addr": 14073748835532865544}}\n',
        b'{"mmtui": 1, "recording": {"page": 4096}}\n{"i": 0, "p\xffd": 7}\n',
        b'{"mmtui": 1, "recording": ' + b"[" * 100_000 + b"\n",
    ],
    "scenario": [
        b'{"oplist": [], "steps": []}',
        b'{"oplist": [], "steps": [], "regions": {"A": -1}}',
        b'{"oplist":' * 9,
    ],
    "log": [b'{"mmtui": 1, "ops": [], "log": {}}', b'{"mmtui": 1, "ops": [], "log": {"format": 1}}'],
    "imported": [
        b"a-1 (1) [000] d.... 1.000001: sys_enter: NR 9 (0, 4000, 3, 22, f-ff, 0)",
        b"a-1 (1) [000] d.... 1.000001: sys_enter: NR 9 (0, 4000, 3, 22, ffffffff, 0)\n"
        b"a-1 (1) [000] d.... 1.000002: sys_exit: NR 9 = 14000",
        b"a-1 (1) [000] d.... 1.000001: page_fault_user: address=0x1000 ip=0x40x7 error_code=0x6",
        b"a  1/" + b"9" * 5000 + b" [000] 1.1: 1 page-faults: 1000",
        b"pfn=mm_page_free:[LOST 99999999999 EVENTS]1.000009:" + b" " * 6000,
        b"a-1 (1) [000] d.... 1.000001: sys_enter: NR 9 (0, 7fffffff0000, 3, 8022, ffffffff, 0)\n"
        b"a-1 (1) [000] d.... 1.000002: sys_exit: NR 9 = 4096\n",
    ],
    "command_line": [
        b"goto op:\xd9\xa3",
        b"theme \x1b[2J",
        b"export ..",
        b"export " + b"x" * 5000,
        b"export ~nobody-of-that-name",
        b"mark \xe2\x80\xae",
        b"layout use x",
    ],
    "prompt": [b"s \xd9\xa3\nn \xc2\xb2", b"m \x1b[2J\n'", b"E ..", b"pt 99\nvm x", b"t page[8].count <"],
}
