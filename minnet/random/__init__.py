"""Random numbers: generators, and the default one."""

from minnet.random.generator import (
    DEFAULT_SEED,
    Generator,
    default_generator,
    initial_seed,
    manual_seed,
    resolve,
    seed,
)

__all__ = [
    "DEFAULT_SEED",
    "Generator",
    "default_generator",
    "initial_seed",
    "manual_seed",
    "resolve",
    "seed",
]
