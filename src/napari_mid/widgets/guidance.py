"""What the user can do next, in a sentence: every state of the window has one."""

from __future__ import annotations

from napari_mid.session import Session


def next_step(session: Session) -> str:
    """What is lacking before the open well has a score, or what can be done with the score."""
    found = _no_well(session)
    if found:
        return found
    if session.model is None:
        return "Choose a model."
    contract = session.contract
    if contract is not None and contract.problem:
        return "The model does not fit this plate, see above: say what the channels show, or choose another model."
    if session.images is None and session.work is not None:
        return "The images of the well are being read."
    if session.images is None:
        return "The images of the well could not be read: see that the plate is where it was, then click the well again."
    result = session.result
    if result is None:
        if session.nuclei is None:
            return "Press Run: nuclei are located, then every cell is read by the model."
        count = sum(len(found) for found in session.nuclei.values())
        if not count:
            return "No nuclei were found: change the settings under Nuclei, or take them from a Labels or Points layer."
        return f"{count:,} nuclei. Press Run to score the well, or change the settings under Nuclei."
    if not result.n_cells:
        return "No cells were found, so there is no score: change the settings under Nuclei and press Run again."
    if session.chosen:
        what = "this cell" if len(session.chosen) == 1 else f"these {len(session.chosen):,} cells"
        return f"X leaves {what} out of the score, 1 to 9 sort {'it' if len(session.chosen) == 1 else 'them'} into a class."
    return "Click a dot on the image or a picture below to look at a cell."


def _no_well(session: Session) -> str:
    """What to do where no well is open; empty where one is."""
    if session.plate is None:
        return "Open a plate: drop its folder on the window, press Open plate below, or take File > Open Sample > MID."
    if session.overview is not None:
        return "Click a well on the overview or on the plate map to open it."
    if not any(well.has_images for well in session.plate.wells.values()):
        return "None of this plate's images is on disk: open the folder that holds them together with the index."
    if session.well is None:
        return "Click a well on the plate map."
    return ""
