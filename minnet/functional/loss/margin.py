"""Losses of margins."""
