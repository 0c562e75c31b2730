"""L-BFGS: steps along an approximate Newton direction, over all parameters as one vector."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

from minnet.functional.shape import cat
from minnet.mode import enable_grad, no_grad
from minnet.optim.counted import numbers
from minnet.optim.optimizer import Group, Optimizer, finite, options
from minnet.tensor import Tensor
from minnet.variable import read_only


class Point(NamedTuple):
    """A point of a line search: how far it is, its loss, its gradient, and the slope there."""

    t: float
    loss: float
    gradient: Tensor
    slope: float


class LBFGS(Optimizer):
    """L-BFGS: the inverse Hessian is approximated by the last `history_size` steps.

    It takes all parameters as one vector, a loss that is the same each time it is computed, and
    evaluates it several times in a step. Without a line search each iteration steps by `lr`.

    Liu and Nocedal, "On the limited memory BFGS method for large scale optimization" (1989); the
    line search: Nocedal and Wright, "Numerical optimization" (2006), algorithms 3.5 and 3.6.

    Args:
        params: tensors, (name, tensor) pairs, or one dict that describes a group.
        lr: the length of a step, or with a line search the first length that it tries.
        max_iter: the most iterations in a step.
        max_eval: the most evaluations in a step, max_iter * 5 // 4 unless given.
        tolerance_grad: ends the step when the gradient's largest element is as small.
        tolerance_change: ends it when the parameters or the loss change by less.
        history_size: how many past steps are kept.
        line_search_fn: "strong_wolfe", or None.

    Raises:
        TypeError: if an option is of a wrong type.
        ValueError: if one is out of range, or there are several groups.
        RuntimeError: if the line search is unknown.

    Example:
        >>> import minnet
        >>> p = minnet.nn.Parameter(minnet.tensor([1.0, 2.0]))
        >>> optimizer = minnet.optim.LBFGS([p], line_search_fn="strong_wolfe")
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = ((p - minnet.tensor([3.0, -1.0])) ** 2).sum()
        ...     loss.backward()
        ...     return loss
        >>> optimizer.step(closure).item()
        13.0
        >>> p.detach()
        tensor([ 3.0000, -1.0000])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ):
        if max_eval is None:
            max_eval = max_iter * 5 // 4
        super().__init__(params, options(locals()))
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    def check(self, group: Group) -> None:
        finite({"learning rate": group["lr"]})
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise RuntimeError(
                f"only 'strong_wolfe' is supported as line_search_fn, got {group['line_search_fn']}"
            )

    @no_grad()
    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Make up to `max_iter` iterations.

        Args:
            closure: clears the gradients, computes the loss, calls backward and returns the loss.

        Returns:
            The loss before the step.
        """
        group = self.param_groups[0]
        (lr,) = numbers(group, "lr")
        for p in group["params"]:
            if not p.array.flags.writeable:
                raise read_only(f"a parameter of shape {list(p.shape)}")
        state = self.state[group["params"][0]]
        search = group["line_search_fn"] is not None
        first_loss, loss, gradient = self._evaluate(closure)
        evals, iterations = 1, 0
        state.update({key: state.get(key, 0) for key in ("func_evals", "n_iter")})
        state["func_evals"] += 1
        small = _largest(gradient) <= group["tolerance_grad"]
        while not small and iterations < group["max_iter"]:
            iterations += 1
            state["n_iter"] += 1
            d = state["d"] = self._direction(state, gradient, group["history_size"])
            state["prev_flat_grad"], state["prev_loss"] = gradient, loss
            begins = state["n_iter"] == 1
            t = min(1.0, 1.0 / float(gradient.abs().sum())) * lr if begins else lr
            state["t"], slope = t, _dot(gradient, d)
            if slope > -group["tolerance_change"]:
                break
            new = 0
            if search:
                start = [p.clone() for p in group["params"]]
                point, new = _strong_wolfe(
                    partial(self._at, closure, d, start),
                    Point(0.0, loss, gradient, slope),
                    *(t, _largest(d), group["tolerance_change"], group["max_eval"] - evals),
                )
                t, loss, gradient, _ = point
                state["t"] = t
            self._add(t, d)
            if not search and iterations != group["max_iter"]:
                _, loss, gradient = self._evaluate(closure)
                new = 1
            evals += new
            state["func_evals"] += new
            small = _largest(gradient) <= group["tolerance_grad"]
            still = t * _largest(d) <= group["tolerance_change"]
            even = abs(loss - state["prev_loss"]) < group["tolerance_change"]
            if evals >= group["max_eval"] or still or even:
                break
        return first_loss

    def _evaluate(self, closure: Callable[[], Any]) -> tuple[Any, float, Tensor]:
        """Return the loss, as it is and as a float, and the gradient of all parameters."""
        with enable_grad():
            loss = closure()
        flat = [
            p.new_zeros(p.numel()) if p.grad is None else p.grad.reshape(-1)
            for p in self.param_groups[0]["params"]
        ]
        return loss, float(loss), cat(flat)

    def _direction(self, state: dict[str, Any], gradient: Tensor, history: int) -> Tensor:
        """Return the inverse Hessian times the negated gradient, by the two loops of L-BFGS."""
        if state["n_iter"] == 1:
            state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1.0)
            return gradient.neg()
        y, s = gradient.sub(state["prev_flat_grad"]), state["d"].mul(float(state["t"]))
        ys = _dot(y, s)
        kept = state["old_dirs"], state["old_stps"], state["ro"]
        if ys > 1e-10:
            for values, new in zip(kept, (y, s, 1.0 / ys), strict=True):
                if len(values) == history:
                    values.pop(0)
                values.append(new)
            state["H_diag"] = ys / _dot(y, y)
        steps = [(y, s, float(r)) for y, s, r in zip(*kept, strict=True)]
        q, shares = gradient.neg(), []
        for y, s, r in reversed(steps):
            shares.append(_dot(s, q) * r)
            q.add_(y, alpha=-shares[-1])
        q.mul_(float(state["H_diag"]))
        for (y, s, r), share in zip(steps, reversed(shares), strict=True):
            q.add_(s, alpha=share - _dot(y, q) * r)
        return q

    def _add(self, t: float, d: Tensor) -> None:
        offset = 0
        for p in self.param_groups[0]["params"]:
            p.add_(d[offset : offset + p.numel()].reshape(p.shape), alpha=t)
            offset += p.numel()

    def _at(self, closure: Callable[[], Any], d: Tensor, start: list[Tensor], t: float) -> Point:
        """Return a point of the line, and go back to where it starts."""
        self._add(t, d)
        _, loss, gradient = self._evaluate(closure)
        for p, value in zip(self.param_groups[0]["params"], start, strict=True):
            p.copy_(value)
        return Point(t, loss, gradient, _dot(gradient, d))


def _dot(a: Tensor, b: Tensor) -> float:
    return float((a * b).sum())


def _largest(x: Tensor) -> float:
    return float(x.abs().max())


def _cubic(a: Point, b: Point, bounds: tuple[float, float] | None = None) -> float:
    """Return where the cubic with the losses and slopes of two points is least, within bounds."""
    low, high = bounds or (min(a.t, b.t), max(a.t, b.t))
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d1**2 - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2.0
    d2 = square**0.5
    if a.t > b.t:
        a, b = b, a
    divisor = b.slope - a.slope + 2 * d2
    if divisor == 0:
        return (low + high) / 2.0
    return min(max(b.t - (b.t - a.t) * ((b.slope + d2 - d1) / divisor), low), high)


def _strong_wolfe(
    at: Callable[[float], Point],
    start: Point,
    t: float,
    size: float,
    tolerance: float,
    most: int,
    c1: float = 1e-4,
    c2: float = 0.9,
) -> tuple[Point, int]:
    """Return a point that fulfils the strong Wolfe conditions, and how many were evaluated.

    That is a loss of at most start.loss + c1 t start.slope, and a slope of at most c2 times the
    start's. `size` is the direction's largest element; after `most` evaluations the best one is
    taken.
    """

    def rises(point: Point) -> bool:
        return point.loss > start.loss + c1 * point.t * start.slope

    def flat(point: Point) -> bool:
        return abs(point.slope) <= -c2 * start.slope

    before, now, steps = start, at(t), 0
    ends = None  # between which there is such a point
    while steps < most:
        if rises(now) or (steps > 1 and now.loss >= before.loss):
            ends = [before, now]
        elif flat(now):
            return now, steps + 1
        elif now.slope >= 0:
            ends = [before, now]
        if ends:
            break
        t = _cubic(before, now, (now.t + 0.01 * (now.t - before.t), now.t * 10))
        before, now = now, at(t)
        steps += 1
    ends, stuck = ends or [start, now], False
    low = int(ends[0].loss > ends[1].loss)
    while steps < most:
        least, largest = sorted(point.t for point in ends)
        if (largest - least) * size < tolerance:
            break
        t, margin = _cubic(ends[0], ends[1]), 0.1 * (largest - least)
        near = min(largest - t, t - least) < margin
        if near and (stuck or not least < t < largest):
            t = largest - margin if abs(t - largest) < abs(t - least) else least + margin
            near = False
        stuck = near
        now = at(t)
        steps += 1
        if rises(now) or now.loss >= ends[low].loss:
            ends[1 - low] = now
            low = int(ends[0].loss > ends[1].loss)
            continue
        if flat(now):
            return now, steps + 1
        if now.slope * (ends[1 - low].t - ends[low].t) >= 0:
            ends[1 - low] = ends[low]
        ends[low] = now
    return ends[low], steps + 1
