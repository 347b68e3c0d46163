"""One file per plate format."""
