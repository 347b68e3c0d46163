"""What napari shows: reader, layers, sample data."""
