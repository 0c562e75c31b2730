"""Parametrizations that there are: weight normalization, spectral normalization, orthogonal."""

from __future__ import annotations

from typing import Any

import numpy as np

from minnet import kernels
from minnet.autograd import Function
from minnet.creation import eye, randn
from minnet.functional.normalization import normalize
from minnet.functional.shape import cat
from minnet.mode import no_grad
from minnet.nn.convolution import ConvTranspose1d, ConvTranspose2d
from minnet.nn.module import Module
from minnet.nn.utils.parametrize import register_parametrization
from minnet.tensor import Tensor
from minnet.variable import wrap

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


def _weight(module: Module, name: str) -> Tensor:
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return weight


def _norm_except(v: Tensor, dim: int) -> Tensor:
    """Return the norm over all dimensions but one; of -1, over all."""
    if dim == -1:
        return (v * v).sum().sqrt()
    others = [d for d in range(v.ndim) if d != dim]
    return (v * v).sum(others, keepdim=True).sqrt() if others else v.abs()


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0):
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return weight_v * (weight_g / _norm_except(weight_v, self.dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return _norm_except(weight, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Let a weight be g v / |v|: its size and its direction are trained apart.

    Salimans and Kingma, "Weight normalization: a simple reparameterization to accelerate training
    of deep neural networks" (2016). g is `parametrizations.weight.original0`, v `original1`.

    Args:
        module: whose weight it is.
        name: the weight's attribute.
        dim: the dimension that the sizes are of: 0 has one for each output; None has one for all.

    Returns:
        The module.

    Raises:
        ValueError: if there is no such weight.

    Example:
        >>> from minnet import nn
        >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(20, 40))
        >>> layer.parametrizations.weight.original0.shape
        torch.Size([40, 1])
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)
    held = f"parametrizations.{name}.original"

    def rename(module: Module, state: dict[str, Any], prefix: str, *more: Any) -> None:
        old = f"{prefix}{name}_g", f"{prefix}{name}_v"  # as torch's hook before it was named
        if all(key in state for key in old):
            for i, key in enumerate(old):
                state[f"{prefix}{held}{i}"] = state.pop(key)

    module.register_load_state_dict_pre_hook(rename)
    return module


class _SpectralNorm(Module):
    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int, dim: int, eps: float):
        super().__init__()
        if not -weight.ndim <= dim < weight.ndim:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [-{weight.ndim}, "
                f"{weight.ndim - 1}] but got {dim})"
            )
        if n_power_iterations <= 0:
            raise ValueError(
                "Expected n_power_iterations to be positive, but got "
                f"n_power_iterations={n_power_iterations}"
            )
        self.dim = dim % weight.ndim
        self.eps = eps
        self.n_power_iterations = n_power_iterations
        if weight.ndim > 1:
            matrix = self._matrix(weight.detach())
            for name, size in zip(("_u", "_v"), matrix.shape, strict=True):
                start = matrix.new_empty(size).normal_(0, 1)
                self.register_buffer(name, normalize(start, dim=0, eps=eps))
            self._iterate(matrix, 15)

    def _matrix(self, weight: Tensor) -> Tensor:
        others = (d for d in range(weight.ndim) if d != self.dim)
        return weight.permute(self.dim, *others).flatten(1)

    @no_grad()
    def _iterate(self, matrix: Tensor, times: int) -> None:
        for _ in range(times):
            self._u.copy_(normalize(matrix @ self._v, dim=0, eps=self.eps))
            self._v.copy_(normalize(matrix.t() @ self._u, dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = self._matrix(weight)
        if self.training:
            self._iterate(matrix.detach(), self.n_power_iterations)
        u, v = self._u.clone(), self._v.clone()  # the next forward writes into them
        return weight / (u * (matrix @ v)).sum()

    def right_inverse(self, value: Tensor) -> Tensor:
        return value


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Let a weight be divided by its largest singular value, which each forward in training nears.

    Miyato et al., "Spectral normalization for generative adversarial networks" (2018).

    Args:
        module: whose weight it is.
        name: the weight's attribute.
        n_power_iterations: how many steps of the power method a forward in training takes.
        eps: keeps norms from zero.
        dim: the dimension of the outputs: 0, or 1 for transposed convolutions, unless given.

    Returns:
        The module.

    Raises:
        ValueError: if there is no such weight, or the number of steps is not positive.
        IndexError: if the weight has no such dimension.

    Example:
        >>> import numpy as np
        >>> from minnet import nn
        >>> layer = nn.utils.parametrizations.spectral_norm(nn.Linear(20, 40))
        >>> bool(np.linalg.norm(layer.weight.detach().numpy(), 2) < 1.2)
        True
    """
    weight = _weight(module, name)
    if dim is None:
        dim = 1 if isinstance(module, ConvTranspose1d | ConvTranspose2d) else 0
    parametrization = _SpectralNorm(weight, n_power_iterations, dim, eps)
    return register_parametrization(module, name, parametrization)


def _qr(matrix: Tensor) -> Tensor:
    """Return the orthogonal factor, with its signs so that the other's diagonal is positive."""
    q, r = np.linalg.qr(kernels.on_host(matrix.array))
    q = q * np.sign(np.diagonal(r, axis1=-2, axis2=-1))[..., None, :]
    return wrap(kernels.moved(np.ascontiguousarray(q), matrix.device))


class _Inverse(Function):
    """The inverse x of matrices, whose gradient is -xᵀ dx xᵀ."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor) -> Tensor:
        inverse = np.linalg.inv(kernels.on_host(matrix.array))
        out = wrap(kernels.moved(inverse, matrix.device))
        ctx.save_for_backward(out)
        return out

    @staticmethod
    def backward(ctx: Any, dx: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return -(x.mT @ dx @ x.mT)


def _exponential(a: Tensor) -> Tensor:
    """Return the exponential of matrices: Taylor's series of a 2^-k, squared k times."""
    size = a.detach().abs().sum(-1).max().item() if a.numel() else 0.0
    times = max(0, int(np.ceil(np.log2(size))) + 2) if 0 < size < np.inf else 0
    one = eye(a.shape[-1], dtype=a.dtype, device=a.device)
    a, out = a * 0.5**times, one
    for n in range(14 if a.element_size() == 8 else 9, 0, -1):
        out = one + (a @ out) / n
    for _ in range(times):
        out = out @ out
    return out


class _Orthogonal(Module):
    base: Tensor

    def __init__(self, weight: Tensor, orthogonal_map: str, use_trivialization: bool):
        super().__init__()
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        self.trivialized = use_trivialization
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, x: Tensor) -> Tensor:
        wide = x.shape[-2] < x.shape[-1]
        x = x.mT if wide else x
        n, k = x.shape[-2:]
        q = self._householder(x) if self.orthogonal_map == "householder" else self._skew(x, n, k)
        if self.trivialized:
            q = self.base @ q
        return q.mT if wide else q

    def _skew(self, x: Tensor, n: int, k: int) -> Tensor:
        """Return the first columns of the orthogonal matrix of a skew-symmetric one."""
        x = x.tril()
        if n != k:
            x = cat([x, x.new_zeros(*x.shape[:-1], n - k)], -1)
        a = x - x.mT
        if self.orthogonal_map == "matrix_exp":
            return _exponential(a)[..., :k]
        one = eye(n, dtype=a.dtype, device=a.device)
        return (_Inverse.apply(one - a / 2) @ (one + a / 2))[..., :k]

    def _householder(self, x: Tensor) -> Tensor:
        """Return the product of the reflections in the columns, whose diagonal is 1."""
        n, k = x.shape[-2:]
        one = eye(n, k, dtype=x.dtype, device=x.device)
        v = x.tril(-1)
        size = 2.0 / (1.0 + (v * v).sum(-2, keepdim=True))
        v = v + one
        q = one.expand(*x.shape[:-2], n, k)
        for i in range(k - 1, -1, -1):
            column = v[..., i : i + 1]
            q = q - size[..., i : i + 1] * column @ (column.mT @ q)
        signs = (x.detach() * one).sum(-2, keepdim=True).trunc()
        return q * signs

    @no_grad()
    def right_inverse(self, q: Tensor) -> Tensor:
        if q.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of "
                f"shape {q.shape}."
            )
        start, wide = q, q.shape[-2] < q.shape[-1]
        q = q.mT if wide else q
        n, k = q.shape[-2:]
        if not self.trivialized:
            if self.orthogonal_map != "householder":
                raise NotImplementedError(
                    "It is not possible to assign to the matrix exponential or the Cayley "
                    "parametrizations when use_trivialization=False."
                )
            return self._reflections(q, wide)
        if n != k:
            q = cat([q, randn(*q.shape[:-1], n - k, dtype=q.dtype, device=q.device)], -1)
        gap = (q.mT @ q - eye(n, dtype=q.dtype, device=q.device)).abs().max().item()
        near = gap <= 10.0 * n * np.finfo(q.dtype.numpy).eps
        self.base = q.clone() if n == k and near else _qr(q)
        minus = -eye(*start.shape[-2:], dtype=q.dtype, device=q.device)
        return minus.expand(*start.shape).clone()

    def _reflections(self, q: Tensor, wide: bool) -> Tensor:
        """Return the reflections that an orthogonal matrix is the product of, and its signs."""
        matrices = kernels.on_host(q.array)
        h, tau = np.linalg.qr(matrices, mode="raw")
        a = np.swapaxes(h, -1, -2).copy()
        i = np.arange(a.shape[-1])
        signs = np.sign(a[..., i, i])
        a[..., i, i] = np.where(tau == 0, -signs, signs)
        a = np.swapaxes(a, -1, -2) if wide else a
        return wrap(kernels.moved(np.ascontiguousarray(a), q.device))


def orthogonal(
    module: Module,
    name: str = "weight",
    orthogonal_map: str | None = None,
    *,
    use_trivialization: bool = True,
) -> Module:
    """Let a weight be an orthogonal matrix, or have orthonormal rows or columns, and stay so.

    Lezcano-Casado, "Trivializations for gradient-based optimization on manifolds" (2019).

    Args:
        module: whose weight it is.
        name: the weight's attribute.
        orthogonal_map: "matrix_exp", the exponential of a skew-symmetric matrix A; "cayley",
            (I - A / 2)^-1 (I + A / 2); or "householder", a product of reflections. The first one
            for square weights and the last one for others, unless given.
        use_trivialization: count from the weight's present value, or the orthogonal matrix next to
            it.

    Returns:
        The module.

    Raises:
        ValueError: if there is no such weight, it is no matrix, or the map is unknown.

    Example:
        >>> import minnet
        >>> layer = minnet.nn.utils.parametrizations.orthogonal(minnet.nn.Linear(3, 3))
        >>> gap = layer.weight @ layer.weight.t() - minnet.eye(3)
        >>> bool(gap.abs().max() < 1e-5)
        True
    """
    weight = _weight(module, name)
    if weight.ndim < 2:
        raise ValueError(
            f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions."
        )
    if orthogonal_map is None:
        square = weight.shape[-2] == weight.shape[-1]
        orthogonal_map = "matrix_exp" if square else "householder"
    if orthogonal_map not in ("matrix_exp", "cayley", "householder"):
        raise ValueError(
            'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: '
            f"{orthogonal_map}"
        )
    parametrization = _Orthogonal(weight, orthogonal_map, use_trivialization)
    return register_parametrization(module, name, parametrization, unsafe=True)
