"""torch.amp: automatic mixed precision, which minnet has no use for. It computes in float32."""

from __future__ import annotations

from contextlib import ContextDecorator
from typing import Any


class autocast(ContextDecorator):
    """A block that computes in the dtypes that tensors have, as without it."""

    def __init__(self, *args: Any, **options: Any):
        """Take torch's arguments."""

    def __enter__(self) -> autocast:
        return self

    def __exit__(self, *error: Any) -> None:
        pass


class GradScaler:
    """Scales losses by 1: gradients in float32 need no other scale."""

    def __init__(self, *args: Any, **options: Any):
        """Take torch's arguments."""

    def scale(self, outputs: Any) -> Any:
        """Return what is given."""
        return outputs

    def unscale_(self, optimizer: Any) -> None:
        """Do nothing."""

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """Let the optimizer step."""
        return optimizer.step(*args, **kwargs)

    def update(self, new_scale: Any = None) -> None:
        """Do nothing."""

    def get_scale(self) -> float:
        """Return 1."""
        return 1.0

    def is_enabled(self) -> bool:
        """Return False."""
        return False

    def state_dict(self) -> dict[str, Any]:
        """Return an empty dict, as torch's does that is not enabled."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Do nothing."""
