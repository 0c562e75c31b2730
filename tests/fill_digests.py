"""What the bit contract fixes of fills: a digest of each distribution in each dtype.

python tests/fill_digests.py          print them as JSON, with the first four elements
python tests/fill_digests.py --write  store them as the known answers; a change of contract
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np

from minnet.kernels import cpu

KNOWN = Path(__file__).parent / "known" / "fills.json"
STREAM = cpu.stream(0x0123456789ABCDEF, 0x1_0000_0007)
N = 70_001  # beyond the size from which fills run in parallel, and not a multiple of anything
START = 12_345

FLOATS = {
    "uniform": ("uniform", (-0.75, 2.5)),
    "normal": ("normal", (0.5, 1.25)),
    "trunc_normal": ("trunc_normal", (0.25, 1.0, -1.5, 2.0)),
    "trunc_normal, exponential tail": ("trunc_normal", (0.0, 1.0, 2.0, 9.0)),
    "trunc_normal, left tail": ("trunc_normal", (0.0, 1.0, -9.0, -2.0)),
    "trunc_normal, narrow": ("trunc_normal", (0.0, 1.0, -0.25, 0.125)),
    "exponential": ("exponential", (2.0,)),
}
INTEGERS = {"10": (0, 10), "-3 to 2**40": (-3, 2**40), "all": (-(2**63), 2**63)}
INTEGERS |= {"often drawn again": (0, 2**63 + 1 - 2**62)}


def dtypes():
    yield from (np.float32, np.float64, np.float16)
    try:
        import ml_dtypes
    except ImportError:
        return
    yield ml_dtypes.bfloat16


def cases():
    """Yield the name, the function, its arguments and the dtype of each fill."""
    for dtype in dtypes():
        for name, (function, args) in FLOATS.items():
            yield f"{name}, {np.dtype(dtype).name}", getattr(cpu, function), args, dtype
    yield "bernoulli", cpu.bernoulli, (0.3,), np.float32
    for name, bounds in INTEGERS.items():
        yield f"integers, {name}", cpu.integers, bounds, np.int64


def fills():
    """Yield a name and an array of each fill."""
    for name, function, args, dtype in cases():
        out = np.empty(N, dtype)
        function(out, STREAM, *args, start=START)
        yield name, out
    yield "permutation", cpu.permutation(N, STREAM)


def digests():
    """Return, by name, a hash of the bytes and the first elements, exactly."""
    found = {}
    for name, array in fills():
        bits = array.view(f"u{array.itemsize}")
        first = [f"{int(b):#0{2 + 2 * array.itemsize}x}" for b in bits[:4]]
        found[name] = [hashlib.sha256(array.tobytes()).hexdigest()[:32], *first]
    return found


if __name__ == "__main__":
    text = json.dumps(digests(), indent=1)
    if "--write" in sys.argv:
        KNOWN.write_text(text + "\n")
    else:
        print(text)
