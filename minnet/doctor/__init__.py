"""The doctor: see what an initialization does to a network, before training it."""

from __future__ import annotations

from minnet.doctor.examination import examine, prescribe
from minnet.doctor.report import Compared, Finding, Layer, Report, Unhealthy

__all__ = ["Compared", "Finding", "Layer", "Report", "Unhealthy", "examine", "prescribe"]
