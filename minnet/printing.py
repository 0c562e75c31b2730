"""How a tensor prints: torch's text, character for character, and the options that shape it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike


@dataclass(frozen=True)
class Options:
    """What `set_printoptions` sets; the defaults are torch's."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


PROFILES = {
    "default": Options(),
    "short": Options(precision=2, edgeitems=2),
    "full": Options(threshold=math.inf),
}
_options = PROFILES["default"]


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors print. What is not given stays, but `sci_mode`, which goes back to automatic.

    `precision` counts the digits after the point. A tensor of more than `threshold` elements is
    summarised to `edgeitems` at either end of each dimension; `linewidth` is in characters.
    `sci_mode` forces scientific notation or forbids it. `profile` sets "default", "short" or "full"
    first, and the other arguments then change it.

    Raises:
        ValueError: if `profile` is none of the three.

    Example:
        >>> import minnet
        >>> minnet.set_printoptions(precision=2)
        >>> minnet.tensor([1.12345])
        tensor([1.12])
        >>> minnet.set_printoptions(threshold=5)
        >>> minnet.arange(10)
        tensor([0, 1, 2,  ..., 7, 8, 9])
        >>> minnet.set_printoptions(profile="default")
        >>> minnet.tensor([1.12345])
        tensor([1.1235])
    """
    global _options
    if profile is not None and profile not in PROFILES:
        raise ValueError(f"profile must be one of {', '.join(PROFILES)}, got {profile!r}")
    given = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    start = _options if profile is None else PROFILES[profile]
    _options = replace(start, **changes, sci_mode=sci_mode)


def get_printoptions() -> dict[str, Any]:
    """Return the options in force, as keyword arguments of `set_printoptions`.

    Example:
        >>> import minnet
        >>> minnet.printing.get_printoptions()["linewidth"]
        80
    """
    return asdict(_options)


def format_tensor(
    array: np.ndarray,
    *,
    requires_grad: bool = False,
    grad_fn: str | None = None,
    prefix: str = "tensor(",
    default_dtype: DTypeLike = np.float32,
    device: str | None = None,
) -> str:
    """Return the text torch prints for a tensor of these elements.

    `array` is of any shape and of floats, integers or bool. `device` is named where there is one.
    The dtype shows where the elements leave it open: when it is none of `default_dtype`, int64 and
    bool, or the tensor is empty and it is not `default_dtype`. `grad_fn` is shown as given and
    stands in for `requires_grad`. Wrapped lines are indented by the length of `prefix`. Of a
    summarised tensor only the edges are read.

    Example:
        >>> import numpy as np
        >>> import minnet
        >>> minnet.printing.format_tensor(np.array([1.5, np.nan]), requires_grad=True)
        'tensor([1.5000,    nan], dtype=torch.float64, requires_grad=True)'
    """
    evident = [np.dtype(default_dtype)]
    if array.size:
        evident += [np.dtype(np.int64), np.dtype(np.bool_)]
        body = _format_elements(array, len(prefix))
        show_size = not _options.edgeitems
    else:
        body = "[]"
        show_size = array.ndim != 1

    suffixes = []
    if device is not None:
        suffixes.append(f"device='{device}'")
    if show_size:
        suffixes.append(f"size={array.shape}")
    if array.dtype not in evident:
        suffixes.append(f"dtype=torch.{array.dtype.name}")
    if grad_fn is not None:
        suffixes.append(f"grad_fn={grad_fn}")
    elif requires_grad:
        suffixes.append("requires_grad=True")

    text = prefix + body
    # Where lines wrap hangs on torch's count: the body's last line as two longer than it is.
    length = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if length + 2 + len(suffix) > _options.linewidth:
            text += ",\n" + " " * len(prefix) + suffix
            length = len(prefix) + len(suffix)
        else:
            text += ", " + suffix
            length += 2 + len(suffix)
    return text + ")"


def _format_elements(array: np.ndarray, indent: int) -> str:
    """Return the bracketed elements of an array that is not empty; the first is at `indent`."""
    edge = _options.edgeitems
    cut = [array.size > _options.threshold and n > 2 * edge for n in array.shape]
    if any(cut):  # the widths below are those of what is shown, and so is the work
        ends = (
            np.r_[:edge, n - edge : n] if c else np.arange(n)
            for n, c in zip(array.shape, cut, strict=True)
        )
        array = array[np.ix_(*ends)]

    render, width = _choose_format(array)

    def lay_out(part: np.ndarray, depth: int) -> str:
        if part.ndim == 0:
            return render(part.item()).rjust(width)
        if part.ndim == 1:
            pieces = [render(value).rjust(width) for value in part.tolist()]
            dots = " ..." if edge else "..."
        else:
            pieces = [lay_out(row, depth + 1) for row in part]
            dots = "..."
        if cut[depth]:
            pieces.insert(edge, dots)
        if part.ndim == 1:
            n = max(1, int((_options.linewidth - indent - depth) // (width + 2)))
            pieces = [", ".join(pieces[i : i + n]) for i in range(0, len(pieces), n)]
        newlines = "\n" * max(1, part.ndim - 1)
        return "[" + ("," + newlines + " " * (indent + depth + 1)).join(pieces) + "]"

    return lay_out(array, 0)


def _choose_format(array: np.ndarray) -> tuple[Callable[[Any], str], int]:
    """Return what renders one of these elements, and the width they take.

    Zeros, NaN and infinities count neither for the notation nor for the width, as in torch.
    """
    spec, point = "", ""
    if array.dtype.kind == "f":
        array = array[np.isfinite(array) & (array != 0)]
        if _is_scientific(array):
            spec = f".{_options.precision}e"
        elif (array == np.ceil(array)).all():
            spec, point = ".0f", "."  # whole numbers: `2.`, but `inf`
        else:
            spec = f".{_options.precision}f"

    def render(value: Any) -> str:
        return format(value, spec) + (point if math.isfinite(value) else "")

    return render, max((len(render(value)) for value in array.ravel().tolist()), default=1)


def _is_scientific(values: np.ndarray) -> bool:
    """Say whether finite values other than zero are written with exponents."""
    if not values.size:
        return False
    if _options.sci_mode is not None:
        return _options.sci_mode
    magnitudes = np.abs(values)
    # In Python's floats: the ratio of two float32 can overflow float32.
    low, high = float(magnitudes.min()), float(magnitudes.max())
    return high / low > 1000 or high > 1e8 or low < 1e-4
