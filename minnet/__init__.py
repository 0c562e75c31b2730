"""minnet: a small neural-network framework on NumPy and Numba, with torch's names."""

from minnet import autograd, cuda, data, doctor, nn, optim, random
from minnet.autograd import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from minnet.creation import (
    arange,
    as_tensor,
    bernoulli,
    empty,
    empty_like,
    eye,
    from_dlpack,
    from_numpy,
    full,
    full_like,
    linspace,
    ones,
    ones_like,
    rand,
    rand_like,
    randint,
    randn,
    randn_like,
    randperm,
    tensor,
    zeros,
    zeros_like,
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
from minnet.functions import *
from minnet.functions import __all__ as _functions
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
from minnet.warmup import warmup

__version__ = "0.1.0"

__all__ = [
    "Generator",
    "OutOfMemoryError",
    "Size",
    "Tensor",
    "__version__",
    "arange",
    "as_tensor",
    "autograd",
    "bernoulli",
    "bool",
    "cuda",
    "data",
    "device",
    "doctor",
    "double",
    "dtype",
    "empty",
    "empty_like",
    "enable_grad",
    "eye",
    "float",
    "float32",
    "float64",
    "from_dlpack",
    "from_numpy",
    "full",
    "full_like",
    "get_default_dtype",
    "get_matmul",
    "get_num_threads",
    "get_rng_state",
    "initial_seed",
    "int",
    "int8",
    "int16",
    "int32",
    "int64",
    "is_grad_enabled",
    "linspace",
    "load",
    "long",
    "manual_seed",
    "nn",
    "no_grad",
    "ones",
    "ones_like",
    "optim",
    "rand",
    "rand_like",
    "randint",
    "randn",
    "randn_like",
    "random",
    "randperm",
    "save",
    "seed",
    "set_default_dtype",
    "set_grad_enabled",
    "set_matmul",
    "set_num_threads",
    "set_printoptions",
    "set_rng_state",
    "tensor",
    "uint8",
    "warmup",
    "zeros",
    "zeros_like",
    *_functions,
]
