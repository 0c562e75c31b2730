"""Weight initialization: torch.nn.init's functions, in place and reproducible.

Every function fills what it is given, outside the gradient's sight, and returns that same object:
a tensor of minnet or of torch, a NumPy array, or anything on the CPU that holds an array. A
parameter stays a leaf that requires its gradient. `generator` is always the last argument; without
one the default generator (`minnet.manual_seed`) draws. A call that fails leaves its tensor as it
was.

`scheme` initializes a whole network through its `apply`, `by_name_` ties each parameter's bits to
its name, and `provenance` tells how each parameter was initialized.
"""

from __future__ import annotations

from minnet.nn.init.deprecated import alias_of
from minnet.nn.init.fans import _calculate_correct_fan, _calculate_fan_in_and_fan_out, fans
from minnet.nn.init.fills import (
    constant_,
    kaiming_normal_,
    kaiming_uniform_,
    normal_,
    ones_,
    trunc_normal_,
    uniform_,
    xavier_normal_,
    xavier_uniform_,
    zeros_,
)
from minnet.nn.init.gain import calculate_gain, gain
from minnet.nn.init.lsuv import lsuv_
from minnet.nn.init.matrix import dirac_, eye_, sparse_, zero_init_
from minnet.nn.init.orthogonal import delta_orthogonal_, looks_linear_, orthogonal_
from minnet.nn.init.provenance import provenance
from minnet.nn.init.residual import fixup_, residual_
from minnet.nn.init.scaling import lecun_normal_, lecun_uniform_, siren_, variance_scaling_
from minnet.nn.init.scheme import by_name_, scheme
from minnet.nn.init.width import mup_, mup_lr, spectral_

_OLD = (
    "constant dirac eye kaiming_normal kaiming_uniform normal orthogonal sparse uniform "
    "xavier_normal xavier_uniform"
).split()
globals().update({name: alias_of(globals()[f"{name}_"]) for name in _OLD})

__all__ = [
    "_calculate_correct_fan", "_calculate_fan_in_and_fan_out", "by_name_", "calculate_gain",
    "constant_", "delta_orthogonal_", "dirac_", "eye_", "fans", "fixup_", "gain",
    "kaiming_normal_", "kaiming_uniform_", "lecun_normal_", "lecun_uniform_", "looks_linear_",
    "lsuv_", "mup_", "mup_lr", "normal_", "ones_", "orthogonal_", "provenance", "residual_",
    "scheme", "siren_", "sparse_", "spectral_", "trunc_normal_", "uniform_", "variance_scaling_",
    "xavier_normal_", "xavier_uniform_", "zero_init_", "zeros_", *_OLD,
]  # fmt: skip
