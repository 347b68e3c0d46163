"""One file per nucleus detector."""
