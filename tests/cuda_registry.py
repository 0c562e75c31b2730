"""Every CUDA kernel, the types it is compiled for, and the registers it may use.

python tests/cuda_registry.py [word ...]   compile and assemble them, and print a table
python tests/cuda_registry.py --json       all that the tests want to know

No GPU is needed: NVVM compiles to PTX, nvJitLink assembles.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

FILES = ("fill", "gather", "indexing", "loss", "matmul", "optimize", "pointwise", "reduce")
TARGETS = ((7, 5), (8, 0), (8, 6), (8, 9), (9, 0), (10, 0))


@dataclass
class Listed:
    """A kernel for one combination of types."""

    name: str
    function: Any  # what cuda.jit has made of it
    types: tuple[Any, ...]
    registers: int  # at most
    launch_bounds: Any = None


def listed() -> Iterator[Listed]:
    """Yield every kernel for every combination of types that it is launched with."""
    from minnet.kernels.cuda import fill, gather, loss, optimize, pointwise, reduce
    from minnet.kernels.cuda.driver import types
    from minnet.kernels.formulas import FORMULAS

    matmul = import_module("minnet.kernels.cuda.matmul")  # the package has a function of that name
    singles, doubles = types.float32[::1], types.float64[::1]
    stream = types.UniTuple(types.uint64, 2)
    fills = {
        "uniform": (fill.KERNELS["uniform"], 3),
        "normal": (fill.KERNELS["normal"], 2),
        "exponential": (fill.KERNELS["exponential"], 1),
        "truncated": (fill.KERNELS["truncated"], 4),
        "tail": (fill.KERNELS["tail"], 8),
    }
    for name, (kernels, count) in fills.items():
        for array in (singles, doubles):
            numbers = types.UniTuple(array.dtype, count)
            arguments = (array, types.int64, types.boolean, stream, numbers)
            size = array.dtype.bitwidth // 8
            yield Listed(f"fill {name}{8 * size}", kernels[size], arguments, 64)
    words = types.UniTuple(types.uint32, 1)
    arguments = (singles, types.int64, types.boolean, stream, words)
    yield Listed("fill bernoulli32", fill.KERNELS["bernoulli"][4], arguments, 64)
    numbers = types.UniTuple(types.uint64, 3)
    arguments = (types.int64[::1], types.int64, types.boolean, stream, numbers)
    yield Listed("fill integers64", fill.KERNELS["integers"][8], arguments, 64)

    for name, formula in FORMULAS.items():
        count = len(formula.numbers)
        numbers = types.UniTuple(types.float64, count) if count else types.Tuple(())
        for array in (singles, doubles):
            size = array.dtype.bitwidth // 8
            arguments = (*[array for _ in formula.arrays], numbers, types.boolean, array)
            run, budget = pointwise.KERNELS[name][size], 64 if size == 4 else 80
            yield Listed(f"pointwise {name}{8 * size}", run, arguments, budget)

    flag, size = types.boolean, types.int64
    for tile, name, budget in ((matmul.LARGE, "large", 128), (matmul.SMALL, "small", 128)):
        for layout, order in {
            "nt": (True, True),
            "nn": (True, False),
            "tn": (False, False),
        }.items():
            arguments = (singles, singles, size, size, size, singles, flag, flag, flag, singles)
            run = matmul.tiled(tile, *order)
            yield Listed(
                f"matmul {name} {layout}",
                run,
                arguments,
                budget,
                (tile.threads, 256 * 2 // tile.threads),
            )
    strided = types.Array(types.float64, 2, "A")
    arguments = (strided, strided, doubles, flag, types.float64[:, ::1])
    yield Listed("matmul plain", matmul.plain, arguments, 64)

    targets = types.int64[::1]
    for real in (types.float32, types.float64):
        name = real.bitwidth
        row, rows, cube = real[::1], real[:, ::1], real[:, :, ::1]
        for partial in {real, types.float64}:
            last = "" if partial == real else ", partial"
            for kind, by in (("", types.UniTuple(types.float64, 1)), (" on device", doubles)):
                run, arguments = reduce._sum_rows, (rows, by, partial[:, ::1])
                yield Listed(f"reduce sum_rows{name}{last}{kind}", run, arguments, 64)
                run, arguments = reduce._sum_columns, (cube, by, partial[:, :, ::1])
                yield Listed(f"reduce sum_columns{name}{last}{kind}", run, arguments, 64)
        for run in (reduce._softmax, reduce._log_softmax):
            yield Listed(f"reduce {run.__name__[1:]}{name}", run, (rows, rows), 64)
        for run in (reduce._softmax_backward, reduce._log_softmax_backward):
            yield Listed(f"reduce {run.__name__[1:]}{name}", run, (rows, rows, rows), 64)
        yield Listed(f"reduce logsumexp{name}", reduce._logsumexp, (rows, rows, row), 64)

        arguments = (rows, targets, size, rows, types.float64[::1], row)
        yield Listed(f"loss cross_entropy{name}", loss._cross_entropy, arguments, 64)
        arguments = (row, rows, types.float64[::1], targets, size, rows)
        run = loss._cross_entropy_backward
        yield Listed(f"loss cross_entropy_backward{name}", run, arguments, 64)
        yield Listed(f"loss bce{name}", loss._bce_with_logits, (row,) * 5, 64)
        run = loss._bce_with_logits_backward
        yield Listed(f"loss bce_backward{name}", run, (row,) * 6, 64)

        table = types.int64[:, ::1]
        start = (real, size, table)
        arguments = (*start, types.UniTuple(real, 3))
        yield Listed(f"optimize sgd{name}", optimize.KERNELS["sgd"], arguments, 64)
        taken = {
            "momentum": 7, "adam": 9, "amsgrad": 9, "nadam": 10, "radam": 11, "adamax": 6,
            "adagrad": 4, "adadelta": 6, "rmsprop": 7, "rmsprop_momentum": 7,
            "rmsprop_centered": 7, "rmsprop_both": 7, "rprop": 5, "asgd": 5,
        }  # fmt: skip
        for kernel, numbers in taken.items():
            arguments = (*start, types.UniTuple(real, numbers))
            yield Listed(f"optimize {kernel}{name}", optimize.KERNELS[kernel], arguments, 64)
    yield Listed("loss check", loss._check, (targets, size, size, targets, doubles), 64)
    images = types.uint8[:, ::1]
    arguments = (images, targets, types.float32, types.float32, types.float32[:, ::1])
    yield Listed("gather scaled", gather._scaled, arguments, 64)
    yield from of_numpy()


def of_numpy() -> Iterator[Listed]:
    """Yield the kernels behind NumPy's functions, of arrays and of an array and a number."""
    import numpy as np

    from minnet.kernels.cuda import elementwise, indexing, ordering
    from minnet.kernels.cuda.driver import types

    flags = {
        np.isnan, np.isinf, np.isfinite, np.logical_not, np.logical_and, np.logical_or, np.equal,
        np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
    }  # fmt: skip
    whole = {np.invert, np.bitwise_and, np.bitwise_or, np.bitwise_xor}
    counts = {"copy": 1, "where": 3, "clip": 3}
    shape, at = types.UniTuple(types.int64, 2), types.UniTuple(types.int64, 3)
    for key in elementwise.FUNCTIONS:
        if key is np.power:  # the C library's is close only, here as on the CPU
            continue
        name, operands = (key, counts[key]) if key in counts else (key.__name__, key.nin)
        kinds = (types.int64,) if key in whole else (types.float32,)
        for kind in kinds:
            out = types.boolean if key in flags else kind
            first = types.boolean if key == "where" else kind
            arrays = [first[::1], *[kind[::1]] * (operands - 1)]
            numbers = [first[::1], *[types.UniTuple(kind, 1)] * (operands - 1)]
            for with_number in ("", " number")[: 1 + (operands > 1)]:
                inputs = numbers if with_number else arrays
                spread = [part for x in inputs for part in (x, at)]
                arguments = (shape, out[::1], at, *spread)
                run = elementwise._kernel(key, operands)
                yield Listed(f"elementwise {name} {kind}{with_number}", run, arguments, 64)
    casts = [(x, types.float32) for x in (types.int64, types.boolean, types.uint8, types.float64)]
    for source, target in [*casts, (types.float32, types.int64), (types.float32, types.boolean)]:
        arguments = (shape, target[::1], at, source[::1], at)
        run = elementwise._kernel("copy", 1)
        yield Listed(f"elementwise copy {source} {target}", run, arguments, 64)
    indices, places = types.int64[::1], types.int64[:, :, ::1]
    yield Listed("indexing check", indexing._check, (indices, types.int64, indices), 64)
    for kind in (types.float32, types.float64, types.int64, types.boolean):
        cube = kind[:, :, ::1]
        arguments = (cube, types.int64, places)
        yield Listed(f"ordering total {kind}", ordering._total, arguments, 64)
        arguments = (cube, types.boolean, types.boolean, places, types.int64, places)
        yield Listed(f"ordering extreme {kind}", ordering._extreme, arguments, 64)
        arguments = (cube, places, cube, types.boolean)
        yield Listed(f"ordering along {kind}", ordering._along, arguments, 64)
        yield Listed(f"indexing rows {kind}", indexing._rows, (cube, indices, cube), 64)


def without_a_device() -> None:
    """Let Numba compile functions that kernels call, which it does for the current device."""
    import numba.cuda.dispatcher as dispatcher

    class Device:
        compute_capability = (9, 0)

    dispatcher.get_current_device = lambda: Device


class Compiled:
    """A kernel's code: PTX and its assembly for any compute capability."""

    def __init__(self, kernel: Listed):
        from numba.cuda import compiler

        from minnet.kernels.cuda.driver import types

        self._library, _ = compiler._compile_pyfunc_with_fixup(
            kernel.function.py_func,
            types.void(*kernel.types),
            device=False,
            abi="numba",
            cc=(9, 0),
            launch_bounds=kernel.launch_bounds,
        )

    def ptx(self, target: tuple[int, int]) -> str:
        return self._library.get_asm_str(cc=target)

    def contracted(self, target: tuple[int, int]) -> bool:
        """Return whether NVVM makes an fma of a product and a sum: whether to forbid it matters."""
        free = _unrounded(self.ptx(target))
        options = self._library._nvvm_options
        self._library._nvvm_options = {**options, "fma": 0}
        self._library._ptx_cache.clear()
        strict = _unrounded(self.ptx(target))
        self._library._nvvm_options = options
        self._library._ptx_cache.clear()
        return free != strict


def _unrounded(ptx: str) -> str:
    """Return PTX without the mode of rounding, by which NVVM forbids the assembler to contract."""
    return re.sub(r"\b(mul|add|sub)\.rn\.(f32|f64)", r"\1.\2", ptx)


def assembled(ptx: str, target: tuple[int, int]) -> dict[str, int]:
    """Return what the assembler tells: registers, bytes of shared memory, stack and spills."""
    from cuda.bindings import nvjitlink

    code = ptx.encode()
    options = [f"-arch=sm_{target[0]}{target[1]}", "-verbose", "-Xptxas=-v"]
    handle = nvjitlink.create(len(options), options)
    try:
        nvjitlink.add_data(handle, nvjitlink.InputType.PTX, code, len(code), "kernel")
        nvjitlink.complete(handle)
        log = bytearray(nvjitlink.get_info_log_size(handle))
        nvjitlink.get_info_log(handle, log)
    finally:
        nvjitlink.destroy(handle)
    text = log.decode()
    found = {"registers": int(re.search(r"Used (\d+) registers", text)[1])}
    for name, pattern in {
        "stack": r"(\d+) bytes stack frame",
        "stores": r"(\d+) bytes spill stores",
        "loads": r"(\d+) bytes spill loads",
        "shared": r"(\d+) bytes smem",
    }.items():
        match = re.search(pattern, text)
        found[name] = int(match[1]) if match else 0
    return found


APPROXIMATE = re.compile(r"\b\w+\.approx[.\w]*|\bdiv\.full[.\w]*|\b[.\w]+\.ftz\b[.\w]*")


def facts(ptx: str, target: tuple[int, int], **known: Any) -> dict[str, Any]:
    """Return what is to be known of a kernel on a target."""
    return {
        **assembled(ptx, target),
        "approximate": sorted(set(APPROXIMATE.findall(ptx))),
        "wide_loads": len(re.findall(r"ld\.global[.\w]*\.v4\.[fbu]32", ptx)),
        "wide_shared_loads": len(re.findall(r"ld\.shared\.v4\.[fbu]32", ptx)),
        "wide_stores": len(re.findall(r"st\.global\.v4\.[fbu]32", ptx)),
        **known,
    }


def everything() -> dict[str, dict[str, dict[str, Any]]]:
    """Return all facts, by the kernel's name and the target's."""
    without_a_device()
    found = {}
    with ThreadPoolExecutor() as pool:  # NVVM takes turns, and the assembler works beside it
        for kernel in listed():
            compiled = Compiled(kernel)
            for target in TARGETS:
                ptx = compiled.ptx(target)
                # One target tells for all: it happens before a target is looked at.
                contracted = target == (9, 0) and compiled.contracted(target)
                job = pool.submit(
                    facts, ptx, target, budget=kernel.registers, contracted=contracted
                )
                found.setdefault(kernel.name, {})[f"sm_{target[0]}{target[1]}"] = job
    return {name: {t: job.result() for t, job in jobs.items()} for name, jobs in found.items()}


def every(value: Any) -> Iterator[Any]:
    """Yield what a value is, or what is in it, if it is a dict of dicts or of others."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from every(inner)
    else:
        yield value


def unlisted() -> list[str]:
    """Return the names of kernels in this package's files that `listed` does not have."""
    import minnet.kernels.cuda as package
    from minnet.kernels.cuda.driver import cuda

    known = {id(kernel.function) for kernel in listed()}
    kind = type(cuda.jit(unlisted))
    names = []
    for name in FILES:
        module = import_module(f"{package.__name__}.{name}")
        for attribute, value in vars(module).items():
            for one in every(value):
                if isinstance(one, kind) and not one.targetoptions.get("device"):
                    if one.__module__ == module.__name__ and id(one) not in known:
                        names.append(f"{name}.{attribute}")
    return sorted(set(names))


def environment(root: str) -> dict[str, str]:
    """Return the variables of a process that runs this program for the minnet in a folder."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, str(Path(__file__).parent)])}


def report(words: list[str]) -> None:
    """Print the registers of the kernels whose names have one of these words in them."""
    without_a_device()
    print(f"{'registers on':36}", *(f"sm_{major}{minor}".rjust(6) for major, minor in TARGETS))
    for kernel in listed():
        if words and not any(word in kernel.name for word in words):
            continue
        compiled = Compiled(kernel)
        found = [assembled(compiled.ptx(target), target) for target in TARGETS]
        marks = ["!" if f["stores"] or f["loads"] else "" for f in found]
        cells = [f"{f['registers']}{mark}" for f, mark in zip(found, marks, strict=True)]
        print(f"{kernel.name:36}", *(cell.rjust(6) for cell in cells), flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["--json"]:
        print(json.dumps(everything()))
    else:
        report(sys.argv[1:])
