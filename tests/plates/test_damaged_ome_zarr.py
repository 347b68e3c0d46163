"""Metadata that somebody damaged, by accident or on purpose: each ends in a plate or in an error that says so."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_mid.errors import ImageReadError, MidError
from napari_mid.plates import open_plate
from napari_mid.plates.field import Plane

from .zarr_plates import edit, metadata_files, pixels, write_plate

DAMAGE = (
    b"[",
    b"{",
    b"}",
    b"]",
    b",",
    b'"',
    b"\\",
    b"0",
    b"-1",
    b"99999999",
    b"1e999",
    b"NaN",
    b"null",
    b"../",
    b"\xff",
    b"\x00",
)


def damaged(content: bytes, rng: random.Random) -> bytes:
    """`content` with bytes flipped, cut, inserted, or a value replaced."""
    at = rng.randrange(len(content))
    kind = rng.randrange(5)
    if kind == 0:
        return content[:at] + bytes([content[at] ^ (1 << rng.randrange(8))]) + content[at + 1 :]
    if kind == 1:
        return content[:at] + content[at + rng.randrange(1, 40) :]
    if kind == 2:
        return content[:at] + rng.choice(DAMAGE) + content[at:]
    if kind == 3:
        return content[:at]
    return json.dumps(spoiled(json.loads(content), rng)).encode()


def spoiled(value: Any, rng: random.Random) -> Any:
    """A JSON value with one of its parts replaced by something that has no business there."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        key = rng.choice(sorted(value))
        return {**value, key: spoiled(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.85:
        at = rng.randrange(len(value))
        return [*value[:at], spoiled(value[at], rng), *value[at + 1 :]]
    return rng.choice(
        [None, True, -1, 0, 3, 10**12, 10**30, 1.5, float("nan"), "", "x", "../..", "é\n", [], {}, [[1]], {"path": 1}]
    )


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_damaged_metadata_end_in_a_plate_or_an_error_that_says_so(tmp_path: Path, zarr_format: int) -> None:
    root = write_plate(tmp_path / "a.zarr", zarr_format, wells=["A/1", "A/2"], fields=["0", "1"], translation=(1.0, 2.0))
    files = [file for file in metadata_files(root) if "A/2" not in str(file)]
    rng = random.Random(zarr_format)
    said: list[str] = []
    plates = 0
    for _ in range(400):
        file = rng.choice(files)
        content = file.read_bytes()
        file.write_bytes(damaged(content, rng))
        try:
            plate = open_plate(root)
            plates += 1
            said += plate.warnings
            for plane in (plane for well in plate.wells.values() for field in well.fields.values() for plane in field.planes[:2]):
                shape = read_or_said(plane, said)
                assert shape is None or len(shape) == 2
        except MidError as error:
            said.append(str(error))
        finally:
            file.write_bytes(content)
    assert plates > 200
    assert all("\n" not in text and len(text) < 1000 for text in said)


def read_or_said(plane: Plane, said: list[str]) -> tuple[int, ...] | None:
    """The shape of the plane's coarsest level, or None where the reason why it cannot be read is in `said`."""
    try:
        return plane.read(len(plane.factors) - 1).shape
    except ImageReadError as error:
        said.append(str(error))
        return None


@pytest.mark.parametrize("bad", ["../outside", "/etc", "A/../../outside", "..\\outside", "C:/x", ""])
def test_paths_that_lead_out_are_refused(tmp_path: Path, bad: str) -> None:
    write_plate(tmp_path / "outside")
    for part in ("well", "field", "level"):
        root = write_plate(tmp_path / f"{part}.zarr", wells=["A/1", "A/2"], fields=["0", "1"])
        if part == "well":
            wells = [{"path": bad, "rowIndex": 0, "columnIndex": 0}, {"path": "A/2", "rowIndex": 0, "columnIndex": 1}]
            edit(root / "zarr.json", plate={"rows": [{"name": "A"}], "columns": [{"name": "1"}, {"name": "2"}], "wells": wells})
        elif part == "field":
            edit(root / "A/1/zarr.json", well={"images": [{"path": bad}, {"path": "1"}]})
        else:
            datasets = [{"path": bad}, {"path": "0"}]
            edit(root / "A/1/0/zarr.json", multiscales=[{"axes": ["c", "y", "x"], "datasets": datasets}])
        plate = open_plate(root)
        assert plate["A02"].fields[1].planes
        if part != "level":
            assert plate.warnings
        assert all(
            ".." not in str(plane.path) for well in plate.wells.values() for f in well.fields.values() for plane in f.planes
        )


def test_links_that_lead_out_are_refused(tmp_path: Path) -> None:
    other = write_plate(tmp_path / "other.zarr", wells=["A/1"], fields=["0"])
    root = write_plate(tmp_path / "a.zarr", wells=["A/1", "A/2", "B/3"], fields=["0", "1"])
    shutil.rmtree(root / "A/2")
    (root / "A/2").symlink_to(other / "A/1")
    shutil.rmtree(root / "A/1/1")
    (root / "A/1/1").symlink_to(other / "A/1/0")
    (root / "B/3/0/0/c/0/0/0").unlink()
    (root / "B/3/0/0/c/0/0/0").symlink_to(other / "A/1/0/0/c/0/0/0")
    shutil.rmtree(root / "B/3/1/0")
    (root / "B/3/1/0").symlink_to(other / "A/1/0/0")
    plate = open_plate(root)
    assert not plate["A02"].has_images
    assert not plate["A01"].fields[1].planes
    assert any("outside" in warning and "A/2" in warning for warning in plate.warnings)
    for number in (0, 1):
        with pytest.raises(ImageReadError, match="leads out of the plate"):
            plate["B03"].fields[number].load()
    # a plate reached through a link is as good as any
    (tmp_path / "link.zarr").symlink_to(root)
    assert np.array_equal(open_plate(tmp_path / "link.zarr")["A01"].fields[0].load(), pixels("A/1/0"))


def test_codecs_that_run_programs_are_refused(tmp_path: Path) -> None:
    root = write_plate(tmp_path / "a.zarr", 2, wells=["A/1"], fields=["0"], levels=1)
    marker = tmp_path / "was here"
    program = f"cos\nsystem\n(S'touch \"{marker}\"'\ntR.".encode()
    array = root / "A/1/0/0"
    edit(array / ".zarray", filters=[{"id": "pickle", "protocol": 0}], compressor=None)
    (array / "0/0/0").write_bytes(program)
    with pytest.raises(ImageReadError, match="could run any program"):
        open_plate(root)["A01"].fields[0].load()
    assert not marker.exists()
