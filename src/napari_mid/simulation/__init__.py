"""Simulated plates with truth per cell."""
