"""Figures, galleries and the HTML report."""
