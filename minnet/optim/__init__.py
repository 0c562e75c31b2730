"""Optimizers, by torch.optim's names. What is not in every program is imported on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from minnet.optim.adam import Adam as Adam
from minnet.optim.adam import AdamW as AdamW
from minnet.optim.optimizer import Optimizer as Optimizer
from minnet.optim.sgd import SGD as SGD

if TYPE_CHECKING:
    from minnet.optim import lr_scheduler as lr_scheduler
    from minnet.optim import swa_utils as swa_utils
    from minnet.optim.adadelta import Adadelta as Adadelta
    from minnet.optim.adagrad import Adagrad as Adagrad
    from minnet.optim.adamax import Adamax as Adamax
    from minnet.optim.asgd import ASGD as ASGD
    from minnet.optim.lbfgs import LBFGS as LBFGS
    from minnet.optim.nadam import NAdam as NAdam
    from minnet.optim.radam import RAdam as RAdam
    from minnet.optim.rmsprop import RMSprop as RMSprop
    from minnet.optim.rprop import Rprop as Rprop

_LATER = "Adadelta Adagrad Adamax ASGD LBFGS NAdam RAdam RMSprop Rprop".split()
_MODULES = "lr_scheduler", "swa_utils"


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name in _LATER:
        value = globals()[name] = getattr(import_module(f"{__name__}.{name.lower()}"), name)
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER, *_MODULES})
