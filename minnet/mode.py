"""Grad mode: whether operations are recorded, by thread."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Generator
from contextlib import ContextDecorator
from functools import wraps
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


class Mode(threading.local):
    """What a thread's operations leave behind."""

    enabled = True
    inference = False
    anomaly = False  # whether each node keeps the lines that recorded it
    check_nan = True
    saving: tuple[tuple[Callable[[Any], Any], Callable[[Any], Any]], ...] = ()  # (pack, unpack)

    refused: str | None = None  # why `saved_tensors_hooks` may not be entered
    run: Any = None  # the walk backward that the thread is in, for hooks that ask

    # Of the class: whether some thread has ever set `anomaly` or `saving`, or wants `run`. To read
    # one of a thread's own values takes as long as a small operation's bookkeeping of an input.
    watched = False

    def name(self) -> str:
        """Return the name of the mode in which nothing is recorded."""
        return "inference_mode" if self.inference else "no_grad"


mode = Mode()
INFERRING: set[int] = set()  # the threads that are in inference mode: nearly always empty


def is_grad_enabled() -> bool:
    """Return whether operations are being recorded.

    Example:
        >>> import minnet
        >>> minnet.is_grad_enabled()
        True
    """
    return mode.enabled


def is_inference_mode_enabled() -> bool:
    """Return whether the code runs inside `inference_mode`.

    Example:
        >>> import minnet
        >>> minnet.is_inference_mode_enabled()
        False
    """
    return mode.inference


class Switch(ContextDecorator):
    """A context manager that sets values of `mode`; a decorator of functions and generators."""

    def __init__(self, **values: Any):
        self._values = values
        self._previous: list[dict[str, Any]] = []

    def _recreate_cm(self) -> Any:
        again = object.__new__(type(self))
        Switch.__init__(again, **self._values)
        return again

    def __enter__(self) -> Any:
        self._previous.append({name: getattr(mode, name) for name in self._values})
        for name, value in self._values.items():
            setattr(mode, name, value)
        if mode.inference:  # where nothing is recorded, whatever else is asked for
            mode.enabled = False
        return self

    def __exit__(self, *exception: Any) -> None:
        for name, value in self._previous.pop().items():
            setattr(mode, name, value)

    def __call__(self, function: F) -> F:
        if not inspect.isgeneratorfunction(function):
            return super().__call__(function)

        @wraps(function)
        def generator(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            # The mode holds while the generator runs, and not while its caller does.
            inner, resume = function(*args, **kwargs), None
            try:
                with self._recreate_cm():
                    value = next(inner)
                while True:
                    try:
                        sent = yield value
                        resume = inner.send, (sent,)
                    except GeneratorExit:
                        with self._recreate_cm():
                            inner.close()
                        raise
                    except BaseException as error:
                        resume = inner.throw, (error,)
                    with self._recreate_cm():
                        value = resume[0](*resume[1])
            except StopIteration as stop:
                return stop.value

        return generator  # type: ignore[return-value]


class SwitchNow(Switch):
    """A context manager that sets values of `mode` at once, when it is made."""

    def __init__(self, **values: Any):
        super().__init__(**values)
        Switch.__enter__(self)
        self._entered = True  # once, by being made

    def __enter__(self) -> Any:
        if not getattr(self, "_entered", False):
            return super().__enter__()
        self._entered = False
        return self

    def __call__(self, function: F) -> F:
        if getattr(self, "_entered", False):  # a decorator does not switch at once
            self._entered = False
            self.__exit__()
        return super().__call__(function)


class set_grad_enabled(SwitchNow):
    """Switch recording on or off: at once, and as a context manager until the block ends.

    Example:
        >>> import minnet
        >>> x = minnet.ones(1, requires_grad=True)
        >>> with minnet.set_grad_enabled(False):
        ...     (x * 2).requires_grad
        False
    """

    def __init__(self, mode: bool):
        super().__init__(enabled=bool(mode))


class no_grad(Switch):
    """Stop recording: a context manager and a decorator, with or without parentheses.

    Example:
        >>> import minnet
        >>> x = minnet.ones(1, requires_grad=True)
        >>> with minnet.no_grad():
        ...     (x * 2).requires_grad
        False
    """

    _value = False

    def __new__(cls, function: F | None = None) -> Any:
        self = super().__new__(cls)
        self.__init__()  # type: ignore[misc]
        return self if function is None else self(function)

    def __init__(self, function: Any = None):
        super().__init__(enabled=self._value)


class enable_grad(no_grad):
    """Record again inside a `no_grad` block: a context manager and a decorator.

    Example:
        >>> import minnet
        >>> x = minnet.ones(1, requires_grad=True)
        >>> with minnet.no_grad(), minnet.enable_grad():
        ...     (x * 2).requires_grad
        True
    """

    _value = True


class inference_mode(Switch):
    """Stop recording for good: a context manager and a decorator.

    Tensors that are made inside do not count their changes: outside, they may not be changed in
    place, nor saved for a derivative. `enable_grad` does nothing inside. With False, an inference
    mode around is left, and operations are recorded.

    Example:
        >>> import minnet
        >>> x = minnet.ones(1, requires_grad=True)
        >>> with minnet.inference_mode():
        ...     y = x * 2
        >>> y.requires_grad, y.is_inference()
        (False, True)
    """

    def __new__(cls, mode: Any = True) -> Any:
        self = super().__new__(cls)
        if not callable(mode):
            return self
        self.__init__()  # type: ignore[misc]
        return self(mode)

    def __init__(self, mode: Any = True):
        super().__init__(enabled=not mode, inference=bool(mode))

    def __enter__(self) -> Any:
        super().__enter__()
        _note_inference()
        return self

    def __exit__(self, *exception: Any) -> None:
        super().__exit__()
        _note_inference()


def _note_inference() -> None:
    (INFERRING.add if mode.inference else INFERRING.discard)(threading.get_ident())
