"""Encode once, score balanced sets, attention and relevance."""
