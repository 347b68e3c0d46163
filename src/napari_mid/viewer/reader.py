"""The reader: File > Open or a drop takes a plate's folder or index and opens it in the MID window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

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
        return open_in_window if Path(path).exists() and _is_plate(Path(path)) else None
    except Exception:  # whatever is odd about the path, another reader may know it
        return None


def _is_plate(path: Path) -> bool:
    """Whether `path` is a plate and nothing else: images, single OME-Zarr images among them, are left to other readers."""
    from napari_mid.plates.formats import file_names, ome_zarr, plate_formats

    for plate_format in plate_formats():
        # the format of last resort takes any folder; here only one whose names are those of a plate
        if plate_format is file_names:
            if path.is_dir() and file_names.most_names_fit(path):
                return True
        elif plate_format.can_read(path):
            return plate_format is not ome_zarr or _says_plate(path)
    return False


def _says_plate(path: Path) -> bool:
    """Whether the metadata of a Zarr group, or of the one in the folder `path`, are those of a plate."""
    for folder in (path.parent if path.is_file() else path, *sorted(path.glob("*.zarr"))):
        for name in (".zattrs", "zarr.json"):
            if (folder / name).is_file() and '"plate"' in (folder / name).read_text(encoding="utf-8", errors="replace"):
                return True
    return False


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
