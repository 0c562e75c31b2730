"""`Finder`: gives modules of torch's names, which hold what minnet has.

A module is made of its *sources*, modules of minnet; the first that has a name gives it. They are
the answers that torch's programs need and minnet does not, in the folders `torch` and `torchvision`
beside this file, and minnet's modules of the same path. What a source holds is not copied but is
the same object, so classes are one under both names.
"""

from __future__ import annotations

from functools import cache, partial
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from minnet.missing import advice

ROOTS = ("torch", "torchvision")

# Modules of minnet that are public under torch's names; others, such as `kernels`, are its own.
PUBLIC = "autograd cuda distributions fft func linalg nn optim random serialization special utils"

# Where minnet's name is another one than torch's.
RENAMED = {
    "torch.nn.modules": ["minnet.nn"],
    "torch.utils.data": ["minnet.utils.data", "minnet.data"],
    "torchvision.datasets": ["minnet.datasets", "minnet.data"],
    "torchvision.transforms": ["minnet.transforms", "minnet.data.transforms"],
}

# Modules whose names minnet has in the module above them.
FLAT = {
    "torch": "functional types",
    "torch.autograd": "anomaly_mode function functional grad_mode variable",
    "torch.distributions": "bernoulli beta binomial categorical cauchy chi2 constraints dirichlet "
    "distribution exponential gamma geometric gumbel half_normal independent kl laplace "
    "log_normal mixture_same_family multinomial multivariate_normal normal one_hot_categorical "
    "poisson relaxed_bernoulli relaxed_categorical studentT transformed_distribution transforms "
    "uniform utils",
    "torch.nn": "modules parameter",
    "torch.nn.modules": "activation batchnorm container conv distance dropout flatten fold "
    "instancenorm lazy linear loss module normalization padding pooling rnn sparse upsampling",
    "torch.nn.utils": "clip_grad convert_parameters parametrizations parametrize rnn stateless",
    "torch.optim": "adadelta adagrad adam adamax adamw lbfgs lr_scheduler nadam optimizer radam "
    "rmsprop rprop sgd swa_utils",
    "torch.utils.data": "dataloader dataset distributed sampler",
    "torchvision.datasets": "mnist",
    "torchvision.transforms": "functional transforms v2",
}

asked: dict[str, None] = {}  # names that were asked for and are missing, in order


def missing(name: str) -> str:
    """Note that a name of torch's is missing, and return what to say of it."""
    asked[name] = None
    return f"minnet has no {name}{advice(name.rpartition('.')[2])}"


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # one above it is no package, or is not there
        return False


@cache
def sources(name: str) -> tuple[str, ...]:
    """Return the names of minnet's modules that a module of torch's is made of, if any."""
    root, _, path = name.partition(".")
    candidates = [f"minnet.as_torch.{name}", *RENAMED.get(name, ())]
    if root == "torch" and (not path or path.partition(".")[0] in PUBLIC.split()):
        candidates.append(f"minnet.{path}".removesuffix("."))
    found = [module for module in candidates if _is_there(module)]
    parent, _, last = name.rpartition(".")
    if not found and last in FLAT.get(parent, "").split():
        return sources(parent)
    return tuple(found)


def _found(name: str, attribute: str) -> Any:
    """Return a value, no module, that one of the sources has; raise AttributeError if none has."""
    for source in map(import_module, sources(name)):
        try:
            value = getattr(source, attribute)
        except AttributeError:
            continue
        if not isinstance(value, ModuleType):
            return value
    raise AttributeError(attribute)


def _attribute(module: ModuleType, attribute: str) -> Any:
    """Return what a module does not hold yet: minnet may import it on first use."""
    if attribute.startswith("__"):
        raise AttributeError(f"module {module.__name__!r} has no attribute {attribute!r}")
    full = f"{module.__name__}.{attribute}"
    try:
        value = _found(module.__name__, attribute)
    except AttributeError:
        if sources(full):
            return import_module(full)
        raise AttributeError(missing(full), name=attribute, obj=module) from None
    setattr(module, attribute, value)
    return value


def _public(source: ModuleType) -> list[str]:
    names = getattr(source, "__all__", None)
    return [n for n in vars(source) if not n.startswith("_")] if names is None else list(names)


class Finder(MetaPathFinder, Loader):
    """Finds `torch`, `torchvision` and what lies in them, before any other finder is asked."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Return the spec of a module of torch's name, None for others.

        Raises:
            ModuleNotFoundError: if minnet has none of this name.
        """
        if fullname.partition(".")[0] not in ROOTS:
            return None
        if not sources(fullname):
            # With `name=` the message would be lost on the way of `from torch import that`.
            raise ModuleNotFoundError(missing(fullname))
        return ModuleSpec(fullname, self, is_package=True)

    def exec_module(self, module: ModuleType) -> None:
        """Put into a module what its sources hold."""
        name = module.__name__
        module.__doc__ = f"minnet's {name}: {', '.join(sources(name))}."
        values = vars(module)
        for source in map(import_module, reversed(sources(name))):
            for attribute in _public(source):
                value = getattr(source, attribute)
                if not isinstance(value, ModuleType):
                    values[attribute] = value
        values["__all__"] = sorted(n for n in values if not n.startswith("_"))
        values["__getattr__"] = partial(_attribute, module)
        values["__dir__"] = partial(_names, module)


def _names(module: ModuleType) -> list[str]:
    inside = (n for source in map(import_module, sources(module.__name__)) for n in _public(source))
    return sorted({*vars(module), *inside})
