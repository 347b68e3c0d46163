"""Metrics of scores against what is known of the wells."""
