"""`deferred`: Ctrl-C and other signals wait until what must not be left half done is done."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class deferred:
    """Let handlers of signals that are written in Python run at the end of a block.

    A handler may raise, as Python's own for Ctrl-C does, and Numba survives that neither while it
    is imported nor while it compiles. What comes several times meanwhile is delivered once. Python
    runs handlers in the main thread only, so in others there is nothing to do. Who waits for a lock
    takes it before: then nobody else forks while handlers are exchanged.
    """

    def __enter__(self) -> None:
        self._handlers: dict[int, Any] = {}
        self._came: dict[int, FrameType | None] = {}
        self._waits = True
        if threading.current_thread() is threading.main_thread():
            try:
                for number in signal.valid_signals():
                    handler = signal.getsignal(number)
                    if callable(handler):
                        self._handlers[number] = handler
                        signal.signal(number, self._note)
            except BaseException:  # by a handler whose turn had not come
                self.__exit__()
                raise

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._waits:
            self._came[number] = frame
        else:  # while handlers are exchanged, some of which may have raised
            self._handlers[number](number, frame)

    def __exit__(self, *exception: Any) -> None:
        try:
            for number, handler in self._handlers.items():
                signal.signal(number, handler)
        finally:
            self._waits = False
            self._deliver()

    def _deliver(self) -> None:
        if self._came:
            number, frame = self._came.popitem()
            try:
                self._handlers[number](number, frame)
            finally:
                self._deliver()
