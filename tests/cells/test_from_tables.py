from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_mid.cells.from_tables import inside_image, nuclei_of_well, read_nuclei_table
from napari_mid.errors import MidError, NucleiTableError
from napari_mid.plates import open_plate
from napari_mid.plates.field import Reading
from napari_mid.plates.plate import Plate

Row = Mapping[str, object]


@pytest.fixture
def plate(tmp_path: Path) -> Plate:
    """Plate "p", wells A01 (fields 1 and 2), A02 (field 1), B01 (field 1), two channels."""
    folder = tmp_path / "p"
    folder.mkdir()
    for place in ("A01_s1", "A01_s2", "A02_s1", "B01_s1"):
        for channel in (1, 2):
            tifffile.imwrite(folder / f"p_{place}_w{channel}.tif", np.zeros((50, 60), np.uint16))
    return open_plate(folder)


def nucleus(well: str, site: object, y: object = 10.25, x: object = 20.5, **more: object) -> Row:
    """A row as `napari-mid detect` and pycytominer write it."""
    return {
        "Metadata_Plate": "p",
        "Metadata_Well": well,
        "Metadata_Site": site,
        "Nuclei_Location_Center_X": x,
        "Nuclei_Location_Center_Y": y,
        "Nuclei_AreaShape_Area": 300.0,
        **more,
    }


def written(rows: Sequence[Row], path: Path, delimiter: str = ",") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(rows)
    if path.suffix == ".parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False, sep=delimiter)
    return path


@pytest.mark.parametrize(("name", "delimiter"), [("n.csv", ","), ("n.tsv", "\t"), ("n.csv", ";"), ("n.parquet", "")])
def test_rows_become_nuclei_of_their_fields(plate: Plate, tmp_path: Path, name: str, delimiter: str) -> None:
    rows = [nucleus("A01", 1, 1, 2), nucleus("A1", 2, 3.5, 4.25), nucleus("A01", 1, 5, 6), nucleus("B01", 1, 7, 8)]
    table = read_nuclei_table(written(rows, tmp_path / name, delimiter), plate)
    assert table.n_nuclei == 4
    assert {well: list(fields) for well, fields in table.nuclei.items()} == {"A01": [1, 2], "B01": [1]}
    found = table.nuclei["A01"][1]
    np.testing.assert_array_equal(found.centroids, [[1, 2], [5, 6]])
    np.testing.assert_array_equal(found.area_px, [300, 300])
    assert np.isnan(found.mean_intensity).all()
    assert (found.detector, found.settings, found.well, found.field) == ("table", {"table": name}, "A01", 1)
    assert table.warnings == (f"{name} has no nuclei in 1 of the 3 wells that have images: A02.",)


def test_what_does_not_fit_is_counted(plate: Plate, tmp_path: Path) -> None:
    rows = [
        nucleus("A01", 1),
        nucleus("A01", 1),
        nucleus("A01", 1, y="", x=3),
        nucleus("A01", 1, y="inf"),
        nucleus("A02", 9),
        nucleus("H12", 1),
        nucleus("?", 1),
        {**nucleus("A01", 1), "Metadata_Plate": "q"},
    ]
    table = read_nuclei_table(written(rows, tmp_path / "n.csv"), plate)
    assert table.n_nuclei == 1
    told = " ".join(table.warnings)
    assert "1 nuclei of n.csv are of other plates and are left out: q." in told
    assert "3 nuclei of n.csv are in fields that plate p does not have" in told
    assert "well A02 site 9" in told
    assert "2 rows of n.csv have no location" in told
    assert "1 rows of n.csv have the same location" in told
    assert "no nuclei in 2 of the 3 wells that have images: A02, B01" in told
    assert "A01 field 2" in told


def test_a_table_of_one_plate_with_another_name_is_used_and_told(plate: Plate, tmp_path: Path) -> None:
    rows = [{**nucleus("A01", 1), "Metadata_Plate": "BR1"}]
    table = read_nuclei_table(written(rows, tmp_path / "n.csv"), plate)
    assert table.n_nuclei == 1
    assert "n.csv calls the plate BR1, its images call it p." in table.warnings
    written([*rows, {**nucleus("A02", 1), "Metadata_Plate": "BR2"}], tmp_path / "two.csv")
    with pytest.raises(NucleiTableError, match=r"2 plates \(BR1, BR2\), none of them called p"):
        read_nuclei_table(tmp_path / "two.csv", plate)


def test_the_name_of_the_image_tells_the_field(plate: Plate, tmp_path: Path) -> None:
    centre = {"Nuclei_Location_Center_X": 1.0, "Nuclei_Location_Center_Y": 2.0}
    rows = [
        {**centre, "Image_FileName_Mito": "none.tif", "Image_FileName_DNA": "C:\\data\\p_A01_s2_w1.tif"},
        # sites of another program may be counted otherwise; the image that the nuclei were located in is sure
        {**centre, "Metadata_Well": "A01", "Metadata_Site": 7, "Image_FileName_DNA": "p_A01_s1_w1.tif"},
        {**centre, "Metadata_Well": "B01", "Image_FileName_DNA": "corrected.tif"},
        {**centre, "Image_FileName_IllumDNA": "p_A02_s1_w1.tif"},
    ]
    table = read_nuclei_table(written(rows, tmp_path / "n.csv"), plate)
    assert {well: list(fields) for well, fields in table.nuclei.items()} == {"A01": [1, 2], "B01": [1]}
    assert any("1 nuclei" in warning and "does not have" in warning for warning in table.warnings)


@pytest.mark.parametrize(("name", "images"), [("Nuclei.csv", "Image.csv"), ("Expt_Nuclei.csv", "Expt_Image.csv")])
def test_cellprofilers_own_tables(plate: Plate, tmp_path: Path, name: str, images: str) -> None:
    home = tmp_path / "out"
    written(
        [{"ImageNumber": n, "Location_Center_X": n, "Location_Center_Y": 5, "AreaShape_Area": 9} for n in (1, 2, 3)], home / name
    )
    with pytest.raises(NucleiTableError, match=r"Image\.csv"):
        read_nuclei_table(home / name, plate)
    about = [
        {"ImageNumber": 1, "Metadata_Well": "A01", "Metadata_Site": 2, "FileName_DNA": "x.tif"},
        {"ImageNumber": 2, "Metadata_Well": "B01", "Metadata_Site": 1, "FileName_DNA": "x.tif"},
    ]
    written(about, home / images)
    written(about, home / "Other_Image.csv")
    table = read_nuclei_table(home / name, plate)
    np.testing.assert_array_equal(table.nuclei["B01"][1].centroids, [[5, 2]])
    np.testing.assert_array_equal(table.nuclei["A01"][2].area_px, [9])
    assert table.n_nuclei == 2
    assert any("1 nuclei" in warning and "ImageNumber" in warning and "(3)" in warning for warning in table.warnings)


@pytest.mark.parametrize(
    ("home", "given"), [("p", "."), ("locations/p", "."), ("inputs/locations/p", "."), ("p", "p"), ("q", ".")]
)
def test_deepprofiler_locations(plate: Plate, tmp_path: Path, home: str, given: str) -> None:
    folder = tmp_path / "profiles"
    for name in ("A01-2-Nuclei.csv", "B01-1-Nuclei.csv"):
        written([{"Nuclei_Location_Center_X": 3, "Nuclei_Location_Center_Y": 4}], folder / home / name)
    (folder / home / "A02-1-Nuclei.csv").write_bytes(b"\0\1")
    table = read_nuclei_table(folder / given, plate)
    assert {well: list(fields) for well, fields in table.nuclei.items()} == {"A01": [2], "B01": [1]}
    assert any("A02-1-Nuclei.csv" in warning for warning in table.warnings)
    assert any("calls the plate q" in warning for warning in table.warnings) == (home == "q")
    assert list(nuclei_of_well(folder / given, plate, "b1")) == [1]


def test_one_time_point_of_several(plate: Plate, tmp_path: Path) -> None:
    rows = [nucleus("A01", 1, Metadata_Time=time, y=time) for time in (3, 3.5, 4, 5)]
    rows = [{**row, "Metadata_Time": int(float(str(row["Metadata_Time"])))} for row in rows]
    table = read_nuclei_table(written(rows, tmp_path / "n.csv"), plate)
    np.testing.assert_array_equal(table.nuclei["A01"][1].centroids[:, 0], [3, 3.5])
    assert any("3 time points; 2 nuclei" in warning for warning in table.warnings)


def test_a_well_again_comes_from_memory_until_the_table_changes(
    plate: Plate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written([nucleus("A01", 1), nucleus("B01", 1, 5, 6)], tmp_path / "n.csv")
    np.testing.assert_array_equal(nuclei_of_well(path, plate, "B1")[1].centroids, [[5, 6]])
    with monkeypatch.context() as patch:
        patch.setattr("napari_mid.cells.from_tables.read_rows", lambda path: pytest.fail("read again"))
        assert len(nuclei_of_well(path, plate, "A01")[1]) == 1
        assert nuclei_of_well(path, plate, "A02") == {}
    written([nucleus("B01", 1, 7, 8), nucleus("B01", 1, 9, 8)], path)
    assert len(nuclei_of_well(path, plate, "B01")[1]) == 2


def test_nuclei_outside_the_image_are_left_out(plate: Plate, tmp_path: Path) -> None:
    rows = [nucleus("A01", 1, y, x) for y, x in ((-0.5, 0), (49.4, 59.4), (49.5, 3), (3, 60), (-7, 3))]
    nuclei = read_nuclei_table(written(rows, tmp_path / "n.csv"), plate).nuclei["A01"][1]
    kept, outside = inside_image(nuclei, (2, 50, 60))
    assert outside == 3
    np.testing.assert_array_equal(kept.centroids, [[-0.5, 0], [49.4, 59.4]])
    assert len(kept.area_px) == 2
    assert inside_image(kept, (50, 60)) == (kept, 0)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"\x89PNG\r\n\0\0", "binary"),
        (b"well,compound\nA01,x\n", "Nuclei_Location_Center_X"),
        (b"Nuclei_Location_Center_X,Nuclei_Location_Center_Y\n1,2\n", "Metadata_Well"),
        (b"Metadata_Well,Nuclei_Location_Center_X,Nuclei_Location_Center_Y\n", "no rows"),
        (b"Metadata_Well,Nuclei_Location_Center_X,Nuclei_Location_Center_Y\nH09,1,2\n", "None of the 1 nuclei"),
        (b"PAR1 and no more", "Parquet"),
    ],
)
def test_what_is_no_table_of_the_plate(plate: Plate, tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "n.csv"
    path.write_bytes(content)
    with pytest.raises(NucleiTableError, match=told) as error:
        read_nuclei_table(path, plate)
    assert "n.csv" in str(error.value)
    with pytest.raises(NucleiTableError, match=r"n\.csv"):
        nuclei_of_well(path, plate, "A01")


def test_a_table_in_which_no_nucleus_has_a_location(plate: Plate, tmp_path: Path) -> None:
    path = written([nucleus("A01", 1, "here", "there"), nucleus("A02", 1, "", "")], tmp_path / "n.csv")
    with pytest.raises(NucleiTableError, match=r"No row of .*n\.csv has a location; expected numbers"):
        read_nuclei_table(path, plate)


def test_no_table_and_a_folder_without_any(plate: Plate, tmp_path: Path) -> None:
    with pytest.raises(NucleiTableError, match="absent"):
        read_nuclei_table(tmp_path / "absent.csv", plate)
    with pytest.raises(NucleiTableError, match="DeepProfiler"):
        read_nuclei_table(plate.path, plate)


@pytest.mark.parametrize(("folder", "n_warnings"), [("cellpainting_nf1", 1), ("cellpainting_jump", 1)])
def test_real_centres_are_on_nuclei(real_data: Path, folder: str, n_warnings: int) -> None:
    plate = open_plate(real_data / folder)
    table = read_nuclei_table(real_data / folder / "cellprofiler_features.parquet", plate)
    features = pd.read_parquet(real_data / folder / "cellprofiler_features.parquet")
    assert table.n_nuclei == len(features) == 5
    assert len(table.warnings) == n_warnings
    x = np.concatenate([nuclei.centroids[:, 1] for fields in table.nuclei.values() for nuclei in fields.values()])
    np.testing.assert_allclose(sorted(x), sorted(features["Nuclei_Location_Center_X"]))
    channel = next(i for i, name in enumerate(plate.channel_names) if name in ("DAPI", "ch5"))
    for well, fields in table.nuclei.items():
        for number, nuclei in fields.items():
            image = plate.wells[well].fields[number].load_channel(channel)
            for y, x in nuclei.centroids.round().astype(int):
                around = image[max(y - 4, 0) : y + 5, max(x - 4, 0) : x + 5]
                assert around.mean() > 3 * np.median(image)


def test_centres_are_0_based_at_pixel_centres(real_data: Path) -> None:
    from skimage.measure import label

    plate = open_plate(real_data / "cellpainting_nf1")
    nuclei = nuclei_of_well(real_data / "cellpainting_nf1" / "cellprofiler_features.parquet", plate, "D07")[1]
    (mask,) = (real_data / "cellpainting_nf1" / "masks").glob("D7_*MaskNuclei.tiff")
    objects = label(tifffile.imread(mask) > 0, connectivity=1)
    (centre,) = nuclei.centroids
    inside = np.nonzero(objects == objects[tuple(centre.round().astype(int))])
    assert len(inside[0]) == nuclei.area_px[0]
    np.testing.assert_allclose(np.mean(inside, axis=1), centre, atol=1e-6)


@pytest.mark.parametrize("name", ["n.csv", "n.parquet"])
def test_a_damaged_table_ends_in_nuclei_or_one_line(plate: Plate, tmp_path: Path, name: str) -> None:
    rows = [nucleus(well, 1, y, 2 * y, Image_FileName=f"p_{well}_s1_w1.tif") for well in ("A01", "B01") for y in range(4)]
    path = written(rows, tmp_path / name)
    content, rng, good = path.read_bytes(), random.Random(0), 0
    for number in range(500):
        data = bytearray(content)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(data))
            data[at : at + rng.choice((0, 1, 20))] = rng.choice((b"", b"\n", b'"', b",", b"\0", bytes([rng.randrange(256)])))
        path = tmp_path / f"{number}_{name}"
        path.write_bytes(data)
        try:
            table = read_nuclei_table(path, plate)
        except MidError as error:
            assert "\n" not in str(error)  # noqa: PT017 - both outcomes are right
            continue
        good += 1
        assert all(np.isfinite(n.centroids).all() for fields in table.nuclei.values() for n in fields.values())
        assert all("\n" not in warning for warning in table.warnings)
    assert good > 10


def test_the_reading_says_which_time_point(plate: Plate, tmp_path: Path) -> None:
    folder = tmp_path / "series"
    for time in (1, 2):
        (folder / f"TimePoint_{time}").mkdir(parents=True)
        tifffile.imwrite(folder / f"TimePoint_{time}" / "x_A01_s1_w1.tif", np.zeros((9, 9), np.uint8))
    series = open_plate(folder).with_reading(Reading(time=2))
    path = written([{**nucleus("A01", 1, y), "Metadata_T": y, "Metadata_Plate": "series"} for y in (1, 2)], tmp_path / "n.csv")
    np.testing.assert_array_equal(nuclei_of_well(path, series, "A01")[1].centroids, [[2, 20.5]])
