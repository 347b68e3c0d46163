"""Errors that a user can cause.

Every message is one sentence or two on one line: what was found, what was expected, what to do. The command line prints it
and exits with status 1, the window shows it as a notification; any other exception is a bug and stays loud.
"""

from __future__ import annotations


class MidError(Exception):
    """Something the user can mend; the message says how."""


class PlateNotFoundError(MidError):
    """There is no plate at the given path, or the folder holds no images we can read."""


class PlateFormatError(MidError):
    """An index file or the file names of a plate do not make sense."""


class PlateMapError(MidError):
    """A plate map cannot be read, or does not fit the plate."""


class ImageReadError(MidError):
    """An image of a field is missing, damaged, or not of the expected shape."""


class ChannelError(MidError):
    """A channel or a channel role that is needed is not on the plate."""


class WellError(MidError):
    """A well that was asked for is not on the plate or has no images."""


class NucleiTableError(MidError):
    """A table of nuclei cannot be read, or does not fit the plate."""


class ModelError(MidError):
    """A model folder cannot be read, or the model does not fit the plate."""


class TrainingError(MidError):
    """The labels or wells that were given do not allow training."""


class SettingsError(MidError):
    """A setting has a value outside its range."""


class DeviceMemoryError(MidError):
    """The memory of the GPU does not hold even the smallest part of the work."""


class DisplayError(MidError):
    """There is no display, Qt binding or OpenGL for what was asked."""
