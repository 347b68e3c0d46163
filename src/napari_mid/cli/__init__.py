"""The command line: ``napari-mid COMMAND``."""

from napari_mid.cli.main import main

__all__ = ["main"]
