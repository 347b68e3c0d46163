"""Plates on disk: Plate > Well > Field > Channel, and the plate map."""

from napari_mid.plates.opening import open_plate

__all__ = ["open_plate"]
