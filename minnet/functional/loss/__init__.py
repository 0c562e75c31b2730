"""Losses: one node where torch's is one, else a composition."""

from minnet.functional.loss import classification, likelihood, margin, regression

__all__ = ["classification", "likelihood", "margin", "regression"]
