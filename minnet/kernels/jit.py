"""The one decorator for the house, and the one place that decides serial or parallel.

`@device` marks a scalar function that kernels call, `@block` a loop over one block of an array that
they call, and `@kernel` a function that Python calls. A kernel whose outer loop is a `prange` is
written `@kernel(parallel=True)`; it is compiled a first time serially and, when a call is worth it,
a second time in parallel. Both give the same bits: work is cut by index and never by thread, and no
two threads add to one element.

Nothing compiles at import. Machine code is kept on disk (see `cache.py`).
"""

from __future__ import annotations

import gc
import math
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from functools import update_wrapper
from typing import Any

import numba
import numpy.ma  # noqa: F401 - by Numba at the first call, when a fork may find it half imported
from llvmlite.binding import ffi
from numba import config, types
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import CPUDispatcher
from numba.core.sigutils import normalize_signature
from numba.np.numpy_support import as_dtype

from minnet.kernels import forks, linking
from minnet.kernels.cache import KernelCache
from minnet.kernels.signals import deferred
from minnet.kernels.threads import get_num_threads

OPTIONS = {"nogil": True, "error_model": "numpy"}
INNER = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}  # Python never calls it

# Nanoseconds of work. A parallel launch costs about 3 us under omp and tbb, and about 100 us under
# workqueue (measured); it has to save several times that. The first launch tells the layer.
WORTH_A_LAUNCH = {"omp": 20_000, "tbb": 20_000, "workqueue": 400_000, "unknown": 20_000}
LEAST_WORK = 20_000  # below, the layer need not be asked

# How often a thread of GNU's OpenMP looks whether there is work before it sleeps: about 0.2 ms, the
# time between two launches of a small network's step. By default it is 300,000, and where another
# program keeps a core busy, threads wait for each other through whole time slices: a step of
# 784-128-10 then takes 20 ms instead of 0.5 (measured), and with this about 2.
SPINS = {"GOMP_SPINCOUNT": "10000"}

_forked = False
_layer = "unknown"
_launch = threading.RLock()  # which Ctrl-C can leave taken, but not against its own thread
_masked = threading.local()


def _in_forked_child() -> None:
    # OpenMP threads do not survive a fork: a child that enters them hangs or dies.
    global _forked, _launch
    _forked = True
    _launch = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_forked_child)
forks.wait_for(global_compiler_lock)
forks.wait_for(ffi.lib._lock)  # LLVM's, which garbage collection takes as well


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Set variables for a while, unless the user has set them."""
    added = [name for name in variables if name not in os.environ]
    os.environ.update({name: variables[name] for name in added})
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def least_work() -> float:
    """Return from how many nanoseconds of single-threaded work on a launch is safe and saves time.

    It is infinite where there is one thread.
    """
    return math.inf if get_num_threads() == 1 or _forked else WORTH_A_LAUNCH[_layer]


class Kernel:
    """A function on arrays, compiled on first use for each combination of argument types.

    Calling it runs it serially. `over(work)` returns what to call for about `work` nanoseconds of
    single-threaded work: the parallel form where that is faster and safe, the serial one otherwise.

    With `accepts` the types of the arguments need no check in a call: it is asked before anything
    is compiled for other types, and where it says no, `NotAccepted` is raised.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        parallel: bool,
        accepts: Callable[..., bool] | None = None,
    ):
        update_wrapper(self, function)
        self._function = function
        self._accepts = accepts
        self.serial = _compiled(function, False, accepts)
        self._parallel: Any = None  # compiled when first needed
        self._has_prange = parallel

    def __call__(self, *args: Any) -> Any:
        return self.serial(*args)

    def over(self, work: float) -> Callable[..., Any]:
        if work < LEAST_WORK or not self._has_prange or work < least_work():
            return self.serial
        return self.parallel

    def parallel(self, *args: Any) -> Any:
        """Run with all threads, or serially where entering the threads is not safe."""
        global _layer
        if self._parallel is None:
            self._parallel = _compiled(self._function, True, self._accepts)
        threads = get_num_threads()
        if getattr(_masked, "threads", 0) != threads:
            # Numba keeps it for each Python thread, and is slow to tell. The first time, this loads
            # the threading layer, which reads its variables then.
            with forks.loading, deferred(), _environment(SPINS):
                numba.set_num_threads(min(threads, config.NUMBA_NUM_THREADS))
            _masked.threads = threads
        if _layer in ("omp", "tbb"):
            return self._parallel(*args)
        # workqueue aborts the process when two Python threads enter it at once.
        if not _launch.acquire(blocking=False):
            return self.serial(*args)
        try:
            return self._parallel(*args)
        finally:
            _launch.release()
            if _layer == "unknown":
                _layer = numba.threading_layer()


def named(function: Any, name: str) -> Any:
    """Give a function that another one makes the name that its machine code is kept by."""
    function.__name__ = function.__qualname__ = name
    return function


class NotAccepted(TypeError):
    """The arguments of a kernel are of types that it is not compiled for."""


class Dispatcher(CPUDispatcher):
    """Numba's dispatcher, which compiles even where NUMBA_DISABLE_JIT is set.

    The variable is there to step through functions of one's own in a debugger. `numba.njit` would
    return the function itself then, and Python cannot run the vector IR in a kernel.
    """

    accepts: Callable[..., bool] | None = None

    def _compile_for_args(self, *args: Any, **kws: Any) -> Any:
        # Numba calls this where it has nothing compiled for such arguments.
        if self.accepts is not None and not self.accepts(*args, **kws):
            raise NotAccepted(f"{self.__name__} takes no such arguments")
        with forks.loading, deferred():
            return super()._compile_for_args(*args, **kws)

    def compile(self, sig: Any) -> Any:
        with global_compiler_lock:
            disabled, config.DISABLE_JIT = config.DISABLE_JIT, 0  # Numba's own functions, too
            collects = gc.isenabled()
            gc.disable()  # it would look through all that Numba keeps, for a tenth of the time
            try:
                return super().compile(sig)
            finally:
                config.DISABLE_JIT = disabled
                if collects:
                    gc.enable()


def _jit(function: Callable[..., Any], **options: Any) -> Any:
    options = {"nopython": True, "boundscheck": None, **OPTIONS, **options}
    return Dispatcher(function, targetoptions=options)


def _compiled(
    function: Callable[..., Any], parallel: bool, accepts: Callable[..., bool] | None
) -> Any:
    dispatcher = _jit(function, parallel=parallel)
    dispatcher.accepts = accepts
    dispatcher._cache = KernelCache(function, "parallel" if parallel else "serial")
    return dispatcher


def kernel(
    function: Callable[..., Any] | None = None,
    *,
    parallel: bool = False,
    accepts: Callable[..., bool] | None = None,
) -> Any:
    """Mark a function that Python calls with checked arrays and numbers."""
    if function is None:
        return lambda function: Kernel(function, parallel, accepts)
    return Kernel(function, parallel, accepts)


def device(function: Callable[..., Any]) -> Any:
    """Mark a scalar function that kernels call.

    It is always inlined: LLVM vectorises a loop only after everything in it is inlined, and left to
    itself it finds ten rounds of Philox too long for that (measured: a fourth of the speed).
    """
    if config.ENABLE_CUDASIM:
        return CalledFromPython(function, targetoptions={**OPTIONS, "nopython": True})
    return _jit(function, forceinline=True, **INNER)


class CalledFromPython(CPUDispatcher):
    """A `device` function under CUDA's simulator, where kernels are Python.

    To Python, Numba returns a float32 as a float and a uint32 as an int. Here a result keeps its
    type, as it does within compiled code.
    """

    def __call__(self, *args: Any) -> Any:
        result = super().__call__(*args)
        kind = self.overloads[tuple(numba.typeof(x) for x in args)].signature.return_type
        if isinstance(kind, types.BaseTuple):
            return tuple(as_dtype(k).type(x) for k, x in zip(kind, result, strict=True))
        return result if kind == types.none else as_dtype(kind).type(result)


class Block(Dispatcher):
    """The dispatcher of a `block`, which those who call it do not hold a copy of."""

    def __init__(self, function: Callable[..., Any]):
        options = {"nopython": True, "boundscheck": None, **OPTIONS, **INNER}
        super().__init__(function, targetoptions=options)
        self._name = f"{function.__module__.removeprefix('minnet.kernels.')}.{function.__name__}"
        self._cache = KernelCache(function, "block")
        linking.add(self._name, self)

    def get_call_template(self, args: Any, kws: Any) -> Any:
        # A constant is an argument as any other: one compilation serves all.
        return super().get_call_template([types.unliteral(x) for x in args], kws)

    def get_overload(self, sig: Any) -> str:
        """Return what Numba finds the code for a call by."""
        return self.link(normalize_signature(sig)[0])

    def link(self, types: linking.Types) -> str:
        symbol = linking.symbol_of(self._name, types)
        if not linking.is_defined(symbol):
            self.compile(types)
            compiled = self.overloads[types]
            address = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
            linking.define(self._name, types, address)
            declared = copy(compiled.fndesc)
            declared.mangled_name = symbol
            self.targetctx.insert_user_function(symbol, declared)
        return symbol


def block(function: Callable[..., Any]) -> Any:
    """Mark the work on one block of arrays, which the loop of a parallel kernel calls.

    It is compiled on its own and never inlined: in the body of a `prange` LLVM vectorises less well
    (measured on the fills: 0.6 of the speed), and so all kernels that call it, in both forms, run
    the same code, which is compiled once (see `linking.py`).
    """
    return Block(function)
