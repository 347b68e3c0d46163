"""What a session tells: that something changed, what runs, and messages to the user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from psygnal import Signal, SignalGroup

#: Where outlines can be shown.
OutlinesOn = Literal["canvas", "galleries"]


class SessionEvents(SignalGroup):
    """Emitted after the change; handlers read the session."""

    plate_changed = Signal()
    model_changed = Signal()
    well_changed = Signal()
    images_changed = Signal()
    #: the open well came at a coarse resolution, before its images
    preview_changed = Signal()
    #: the overview of the plate came, grew, or went
    overview_changed = Signal()
    nuclei_changed = Signal()
    #: outlines of nuclei came, are wanted, or are not any more
    outlines_changed = Signal()
    #: the nuclei are being edited by hand, were edited further, or are not any more
    editing_changed = Signal()
    #: the current well's result came or went
    result_changed = Signal()
    #: any well's result came or went: the plate map redraws
    results_changed = Signal()
    #: the plate-wide intensity range was measured
    intensity_changed = Signal()
    #: another cell is selected, or others, or none
    cell_changed = Signal()
    #: other cells are to be left out of scores
    exclusions_changed = Signal()
    #: cells were sorted into classes, or classes renamed
    marks_changed = Signal()
    #: the brightness of the cells of the open well was measured, or went
    means_changed = Signal()
    #: wells are being scored, or could not be
    progress_changed = Signal()
    #: background work started, moved on, or ended
    work_changed = Signal()
    #: something to tell the user
    told = Signal(object)


@dataclass(frozen=True, slots=True)
class Message:
    """Something to tell the user, in one sentence."""

    text: str
    level: Literal["info", "warning", "error"] = "info"


@dataclass(frozen=True, slots=True)
class Work:
    """Background work under way.

    `fraction` is from 0 to 1, or None where it is not known.
    """

    what: str
    fraction: float | None = None
    detail: str = ""
