"""Finding where a NaN began: each node remembers the lines that recorded it."""

from __future__ import annotations

from typing import Any

from minnet.mode import Mode, Switch, SwitchNow, mode


class set_detect_anomaly(SwitchNow):
    """Switch the search for anomalies on or off: at once, and as a context manager.

    While it is on, backward raises at the first node whose derivative returns NaN, and warns with
    the lines of the program that recorded the node.

    Example:
        >>> import minnet
        >>> with minnet.autograd.set_detect_anomaly(True):
        ...     y = minnet.ones(1, requires_grad=True).sqrt()
        ...     y.backward()
    """

    def __init__(self, mode: bool, check_nan: bool = True):
        Mode.watched = True
        super().__init__(anomaly=bool(mode), check_nan=bool(check_nan))


class detect_anomaly(Switch):
    """Search for anomalies until the block ends; see `set_detect_anomaly`.

    Example:
        >>> import minnet, warnings
        >>> x = minnet.zeros(1, requires_grad=True)
        >>> warnings.simplefilter("ignore")
        >>> with minnet.autograd.detect_anomaly():
        ...     (x.sqrt() * 0).backward()
        Traceback (most recent call last):
        RuntimeError: Function 'SqrtBackward0' returned nan values in its 0th output.
    """

    def __init__(self, check_nan: bool = True):
        super().__init__(anomaly=True, check_nan=bool(check_nan))

    def __enter__(self) -> Any:
        Mode.watched = True
        return super().__enter__()


def is_anomaly_enabled() -> bool:
    """Return whether anomalies are searched for.

    Example:
        >>> import minnet
        >>> minnet.is_anomaly_enabled()
        False
    """
    return mode.anomaly
