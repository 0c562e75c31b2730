"""minnet: a small neural-network framework on NumPy and Numba, with torch's names."""

from minnet import autograd, cuda, data, doctor, nn, optim, random
from minnet.autograd import (
    enable_grad,
    inference_mode,
    is_anomaly_enabled,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from minnet.devices import OutOfMemoryError, device
from minnet.dtypes import bool_ as bool
from minnet.dtypes import (
    dtype,
    float32,
    float64,
    get_default_dtype,
    int8,
    int16,
    int32,
    int64,
    set_default_dtype,
    uint8,
)
from minnet.dtypes import float32 as float
from minnet.dtypes import float64 as double
from minnet.dtypes import int32 as int
from minnet.dtypes import int64 as long
from minnet.functions import *  # noqa: F403
from minnet.functions import __all__ as _functions
from minnet.kernels.engine import get_matmul, set_matmul
from minnet.kernels.threads import get_num_threads, set_num_threads
from minnet.lazy import __getattr__ as __getattr__
from minnet.printing import set_printoptions
from minnet.random import (
    Generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from minnet.serialization import load, save
from minnet.size import Size
from minnet.tensor import Tensor
from minnet.warmup import warmup

__version__ = "0.1.0"

__all__ = [
    "Generator", "OutOfMemoryError", "Size", "Tensor", "__version__", "autograd", "bool", "cuda",
    "data", "device", "doctor", "double", "dtype", "enable_grad", "float", "float32", "float64",
    "get_default_dtype", "get_matmul", "get_num_threads", "get_rng_state", "inference_mode",
    "initial_seed", "int", "int16", "int32", "int64", "int8", "is_anomaly_enabled",
    "is_grad_enabled", "is_inference_mode_enabled", "load", "long", "manual_seed", "nn", "no_grad",
    "optim", "random", "save", "seed", "set_default_dtype", "set_grad_enabled", "set_matmul",
    "set_num_threads", "set_printoptions", "set_rng_state", "uint8", "warmup", *_functions,
]  # fmt: skip
