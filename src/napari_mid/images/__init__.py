"""Pixels of a field or a well."""
