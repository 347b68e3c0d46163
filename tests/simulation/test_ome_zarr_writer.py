from __future__ import annotations

import dataclasses
import filecmp
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import zarr

from napari_mid.cli.main import main
from napari_mid.errors import MidError
from napari_mid.plates import open_plate
from napari_mid.plates.plate import Plate
from napari_mid.progress import finish
from napari_mid.simulation.ome_zarr_writer import pyramid
from napari_mid.simulation.plate import is_simulated_plate, simulate_steps
from napari_mid.simulation.settings import SimulationSettings

SETTINGS = SimulationSettings(wells=6, fields=2, field_px=128, seed=3, pixel_size_um=0.65)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same plate in each layout."""
    home = tmp_path_factory.mktemp("layouts")
    layouts = ("harmony", "ome-zarr", "ome-zarr-0.4")
    return {layout: finish(simulate_steps(home / layout, dataclasses.replace(SETTINGS, layout=layout))) for layout in layouts}


@pytest.fixture(scope="module")
def plates(folders: dict[str, Path]) -> dict[str, Plate]:
    return {layout: open_plate(folder) for layout, folder in folders.items()}


@pytest.mark.parametrize("layout", ["ome-zarr", "ome-zarr-0.4"])
def test_every_layout_reads_back_as_the_same_plate(plates: dict[str, Plate], layout: str) -> None:
    harmony, plate = plates["harmony"], plates[layout]
    assert plate.format == "OME-Zarr"
    for name in ("name", "rows", "columns", "n_images", "missing_files", "warnings", "simulated"):
        assert getattr(plate, name) == getattr(harmony, name), name
    assert plate.simulated
    assert plate.pixel_size_um == pytest.approx(harmony.pixel_size_um)
    colours = ["#3f6bff", "#2bdc4e", "#ffd21f", "#ff3b30"]
    assert [channel.colour for channel in plate.channels] == colours
    assert tuple(dataclasses.replace(channel, colour=None) for channel in plate.channels) == harmony.channels
    assert list(plate.wells) == list(harmony.wells)
    for name, well in harmony.wells.items():
        assert plate.wells[name].condition == well.condition
        assert well.condition["compound"]
        assert list(plate.wells[name].fields) == list(well.fields)
        for number, field in well.fields.items():
            other = plate.wells[name].fields[number]
            assert np.array_equal(other.load(), field.load())
            assert other.load().dtype == field.load().dtype
            assert other.position_um == pytest.approx(field.position_um)


@pytest.mark.parametrize("layout", ["ome-zarr", "ome-zarr-0.4"])
def test_truth_and_record_lie_beside_the_plate(folders: dict[str, Path], layout: str) -> None:
    truths = [pd.read_parquet(folders[name] / "truth.parquet") for name in ("harmony", layout)]
    pd.testing.assert_frame_equal(*truths)
    assert sorted(path.name for path in folders[layout].iterdir()) == [
        "plate.zarr",
        "plate_map.csv",
        "simulation.json",
        "truth.parquet",
        "truth_wells.csv",
    ]
    assert open_plate(folders[layout] / "plate.zarr")["A01"].condition["compound"]


def test_the_pyramid_is_of_means(plates: dict[str, Plate]) -> None:
    field = plates["ome-zarr"]["A01"].fields[1]
    assert field.planes[0].factors == (1, 2, 4)
    fine = field.load_channel(0).astype(float)
    for level in (1, 2):
        blocks = fine.reshape(fine.shape[0] // 2, 2, fine.shape[1] // 2, 2)
        coarse = field.load_channel(0, level=level).astype(float)
        assert np.abs(coarse - blocks.mean(axis=(1, 3))).max() <= 0.5
        fine = coarse


@pytest.mark.parametrize(("edge", "shapes"), [(128, [128, 64, 32]), (135, [135, 67, 33]), (2160, [2160, 1080, 540, 270, 135])])
def test_levels_until_they_are_small(edge: int, shapes: list[int]) -> None:
    image = np.full((1, edge, edge), 7, np.uint16)
    levels = pyramid(image)
    assert [level.shape for level in levels] == [(1, shape, shape) for shape in shapes]
    assert all((level == 7).all() for level in levels)


def test_version_0_5_as_the_standard_describes_it(folders: dict[str, Path]) -> None:
    root = folders["ome-zarr"] / "plate.zarr"
    for path in (".", "A", "A/1", "A/1/1"):
        group = json.loads((root / path / "zarr.json").read_text())
        assert (group["zarr_format"], group["node_type"]) == (3, "group")
    plate = json.loads((root / "zarr.json").read_text())["attributes"]["ome"]
    assert plate["version"] == "0.5"
    assert [row["name"] for row in plate["plate"]["rows"]] == ["A", "B"]
    assert [column["name"] for column in plate["plate"]["columns"]] == ["1", "2", "3"]
    assert plate["plate"]["wells"][4] == {"path": "B/2", "rowIndex": 1, "columnIndex": 1}
    assert plate["plate"]["field_count"] == 2
    well = json.loads((root / "B/2/zarr.json").read_text())["attributes"]["ome"]
    assert well == {"version": "0.5", "well": {"images": [{"path": "1", "acquisition": 0}, {"path": "2", "acquisition": 0}]}}
    image = json.loads((root / "B/2/1/zarr.json").read_text())["attributes"]["ome"]
    (multiscale,) = image["multiscales"]
    assert [(axis["name"], axis["type"], axis.get("unit")) for axis in multiscale["axes"]] == [
        ("c", "channel", None),
        ("y", "space", "micrometer"),
        ("x", "space", "micrometer"),
    ]
    # left of the well's middle; the first pixel of a coarse level lies where its four fine ones have their centre
    assert [dataset["coordinateTransformations"] for dataset in multiscale["datasets"][:2]] == [
        [{"type": "scale", "scale": [1, 0.65, 0.65]}, {"type": "translation", "translation": [0, -41.275, -82.875]}],
        [{"type": "scale", "scale": [1, 1.3, 1.3]}, {"type": "translation", "translation": [0, -40.95, -82.55]}],
    ]
    for channel in image["omero"]["channels"]:
        assert set(channel) == {"label", "color", "active", "window"}
        assert set(channel["window"]) == {"min", "max", "start", "end"}
        assert len(channel["color"]) == 6
    array = zarr.open_array(root / "B/2/1/0", mode="r")
    assert (array.shape, array.dtype, array.metadata.dimension_names) == ((4, 128, 128), np.uint16, ("c", "y", "x"))


def test_version_0_4_as_the_standard_describes_it(folders: dict[str, Path]) -> None:
    root = folders["ome-zarr-0.4"] / "plate.zarr"
    for path in (".", "A", "A/1", "A/1/1"):
        assert json.loads((root / path / ".zgroup").read_text()) == {"zarr_format": 2}
    assert json.loads((root / ".zattrs").read_text())["plate"]["version"] == "0.4"
    assert json.loads((root / "A/1/.zattrs").read_text())["well"]["version"] == "0.4"
    assert json.loads((root / "A/1/1/.zattrs").read_text())["multiscales"][0]["version"] == "0.4"
    assert json.loads((root / "A/1/1/0/.zarray").read_text())["dimension_separator"] == "/"
    assert not list(root.rglob("zarr.json"))


def test_the_same_settings_give_the_same_files(folders: dict[str, Path], tmp_path: Path) -> None:
    again = finish(simulate_steps(tmp_path / "again", dataclasses.replace(SETTINGS, layout="ome-zarr")))
    names = [str(path.relative_to(again)) for path in again.rglob("*") if path.is_file()]
    assert len(names) == 4 + 1 + 2 + 6 * (1 + 2 * (1 + 3 * (1 + 4)))
    assert filecmp.cmpfiles(again, folders["ome-zarr"], names, shallow=False)[0] == names


def test_replaced_only_when_asked_and_only_what_is_simulated(tmp_path: Path) -> None:
    settings = dataclasses.replace(SETTINGS, layout="ome-zarr", fields=1)
    out = finish(simulate_steps(tmp_path / "plate", settings))
    assert is_simulated_plate(out)
    with pytest.raises(MidError, match="--overwrite"):
        finish(simulate_steps(out, settings))
    finish(simulate_steps(out, dataclasses.replace(settings, layout="ome-zarr-0.4", seed=9), overwrite=True))
    assert open_plate(out).name == "cardiotox-9"
    attributes = out / "plate.zarr" / ".zattrs"
    attributes.write_text(attributes.read_text().replace('"simulated": true', '"simulated": false'))
    assert not open_plate(out).simulated
    with pytest.raises(MidError, match="not a simulated plate"):
        finish(simulate_steps(out, settings, overwrite=True))


def test_a_run_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    steps = simulate_steps(tmp_path / "plate", dataclasses.replace(SETTINGS, layout="ome-zarr"))
    next(steps)
    next(steps)
    steps.close()
    assert not list(tmp_path.iterdir())


def test_the_command_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "plate"
    options = ["--layout", "ome-zarr", "--wells", "6", "--fields", "1", "--field-px", "128"]
    assert main(["simulate", str(out), *options]) == 0
    capsys.readouterr()
    assert main(["info", str(out), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["format"], facts["n_images"], facts["simulated"]) == ("OME-Zarr", 24, True)
    assert facts["channels"][0] == {"name": "Hoechst 33342", "role": "nucleus", "wavelength_nm": 456, "excitation_nm": 375}
    assert facts["wells"]["A01"]["compound"]
