"""What a driver does by itself: buffers, PG_reserved, nopage; and who keeps a pinned page."""

from __future__ import annotations

from errno import EBUSY, EEXIST, EINVAL, ENOENT, ESRCH

from mmtui.engine import ops
from mmtui.engine.flags import PG_dirty, PG_reserved
from mmtui.engine.kernel.filemap import GET_ALWAYS, GET_NEVER, GET_UNLESS_RESERVED
from mmtui.engine.kernel.fork import Fork
from mmtui.engine.kernel.model import INODE_FILE, NO_PAGE, NULL, kfn

UNSUPPORTED = "unsupported"


class Drivers(Fork):
    """drivers/*"""

    def declare_driver(self, op: ops.Driver) -> None:
        """A driver and its nopage; a later declaration of the same name replaces it for all its vmas."""
        name = self.strings.number(op.driver)
        driver = self.index.drivers.get(name, NULL)
        if not driver:
            driver = self.row("driver")
            self.index.drivers[name] = driver
        self.driver.state[driver] = 1
        self.driver.name[driver] = name
        self.driver.buf[driver] = self.strings.number(op.buf) if op.buf is not None else 0
        self.driver.get_page[driver] = (
            GET_UNLESS_RESERVED if op.get_page == "unless_reserved" else GET_ALWAYS if op.get_page else GET_NEVER
        )

    @kfn("order")
    def driver_alloc(self, op: ops.Alloc, order: int) -> int:
        """alloc_pages for a driver's buffer, SetPageReserved on each page if it wants; the pfn, -errno or NO_PAGE."""
        name = self.strings.number(op.buf)
        buf = self.index.bufs.get(name, NULL)
        if buf and self.buf.state[buf] == 1:
            return -EEXIST
        pfn = self.alloc_pages(order, op.comp)
        if pfn == NO_PAGE:
            return NO_PAGE
        if not buf:
            buf = self.row("buf")
            self.index.bufs[name] = buf
        self.buf.name[buf] = name
        self.buf.driver[buf] = self.strings.number(op.driver)
        self.buf.pfn[buf] = pfn
        self.buf.order[buf] = order
        self.buf.comp[buf] = int(op.comp)
        self.buf.reserved[buf] = int(op.reserved)
        self.buf.state[buf] = 1
        if op.reserved:
            for page in range(pfn, pfn + (1 << order)):
                self.page.flags[page] |= PG_reserved
        return pfn

    @kfn()
    def driver_free(self, op: ops.Free) -> int:
        """ClearPageReserved on each page if the driver had set it, then __free_pages; 0 or -errno."""
        buf = self.index.bufs.get(self.strings.find(op.buf), NULL)
        if not buf or self.buf.state[buf] != 1:
            return -EINVAL
        pfn, order = self.buf.pfn[buf], self.buf.order[buf]
        if self.buf.reserved[buf]:
            for page in range(pfn, pfn + (1 << order)):
                self.page.flags[page] &= ~PG_reserved
        self.buf.state[buf] = 2
        self.free_pages(pfn, order)
        return 0

    def set_page_reserved(self, pfn: int, reserved: bool) -> int:
        """SetPageReserved or ClearPageReserved, and nothing else; 0 or -errno."""
        if not self.pfn_valid(pfn):
            return -EINVAL
        if reserved:
            self.page.flags[pfn] |= PG_reserved
        else:
            self.page.flags[pfn] &= ~PG_reserved
        return 0

    def insert_page_op(self, op: ops.InsertPage) -> int | str:
        """vm_insert_page came with 2.6.15-rc4 (a145dd411eb2)."""
        return UNSUPPORTED

    def pin_takes_reference(self, pfn: int) -> bool:
        """Does get_user_pages take a reference on this page? Not on a reserved one, up to 2.6.14."""
        return not self.PageReserved(pfn)

    def pin_op(self, op: ops.Pin) -> int:
        """get_user_pages for one page, kept under a name; the pfn or -errno."""
        mm = self.mm_of(op.pid)
        if not mm:
            return -ESRCH
        name = self.strings.number(op.pin)
        if name in self.index.pins:
            return -EEXIST
        pfn = self.get_user_pages(mm, op.addr, op.write, op.force, True)
        if pfn < 0:
            return pfn
        pin = self.row("pin")
        self.index.pins[name] = pin
        self.pin.name[pin] = name
        self.pin.mm[pin] = mm
        self.pin.address[pin] = op.addr
        self.pin.pfn[pin] = pfn
        self.pin.ref[pin] = int(self.pin_takes_reference(pfn))
        self.pin.state[pin] = 1
        return pfn

    def unpin_op(self, op: ops.Unpin) -> int:
        """set_page_dirty if asked, page_cache_release; 0 or -errno."""
        pin = self.index.pins.pop(self.strings.find(op.pin), NULL)
        if not pin:
            return -EINVAL
        pfn = self.pin.pfn[pin]
        if op.dirty:
            self.page.flags[pfn] |= PG_dirty
        self.pin.state[pin] = 0
        self.pin.ref[pin] = 0
        self.pin.pfn[pin] = 0
        self.pin.address[pin] = 0
        self.pin.mm[pin] = NULL
        self.pin.name[pin] = 0
        self.index.give_row("pin", pin)
        self.put_page(pfn)
        return 0

    def drop_cache_op(self, op: ops.DropCache) -> int:
        """The page cache gives a page back if nobody else has a reference; 0 or -errno."""
        inode = self.open_inode(op.file, INODE_FILE)
        pfn = self.page_cache_lookup(inode, op.pgoff)
        if pfn == NO_PAGE:
            return -ENOENT
        if self.page.count[pfn] != 1:
            return -EBUSY
        self.remove_from_page_cache(inode, op.pgoff)
        return 0
