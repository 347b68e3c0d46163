"""Layers, reader, sample data and export: everything that touches napari and is no Qt widget."""
