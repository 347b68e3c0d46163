"""Nuclei, and the slices cut around them."""
