"""`import minnet` does not wait for the doctor."""

from __future__ import annotations

import subprocess
import sys

import pytest

from minnet import doctor


def test_the_doctor_is_imported_when_it_is_used() -> None:
    program = (
        "import sys, minnet; loaded = [m for m in sys.modules if m.startswith('minnet.doctor')];"
        "print(*loaded); minnet.doctor.examine; print('minnet.doctor.units' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["minnet.doctor", "True"]


def test_every_name_is_there_and_no_other() -> None:
    assert all(getattr(doctor, name).__name__ == name for name in doctor.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'cure'"):
        doctor.cure  # noqa: B018
