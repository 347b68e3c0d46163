"""Plates on disk: Plate > Well > Field > Channel, and the plate map."""
