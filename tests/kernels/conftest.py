"""How the tests of layers run: alone, and with every product shared between threads."""

import importlib

import numpy as np
import pytest


@pytest.fixture(params=["serial", "parallel"])
def form(request, monkeypatch):
    """Share no layer, or every one, between three threads."""
    least = 0.0 if request.param == "parallel" else np.inf
    for name in ("linear", "mlp"):
        module = importlib.import_module(f"minnet.kernels.cpu.{name}")
        monkeypatch.setattr(module, "least_work", lambda: least)
    monkeypatch.setattr(module, "get_num_threads", lambda: 3)
