"""`minnet.utils.data`, torch's name of `minnet.data`: one module under both names."""

import sys

from minnet import data
from minnet.data import loader

__all__ = ["data"]

# Whatever asks for the module, or for a file of it, finds the one that is there.
for _name in [name for name in sys.modules if f"{name}.".startswith("minnet.data.")]:
    sys.modules[_name.replace("minnet", "minnet.utils", 1)] = sys.modules[_name]
sys.modules["minnet.utils.data.dataloader"] = loader
