"""Runs a program in a process of its own, its kernels compiled for another processor."""

import os
import subprocess
import sys

import pytest

CPUS = [("haswell", "+avx,+avx2,+fma"), ("nehalem", "+sse4.2"), ("generic", "")]


def for_each_build(test):
    """Run a test as a slow one for every `cpu` with its `features`, on x86."""
    test = pytest.mark.parametrize(("cpu", "features"), CPUS)(test)
    x86 = sys.platform == "linux" and os.uname().machine == "x86_64"
    return pytest.mark.slow(pytest.mark.skipif(not x86, reason="x86 only")(test))


def build(cpu, features, cache):
    """Return the environment in which kernels are compiled for a processor."""
    return {
        "NUMBA_CPU_NAME": cpu,
        "NUMBA_CPU_FEATURES": features,
        "NUMBA_CACHE_DIR": str(cache),
    }


def output(*command, **env):
    """Return what `python *command` prints with these environment variables."""
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        capture_output=True,
        text=True,
        env={**os.environ, **env},
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
