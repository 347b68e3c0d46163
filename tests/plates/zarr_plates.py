"""Small OME-Zarr plates written for a test, JSON by hand and pixels by zarr, so that nothing of ours is needed to write them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

AXES = {
    "t": {"name": "t", "type": "time", "unit": "second"},
    "c": {"name": "c", "type": "channel"},
    "z": {"name": "z", "type": "space", "unit": "micrometer"},
    "y": {"name": "y", "type": "space", "unit": "micrometer"},
    "x": {"name": "x", "type": "space", "unit": "micrometer"},
}


def pixels(*key: object, shape: Sequence[int] = (2, 16, 24)) -> NDArray[np.uint16]:
    """Pixels of their own for each key, none of them 0."""
    return np.random.default_rng(zlib.crc32(str(key).encode())).integers(1, 4000, tuple(shape)).astype(np.uint16)


def write_group(folder: Path, zarr_format: int, ome: Mapping[str, Any], **beside: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if zarr_format == 3:
        attributes = {"ome": {"version": "0.5", **ome}, **beside}
        (folder / "zarr.json").write_text(json.dumps({"zarr_format": 3, "node_type": "group", "attributes": attributes}))
    else:
        (folder / ".zgroup").write_text('{"zarr_format": 2}')
        (folder / ".zattrs").write_text(json.dumps({**ome, **beside}))


def write_image(
    folder: Path,
    array: NDArray[Any],
    zarr_format: int = 3,
    *,
    axes: str = "cyx",
    scale: float | None = 0.65,
    translation: Sequence[float] | None = None,
    levels: int = 2,
    channels: Sequence[Mapping[str, Any]] = ({"label": "DAPI", "color": "0000FF"}, {"label": "TMRM", "color": "FF8000"}),
    unit: str | None = "micrometer",
    chunks: Sequence[int] | None = None,
    blank_chunks: bool = True,
    **beside: Any,
) -> None:
    """An image, whose coarser levels leave out every second row and column."""
    datasets: list[dict[str, Any]] = []
    for level in range(levels):
        step = 2**level
        part = array[..., ::step, ::step]
        target: Any = zarr.create_array(
            store=folder,
            name=str(level),
            shape=part.shape,
            chunks=tuple(chunks or (*[1] * (part.ndim - 2), *part.shape[-2:])),
            dtype=part.dtype,
            zarr_format=3 if zarr_format == 3 else 2,
            chunk_key_encoding={"name": "default" if zarr_format == 3 else "v2", "separator": "/"},
            config={"write_empty_chunks": blank_chunks},
        )
        target[...] = part
        transforms: list[dict[str, Any]] = []
        if scale is not None:
            transforms.append({"type": "scale", "scale": [*[1.0] * (array.ndim - 2), scale * step, scale * step]})
        if translation is not None:
            transforms.append({"type": "translation", "translation": [*[0.0] * (array.ndim - 2), *translation]})
        datasets.append({"path": str(level)} | ({"coordinateTransformations": transforms} if transforms else {}))
    described = [{key: value for key, value in AXES[name].items() if key != "unit" or unit} for name in axes]
    for axis in described:
        if axis["name"] in "yx" and unit:
            axis["unit"] = unit
    image = {"datasets": datasets} | ({"axes": described} if axes else {})
    ome: dict[str, Any] = {"multiscales": [image]}
    if channels:
        ome["omero"] = {"channels": list(channels)}
    write_group(folder, zarr_format, ome, **beside)


def write_plate(
    root: Path,
    zarr_format: int = 3,
    *,
    wells: Sequence[str] = ("A/1", "B/3"),
    fields: Sequence[str] = ("0", "1"),
    rows: Sequence[str] = "ABCD",
    columns: Sequence[str] = ("1", "2", "3", "4", "5", "6"),
    name: str | None = "my plate",
    **image: Any,
) -> Path:
    """A plate whose image ``A/1/0`` holds ``pixels("A/1/0")``."""
    declared = []
    for well in wells:
        row, column = well.split("/")
        declared.append({"path": well, "rowIndex": list(rows).index(row), "columnIndex": list(columns).index(column)})
    plate = {"rows": [{"name": row} for row in rows], "columns": [{"name": column} for column in columns], "wells": declared}
    write_group(root, zarr_format, {"plate": plate | ({"name": name} if name else {})})
    for row in {well.split("/")[0] for well in wells}:
        write_group(root / row, zarr_format, {})
    for well in wells:
        write_group(root / well, zarr_format, {"well": {"images": [{"path": field} for field in fields]}})
        for field in fields:
            write_image(root / well / field, pixels(f"{well}/{field}"), zarr_format, **image)
    return root


def metadata_files(root: Path) -> Iterator[Path]:
    return (path for path in sorted(root.rglob("*")) if path.name in (".zattrs", ".zarray", ".zgroup", "zarr.json"))


def edit(path: Path, **changes: Any) -> None:
    """Change entries of a ``zarr.json``'s ``ome``, or of any other JSON file."""
    document = json.loads(path.read_text())
    target = document["attributes"]["ome"] if path.name == "zarr.json" and "attributes" in document else document
    target.update(changes)
    path.write_text(json.dumps(document))
