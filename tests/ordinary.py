"""What an ordinary process meets: permissions that count, also for root, and a full disk."""

import ctypes
import os
import subprocess
import sys
from contextlib import contextmanager

import pytest

# Linux: CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, by which root reads and writes everything.
OVERRIDE = 1 << 1 | 1 << 2


@contextmanager
def rights():
    """Let permissions count for this thread, root's too; skip the test where that is impossible."""
    if os.name != "posix":
        pytest.skip("needs the permissions of POSIX")
    if os.geteuid() != 0:
        yield
        return
    if sys.platform != "linux":
        pytest.skip("root may write everywhere")
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    if libc.capget(header, sets) != 0:
        pytest.skip("the capabilities of this process cannot be read")
    before = sets[0]
    sets[0] = before & ~OVERRIDE
    assert libc.capset(header, sets) == 0
    try:
        yield
    finally:
        sets[0] = before
        assert libc.capset(header, sets) == 0


@contextmanager
def small_disk(folder, size):
    """Mount a disk of so many bytes, whole pages; skip the test where that is impossible."""
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(["mount", *options], capture_output=True).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("this process may not mount a disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
