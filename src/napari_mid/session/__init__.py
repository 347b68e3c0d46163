"""What the user is looking at: evented state, no Qt, no napari."""

from napari_mid.session.events import Message, OutlinesOn, SessionEvents, Work
from napari_mid.session.marks import N_CLASSES, Marks
from napari_mid.session.session import Session

__all__ = ["N_CLASSES", "Marks", "Message", "OutlinesOn", "Session", "SessionEvents", "Work"]
