"""minnet: a small neural-network framework on NumPy and Numba, with torch's names."""

from math import e, inf, nan, pi

from minnet import autograd, cuda, data, datasets, doctor, nn, optim, random, utils
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
    can_cast,
    dtype,
    finfo,
    float32,
    float64,
    get_default_dtype,
    iinfo,
    int8,
    int16,
    int32,
    int64,
    promote_types,
    set_default_dtype,
    uint8,
)
from minnet.dtypes import float32 as float
from minnet.dtypes import float64 as double
from minnet.dtypes import int16 as short
from minnet.dtypes import int32 as int
from minnet.dtypes import int64 as long
from minnet.formats import contiguous_format, memory_format, preserve_format
from minnet.functions import *  # noqa: F403
from minnet.functions import __all__ as _functions
from minnet.functions import __dir__ as __dir__
from minnet.functions import __getattr__ as __getattr__  # type: ignore[attr-defined]
from minnet.kernels.engine import get_matmul, set_matmul
from minnet.kernels.threads import get_num_threads, set_num_threads
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
from minnet.typed import (
    BoolTensor,
    ByteTensor,
    CharTensor,
    DoubleTensor,
    FloatTensor,
    IntTensor,
    LongTensor,
    ShortTensor,
    set_default_tensor_type,
)
from minnet.warmup import warmup

__version__ = "0.1.0"

__all__ = [
    "BoolTensor", "ByteTensor", "CharTensor", "DoubleTensor", "FloatTensor", "Generator",
    "IntTensor", "LongTensor", "OutOfMemoryError", "ShortTensor", "Size", "Tensor", "__version__",
    "autograd", "bool", "can_cast", "contiguous_format", "cuda", "data", "datasets", "device",
    "doctor", "double", "dtype", "e", "enable_grad", "finfo", "float", "float32", "float64",
    "get_default_dtype", "get_matmul", "get_num_threads", "get_rng_state", "iinfo", "inf",
    "inference_mode", "initial_seed", "int", "int16", "int32", "int64", "int8",
    "is_anomaly_enabled", "is_grad_enabled", "is_inference_mode_enabled", "load", "long",
    "manual_seed", "memory_format", "nan", "nn", "no_grad", "optim", "pi", "preserve_format",
    "promote_types", "random", "save", "seed", "set_default_dtype", "set_default_tensor_type",
    "set_grad_enabled", "set_matmul", "set_num_threads", "set_printoptions", "set_rng_state",
    "short", "uint8", "utils", "warmup", *_functions,
]  # fmt: skip
