"""The kernel models: `RELEASES` has all of them, the oldest first."""

from __future__ import annotations

from mmtui.engine.kernel.drivers import Drivers
from mmtui.engine.kernel.v2_6_14 import Linux_2_6_14
from mmtui.engine.kernel.v2_6_15 import Linux_2_6_15
from mmtui.engine.kernel.v2_6_15_rc2 import Linux_2_6_15_rc2
from mmtui.engine.kernel.v2_6_15_rc3 import Linux_2_6_15_rc3
from mmtui.engine.kernel.v2_6_15_rc5 import Linux_2_6_15_rc5
from mmtui.engine.kernel.v6_x import Linux_6_x
from mmtui.engine.kernel.vm_unpaged import Linux_vm_unpaged

RELEASES: dict[str, type[Drivers]] = {
    "2.6.14": Linux_2_6_14,
    "2.6.15-rc2": Linux_2_6_15_rc2,
    "vm-unpaged": Linux_vm_unpaged,
    "2.6.15-rc3": Linux_2_6_15_rc3,
    "2.6.15-rc5": Linux_2_6_15_rc5,
    "2.6.15": Linux_2_6_15,
    "6.x": Linux_6_x,
}
"""Every model by name."""

DEFAULT = "2.6.15"
"""The model of a trace that names none."""
