"""Which engine multiplies matrices: minnet's own kernels, whose bits are fixed, or a BLAS."""

from __future__ import annotations

ENGINES = ("minnet", "blas")

_engine = "minnet"


def set_matmul(engine: str) -> None:
    """Choose what multiplies matrices, from now on and in all threads.

    "minnet", the default, adds up each element in one documented order: the same bits on every
    machine and on the GPU. "blas" is NumPy's BLAS on the CPU, and on the GPU cuBLAS (without TF32),
    for which nvmath-python has to be installed: their bits depend on the machine.

    Raises:
        ValueError: if there is no such engine.

    Example:
        >>> import minnet
        >>> minnet.set_matmul("blas")
        >>> (minnet.ones(2, 3) @ minnet.ones(3, 1)).tolist()
        [[3.0], [3.0]]
        >>> minnet.set_matmul("minnet")
    """
    global _engine
    if engine not in ENGINES:
        raise ValueError(f"set_matmul expects one of {', '.join(ENGINES)}, got {engine!r}")
    _engine = engine


def get_matmul() -> str:
    """Return what multiplies matrices: "minnet" or "blas".

    Example:
        >>> import minnet
        >>> minnet.get_matmul()
        'minnet'
    """
    return _engine
