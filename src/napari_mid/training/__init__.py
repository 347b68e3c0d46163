"""Splits, sampling and the training loop."""
