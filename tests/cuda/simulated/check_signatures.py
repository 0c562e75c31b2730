"""Both devices' kernels have the same names and signatures."""

import inspect
from types import ModuleType

from minnet.kernels import cpu, cuda


def parameters(function):
    """Return what a call needs to know: names, kinds and defaults."""
    found = inspect.signature(function).parameters.values()
    return [(p.name, p.kind, p.default) for p in found]


def public(module):
    return {
        name: value
        for name, value in vars(module).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }


def test_same_names():
    assert set(public(cuda)) == set(public(cpu))


def test_same_signatures():
    for name, function in public(cpu).items():
        assert parameters(getattr(cuda, name)) == parameters(function), name


def test_what_the_cpu_alone_has_says_what_to_do():
    assert isinstance(cpu.mersenne_twister, ModuleType)
    for use in (lambda: cuda.mersenne_twister.seeded(1), lambda: cuda.digits(None, None, 0, 0)):
        try:
            use()
        except RuntimeError as error:
            assert "make a CPU tensor, and move it with .to('cuda')" in str(error)
        else:
            raise AssertionError("no error")
