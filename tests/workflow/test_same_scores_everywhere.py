"""The same pixels score the same, whichever vendor's microscope is said to have written them.

A plate is simulated as Harmony writes it; tifffile and the index's own XML, and nothing of the readers, copy its images into the
layout of each other vendor, stage positions in that vendor's directions included.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import tifffile
from numpy.typing import NDArray

from napari_mid.cli.main import main
from napari_mid.images.layout import well_layout
from napari_mid.plates import open_plate
from napari_mid.plates.plate import Plate

ROWS, COLUMNS, FIELDS, FIELD_PX, PIXEL_UM = 2, 3, 3, 192, 0.6
STAINS = {"Hoechst 33342": "nucleus", "CM-H2DCFDA": "ros", "TMRM": "mmp", "YOYO-3": "dead"}
EMISSION = (456, 522, 599, 706)
WELLS = "A01,B03"


@dataclass(frozen=True)
class Image:
    """An image of the plate: 1-based row, column, field and channel; stage position in µm, y growing upwards."""

    row: int
    column: int
    field: int
    channel: int
    x: float
    y: float
    path: Path

    @property
    def well(self) -> str:
        return f"{'ABCDEFGH'[self.row - 1]}{self.column:02d}"

    def pixels(self) -> NDArray[Any]:
        image: NDArray[Any] = tifffile.imread(self.path)
        return image


Images = list[Image]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("same") / "harmony"
    size = ["--wells", "6", "--fields", str(FIELDS), "--field-px", str(FIELD_PX), "--seed", "3"]
    assert main(["simulate", str(out), *size]) == 0
    return out


@pytest.fixture(scope="module")
def images(original: Path) -> Images:
    home = original / "Images"

    def all_images() -> Iterator[Image]:
        for node in ElementTree.parse(home / "Index.idx.xml").getroot().iter():
            if node.tag.endswith("}Image") and len(node):
                about = {child.tag.rpartition("}")[2]: str(child.text) for child in node}
                numbers = (int(about[name]) for name in ("Row", "Col", "FieldID", "ChannelID"))
                yield Image(*numbers, *(float(about[f"Position{axis}"]) * 1e6 for axis in "XY"), home / about["URL"])

    return list(all_images())


def score(plate: Path, out: Path, roles: Mapping[str, str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    named = [f"{name}={role}" for name, role in roles.items()]
    arguments = [
        "score",
        "--roles",
        *named,
        str(plate),
        "--model",
        "demo",
        "--wells",
        WELLS,
        "--device",
        "cpu",
        "--out",
        str(out),
    ]
    assert main(arguments) == 0
    return pd.read_csv(out / "wells.csv"), pd.read_parquet(out / "cells.parquet")


@pytest.fixture(scope="module")
def scores(original: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, pd.DataFrame]:
    return score(original, tmp_path_factory.mktemp("scores"), {"Hoechst 33342": "nucleus"})


def write_imagexpress(home: Path, images: Images) -> Path:
    lines = ['"HTSInfoFile", Version 1.0', '"Description", "\x81 none"', '"TimePoints", 1', '"ZSeries", FALSE', '"ZSteps", 1']
    lines += [f'"XWells", {COLUMNS}', f'"YWells", {ROWS}']
    lines += [f'"WellsSelection{row + 1}", {", ".join(["TRUE"] * COLUMNS)}' for row in range(ROWS)]
    lines += ['"Sites", TRUE', '"XSites", 2', '"YSites", 2', '"SiteSelection1", TRUE, TRUE', '"SiteSelection2", TRUE, FALSE']
    lines += ['"Waves", TRUE', f'"NWavelengths", {len(STAINS)}']
    lines += [f'"WaveName{number}", "{name}"' for number, name in enumerate(STAINS, 1)]
    lines += [f'"WaveCollect{number}", 1' for number in range(1, len(STAINS) + 1)]
    (home / "scan.HTD").write_bytes("\r\n".join([*lines, '"EndFile"', ""]).encode("latin-1"))
    (home / "TimePoint_1").mkdir()
    for image in images:
        # the stage of an ImageXpress grows downwards, in µm from a corner of the plate
        properties = {
            "spatial-calibration-state": "on",
            "spatial-calibration-x": PIXEL_UM,
            "spatial-calibration-y": PIXEL_UM,
            "spatial-calibration-units": "um",
            "stage-position-x": 14380 + 9000 * (image.column - 1) + image.x,
            "stage-position-y": 11240 + 9000 * (image.row - 1) - image.y,
            "wavelength": EMISSION[image.channel - 1],
        }
        text = "".join(f'<prop id="{name}" type="float" value="{value}"/>' for name, value in properties.items())
        tifffile.imwrite(
            home / "TimePoint_1" / f"scan_{image.well}_s{image.field}_w{image.channel}.TIF",
            image.pixels(),
            description=f"<MetaData>\r\n<PlaneInfo>{text}</PlaneInfo></MetaData>",
            software="MetaSeries",
            metadata=None,
        )
    return home


def write_cellvoyager(home: Path, images: Images) -> Path:
    bts = 'xmlns:bts="http://www.yokogawa.co.jp/BTS/BTSSchema/1.0"'
    records = []
    for image in images:
        name = f"scan_{image.well}_T0001F{image.field:03d}L01A01Z01C{image.channel:02d}.tif"
        tifffile.imwrite(home / name, image.pixels())
        records.append(
            f'<bts:MeasurementRecord bts:Ch="{image.channel}" bts:X="{image.x:.1f}" bts:Y="{image.y:.1f}" bts:Z="0" '
            f'bts:Type="IMG" bts:Row="{image.row}" bts:Column="{image.column}" bts:TimePoint="1" bts:FieldIndex="{image.field}" '
            f'bts:ZIndex="1" bts:TimelineIndex="1" bts:ActionIndex="1" bts:Action="3D">{name}</bts:MeasurementRecord>'
        )
    (home / "MeasurementData.mlf").write_text(
        f'<?xml version="1.0"?><bts:MeasurementData bts:Version="1.0" {bts}>{"".join(records)}</bts:MeasurementData>'
    )
    channels = "".join(
        f'<bts:MeasurementChannel bts:Ch="{number}" bts:HorizontalPixelDimension="{PIXEL_UM}" '
        f'bts:VerticalPixelDimension="{PIXEL_UM}" bts:HorizontalPixels="{FIELD_PX}" bts:VerticalPixels="{FIELD_PX}"/>'
        for number in range(1, 5)
    )
    (home / "MeasurementDetail.mrf").write_text(
        f'<?xml version="1.0"?><bts:MeasurementDetail bts:ColumnCount="{COLUMNS}" bts:RowCount="{ROWS}" {bts}>{channels}'
        "</bts:MeasurementDetail>"
    )
    channels = "".join(f'<bts:Channel bts:Ch="{n}" bts:Fluorophore="{name}"/>' for n, name in enumerate(STAINS, 1))
    (home / "scan.mes").write_text(
        f'<?xml version="1.0"?><bts:MeasurementSetting {bts}><bts:ChannelList>{channels}</bts:ChannelList>'
        "</bts:MeasurementSetting>"
    )
    return home / "MeasurementData.mlf"


def write_load_data(home: Path, images: Images) -> Path:
    rows: dict[tuple[str, int], dict[str, object]] = {}
    stains = [name.replace("-", "") for name in STAINS]
    for image in images:
        stain = stains[image.channel - 1].replace(" ", "")
        name = f"{image.well}-{image.field}-{stain}.tif"
        (home / "pictures").mkdir(exist_ok=True)
        tifffile.imwrite(home / "pictures" / name, image.pixels())
        row = rows.setdefault((image.well, image.field), {"Metadata_Plate": "scan", "Metadata_Well": image.well})
        row |= {"Metadata_Site": image.field, f"FileName_{stain}": name, f"PathName_{stain}": r"D:\screens\pictures"}
        # pe2loaddata copies metres, y growing upwards, from Harmony
        row |= {"Metadata_PositionX": image.x * 1e-6, "Metadata_PositionY": image.y * 1e-6}
        row["Metadata_ImageResolutionX"] = PIXEL_UM * 1e-6
    with (home / "load_data.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(next(iter(rows.values()))))
        writer.writeheader()
        writer.writerows(rows.values())
    return home / "load_data.csv"


def write_file_names(home: Path, images: Images) -> Path:
    for image in images:
        tifffile.imwrite(home / f"scan_{image.well}_s{image.field}_w{image.channel}.tif", image.pixels())
    return home


def write_ome_zarr(home: Path, images: Images) -> Path:
    import zarr

    root = home / "scan.zarr"
    fields: dict[tuple[str, str], dict[int, Images]] = {}
    for image in images:
        key = (image.well[0], str(image.column))
        fields.setdefault(key, {}).setdefault(image.field, []).append(image)
    plate = zarr.open_group(root, mode="w", zarr_format=3)
    plate.attrs["ome"] = {
        "version": "0.5",
        "plate": {
            "name": "scan",
            "rows": [{"name": name} for name in "AB"],
            "columns": [{"name": str(number)} for number in range(1, COLUMNS + 1)],
            "wells": [{"path": "/".join(key), "rowIndex": "AB".index(key[0]), "columnIndex": int(key[1]) - 1} for key in fields],
        },
    }
    axes = [{"name": "c", "type": "channel"}, *({"name": name, "type": "space", "unit": "micrometer"} for name in "yx")]
    for key, by_field in fields.items():
        well = plate.require_group("/".join(key))
        well.attrs["ome"] = {"version": "0.5", "well": {"images": [{"path": str(field)} for field in by_field]}}
        for field, channels in by_field.items():
            stack = np.stack([image.pixels() for image in sorted(channels, key=lambda image: image.channel)])
            group = well.create_group(str(field))
            # the corner of the image, y growing downwards
            corner = [-channels[0].y - FIELD_PX * PIXEL_UM / 2, channels[0].x - FIELD_PX * PIXEL_UM / 2]
            transforms = [
                {"type": "scale", "scale": [1, PIXEL_UM, PIXEL_UM]},
                {"type": "translation", "translation": [0, *corner]},
            ]
            datasets = [{"path": "full", "coordinateTransformations": transforms}]
            group.attrs["ome"] = {
                "version": "0.5",
                "multiscales": [{"axes": axes, "datasets": datasets}],
                "omero": {"channels": [{"label": name, "color": "FFFFFF"} for name in STAINS]},
            }
            group.create_array("full", data=stack, chunks=(1, 128, 128))
    return root


VENDORS: dict[str, tuple[Callable[[Path, Images], Path], list[str]]] = {
    "ImageXpress": (write_imagexpress, list(STAINS)),
    "CellVoyager": (write_cellvoyager, list(STAINS)),
    "OME-Zarr": (write_ome_zarr, list(STAINS)),
    "LoadData": (write_load_data, ["Hoechst33342", "CMH2DCFDA", "TMRM", "YOYO3"]),
    "File names": (write_file_names, ["w1", "w2", "w3", "w4"]),
}


def origins(plate: Plate, well: str) -> tuple[bool, list[tuple[int, int]]]:
    fields = plate.wells[well].fields
    layout = well_layout(fields, dict.fromkeys(fields, (FIELD_PX, FIELD_PX)))
    return layout.from_stage, [layout.origins[number] for number in sorted(fields)]


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_same_pixels_score_the_same(
    vendor: str,
    original: Path,
    images: Images,
    scores: tuple[pd.DataFrame, pd.DataFrame],
    tmp_path: Path,
) -> None:
    write, channels = VENDORS[vendor]
    path = write(tmp_path, images)
    harmony, plate = open_plate(original), open_plate(path)
    assert (plate.format, plate.channel_names) == (vendor, tuple(channels))
    assert (plate.rows, plate.columns, plate.missing_files, plate.warnings) == (ROWS, COLUMNS, (), ())
    assert plate.n_images == len(images)
    assert {name: list(well.fields) for name, well in plate.wells.items()} == {
        name: list(well.fields) for name, well in harmony.wells.items()
    }
    for name in harmony.wells:
        for number, field in harmony.wells[name].fields.items():
            np.testing.assert_array_equal(plate.wells[name].fields[number].load(), field.load())
        if vendor != "File names":  # which tell no place
            assert origins(plate, name) == origins(harmony, name) == (True, [(0, 0), (0, FIELD_PX), (FIELD_PX, 0)])
    assert plate.pixel_size_um == (None if vendor == "File names" else pytest.approx(PIXEL_UM))

    wells, cells = score(path, tmp_path / "out", dict(zip(channels, STAINS.values(), strict=True)))
    expected_wells, expected_cells = scores
    assert wells["Metadata_Well"].tolist() == ["A01", "B03"]
    assert wells["n_cells"].min() > 20
    pd.testing.assert_frame_equal(
        wells[["score", "score_low", "score_high"]], expected_wells[["score", "score_low", "score_high"]], rtol=0, atol=1e-6
    )
    same = [column for column in expected_cells if column != "Metadata_Plate"]
    pd.testing.assert_frame_equal(cells[same], expected_cells[same], rtol=0, atol=1e-5)
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert run["plate"]["format"] == vendor
    assert list(run["settings"]["roles"].values()) == list(STAINS.values())
