"""The doctor: see what an initialization does to a network, before training it.

`examine` looks at a network and reports, `prescribe` initializes it as the theory recommends. What
they need is imported when they are first used, so that `import minnet` does not wait for it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minnet.doctor.examination import examine, prescribe
    from minnet.doctor.report import Compared, Finding, Layer, Report, Unhealthy

__all__ = ["Compared", "Finding", "Layer", "Report", "Unhealthy", "examine", "prescribe"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "examination" if name in ("examine", "prescribe") else "report"
    return getattr(import_module(f"minnet.doctor.{home}"), name)
