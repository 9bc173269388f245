"""Objects as they should be: one level-based `reconcile` per kind, on ports only.

Nothing here remembers anything. Each call reads what is, works out what should be, repairs the difference and writes
down in `status` what it saw, so that a restart, a lost event or a second controller changes nothing.
"""

from funkhaus.services.materialisation.cron import CronMaterialiser
from funkhaus.services.materialisation.functions import FunctionMaterialiser
from funkhaus.services.materialisation.namespaces import NamespaceMaterialiser
from funkhaus.services.materialisation.parts import Judge, Next, Surroundings
from funkhaus.services.materialisation.triggers import TriggerMaterialiser

__all__ = [
    "CronMaterialiser",
    "FunctionMaterialiser",
    "Judge",
    "NamespaceMaterialiser",
    "Next",
    "Surroundings",
    "TriggerMaterialiser",
]
