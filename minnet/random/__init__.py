"""Random numbers: generators, and the default one."""

from minnet.random.generator import (
    DEFAULT_SEED,
    Generator,
    default_generator,
    for_pass,
    fork,
    fork_rng,
    get_rng_state,
    initial_seed,
    manual_seed,
    resolve,
    seed,
    set_default_engine,
    set_rng_state,
)

__all__ = [
    "DEFAULT_SEED", "Generator", "default_generator", "for_pass", "fork", "fork_rng",
    "get_rng_state", "initial_seed", "manual_seed", "resolve", "seed", "set_default_engine",
    "set_rng_state",
]  # fmt: skip
