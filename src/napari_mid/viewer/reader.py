"""The reader: File > Open or a drop takes a plate's folder or index and opens it in the MID window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

#: Index files that belong to plates and to nothing else.
INDEX_FILES = ("index.idx.xml", "index.xml")
#: Manifest's scheme of the simulated plates under File > Open Sample.
SAMPLE_SCHEME = "napari-mid://"

Reader = Callable[[Any], list[tuple[Any, ...]]]
#: napari's way to say that a file was read and has no layers of its own
NO_LAYERS: list[tuple[Any, ...]] = [(None,)]


def get_reader(path: str | Sequence[str]) -> Reader | None:
    """A function that opens `path` as a plate, or None where it is not one; never raises."""
    try:
        if not isinstance(path, str | Path):
            if len(path) != 1:
                return None
            path = path[0]
        if str(path).startswith(SAMPLE_SCHEME):
            return open_in_window
        if not str(path):
            return None
        return open_in_window if _is_plate(Path(path)) else None
    except Exception:  # whatever is odd about the path, another reader may know it
        return None


def _is_plate(path: Path) -> bool:
    if path.is_file():
        return path.name.lower() in INDEX_FILES
    if not path.is_dir():
        return False
    from napari_mid.plates.formats import file_names, plate_formats

    # the format of last resort takes any folder; here only one whose names are those of a plate
    return file_names.most_names_fit(path) or any(
        plate_format.can_read(path) for plate_format in plate_formats() if plate_format is not file_names
    )


def open_in_window(path: str | Sequence[str]) -> list[tuple[Any, ...]]:
    """Open the plate in the MID window of the current viewer; the presenter adds the layers."""
    import napari

    from napari_mid.errors import DisplayError
    from napari_mid.viewer.layout import open_layout

    viewer = napari.current_viewer()
    if viewer is None:
        raise DisplayError("A plate opens in a napari window, and there is none; use napari_mid.open_plate in a script.")
    chosen = path if isinstance(path, str | Path) else path[0]
    window = open_layout(viewer)
    if str(chosen).startswith(SAMPLE_SCHEME):
        window.actions.open_sample(str(chosen).rsplit("/", 1)[-1])
    else:
        window.actions.open_plate(chosen)
    return NO_LAYERS
