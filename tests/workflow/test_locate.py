"""All fields of a well together: one size, each nucleus once, masks, and what is said about it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_mid.cells.duplicates import duplicates_left_out
from napari_mid.cells.from_layers import nuclei_from_labels
from napari_mid.cells.settings import DetectionSettings
from napari_mid.plates.field import Channel, Field, Plane
from napari_mid.plates.plate import Plate, Well
from napari_mid.progress import finish
from napari_mid.workflow.detect import detect_images_steps, detect_plate_steps, detect_well_steps
from napari_mid.workflow.locate import given_once
from napari_mid.workflow.masks import MaskNames

SHAPE = (160, 200)
PIXEL_UM = 0.5
THRESHOLD = DetectionSettings("threshold")


def draw(spots, radius, shape=SHAPE, seed=0):
    yy, xx = np.mgrid[: shape[0], : shape[1]]
    image = np.random.default_rng(seed).normal(200, 5, shape)
    for y, x in spots:
        image[(yy - y) ** 2 + (xx - x) ** 2 <= radius**2] += 900
    return image.astype(np.uint16)


def plate_of(folder: Path, images, positions=None):
    """A plate with one well whose fields have `images` and stage positions in pixels of their top left corners."""
    fields = {}
    for number, image in images.items():
        path = folder / f"B03_s{number}.tif"
        tifffile.imwrite(path, image)
        position = None
        if positions is not None:
            position = tuple(float(v) for v in (np.array(positions[number]) + np.array(image.shape) / 2) * PIXEL_UM)
        fields[number] = Field("p", "B03", number, (Plane(path, 0),), (Channel("DAPI", "nucleus"),), position, PIXEL_UM)
    well = Well("p", "B03", fields)
    return Plate("p", folder, "test", 8, 12, (Channel("DAPI", "nucleus"),), {"B03": well}, PIXEL_UM)


def spots_of(shape, step=34.0):
    rng = np.random.default_rng(1)
    spots = np.mgrid[20 : shape[0] - 12 : step, 20 : shape[1] - 12 : step].reshape(2, -1).T
    return spots + rng.uniform(-4, 4, spots.shape)


@pytest.mark.parametrize("detector", ["threshold", "blob"])
@pytest.mark.parametrize("error", [0, 4])
def test_nuclei_where_fields_overlap_are_counted_once(tmp_path, detector, error):
    spots = spots_of((300, 380))
    canvas = draw(spots, 8, (300, 380))
    corners = {1: (0, 0), 2: (0, 180), 3: (140, 0), 4: (140, 180)}
    images = {number: canvas[top : top + 160, left : left + 200] for number, (top, left) in corners.items()}
    rng = np.random.default_rng(2)
    said = {number: np.array(corner) + rng.integers(-error, error + 1, 2) for number, corner in corners.items()}
    plate = plate_of(tmp_path, images, said)
    nuclei = finish(detect_well_steps(plate, "B03", settings=DetectionSettings(detector, diameter_px=16)))
    places = np.concatenate([found.centroids + corners[number] for number, found in nuclei.items()])
    assert len(places) == len(spots)
    assert np.linalg.norm(places[:, None] - spots[None], axis=2).min(axis=0).max() < 2
    seen = [((spots >= np.array(c) - 4) & (spots < np.add(c, (164, 204)))).all(axis=1).sum() for c in corners.values()]
    assert duplicates_left_out(nuclei) == pytest.approx(sum(seen) - len(spots), abs=2)


def test_without_stage_positions_every_field_counts_for_itself(tmp_path):
    image = draw(spots_of(SHAPE), 8)
    nuclei = finish(detect_well_steps(plate_of(tmp_path, {1: image, 2: image}), "B03", settings=THRESHOLD))
    assert len(nuclei[1]) == len(nuclei[2]) == len(spots_of(SHAPE))
    assert duplicates_left_out(nuclei) == 0


def test_a_field_with_little_in_it_is_searched_for_the_nuclei_of_the_others(tmp_path):
    images = {number: draw(spots_of(SHAPE), 8, seed=number) for number in (1, 2, 3)}
    # two dividing cells and debris would have it that nuclei are small
    images[4] = draw([(30, 30), (30, 60), (90, 100), (120, 40)], 3)
    plate = plate_of(tmp_path, images)
    nuclei = finish(detect_well_steps(plate, "B03", settings=THRESHOLD))
    used = [found.settings["diameter_px"] for found in nuclei.values()]
    assert max(used) / min(used) < 1.25
    # in whatever order they come
    turned = dataclasses.replace(plate, wells={"B03": Well("p", "B03", dict(reversed(plate.wells["B03"].fields.items())))})
    again = finish(detect_well_steps(turned, "B03", settings=THRESHOLD))
    for number, found in nuclei.items():
        np.testing.assert_array_equal(found.centroids, again[number].centroids)
    # a diameter that is set is used as it is
    given = finish(detect_well_steps(plate, "B03", settings=DetectionSettings("threshold", diameter_px=7)))
    assert {found.settings["diameter_px"] for found in given.values()} == {7}


def test_a_well_in_which_fields_agree_is_looked_through_once(tmp_path, monkeypatch):
    import napari_mid.workflow.locate as locate

    looked: list[int] = []
    detect = locate.detect_field
    monkeypatch.setattr(
        locate, "detect_field", lambda *args, field, **rest: looked.append(field) or detect(*args, field=field, **rest)
    )
    images = {number: draw(spots_of(SHAPE), 8, seed=number) for number in (1, 2, 3)}
    finish(detect_well_steps(plate_of(tmp_path, images), "B03", settings=THRESHOLD))
    assert sorted(looked) == [1, 2, 3]
    images[3] = draw(spots_of(SHAPE)[:4], 3)
    looked.clear()
    finish(detect_well_steps(plate_of(tmp_path, images), "B03", settings=THRESHOLD))
    assert sorted(looked) == [1, 2, 3, 3]


def test_masks_of_a_plate_give_the_same_nuclei_again(tmp_path):
    corners = {1: (0, 0), 2: (0, 180)}
    canvas = draw(spots_of((160, 380)), 8, (160, 380))
    plate = plate_of(tmp_path, {number: canvas[:, left : left + 200] for number, (_, left) in corners.items()}, corners)
    steps = detect_plate_steps(plate, list(plate.wells.values()), settings=THRESHOLD, masks=tmp_path / "masks")
    detected = finish(steps)
    assert sorted(path.name for path in (tmp_path / "masks").iterdir()) == ["B03_s1_nuclei.tif", "B03_s2_nuclei.tif"]
    assert detected.n_twice > 0
    for field in detected.fields:
        assert field.nuclei.masks is None
        masks = tifffile.imread(tmp_path / "masks" / f"B03_s{field.site}_nuclei.tif")
        assert (masks.shape, masks.dtype) == (SHAPE, np.uint16)
        image = plate.wells["B03"].fields[field.site].load()[0]
        again = nuclei_from_labels(masks, image, well="B03", field=field.site)
        np.testing.assert_allclose(again.centroids, field.nuclei.centroids, atol=1)
        np.testing.assert_allclose(again.mean_intensity, field.nuclei.mean_intensity, rtol=0.03)
        np.testing.assert_array_equal(again.touches_border, field.nuclei.touches_border)


def test_masks_of_loose_images(tmp_path):
    for name in ("a.tif", "a.png", "b.tif"):
        tifffile.imwrite(tmp_path / name, draw(spots_of(SHAPE), 8)) if name.endswith("tif") else None
    import imageio.v3 as iio

    iio.imwrite(tmp_path / "a.png", (draw(spots_of(SHAPE), 8) // 8).astype(np.uint8))
    paths = [tmp_path / name for name in ("a.png", "a.tif", "b.tif")]
    finish(detect_images_steps(paths, settings=THRESHOLD, masks=tmp_path / "masks"))
    written = sorted(path.name for path in (tmp_path / "masks").iterdir())
    assert written == ["1_a_nuclei.tif", "2_a_nuclei.tif", "b_nuclei.tif"]


def test_masks_of_fields_whose_files_have_the_same_name():
    names = MaskNames({("A01", 1): "0", ("A01", 2): "0", ("A02", 1): "x.tif", ("A02", 2): "X.TIF", ("A03", 1): "y.tif"})
    assert [names[key] for key in names.files] == [
        "A01_s1_0_nuclei.tif",
        "A01_s2_0_nuclei.tif",
        "A02_s1_x_nuclei.tif",
        "A02_s2_X_nuclei.tif",
        "y_nuclei.tif",
    ]


def test_given_nuclei_are_counted_once_where_their_size_is_known(tmp_path):
    corners = {1: (0, 0), 2: (0, 180)}
    spots = spots_of((160, 380))
    canvas = draw(spots, 8, (160, 380))
    labels = (canvas > 600).astype(int) * (1 + np.indices(canvas.shape)[0] // 34 * 100 + np.indices(canvas.shape)[1] // 34)
    plate = plate_of(tmp_path, {number: canvas[:, left : left + 200] for number, (_, left) in corners.items()}, corners)
    well = plate.wells["B03"]
    given = {
        number: nuclei_from_labels(labels[:, left : left + 200], None, well="B03", field=number)
        for number, (_, left) in corners.items()
    }
    warnings: list[str] = []
    once = given_once(well, given, lambda number: (1, *SHAPE), warnings)
    left_out = sum(map(len, given.values())) - sum(map(len, once.values()))
    assert left_out == duplicates_left_out(once) > 0
    assert warnings == [f"{left_out} of the nuclei given for B03 are shown by two of its fields and are counted once"]
    # what was counted once already is not said again
    given_once(well, once, lambda number: (1, *SHAPE), warnings)
    assert len(warnings) == 1
    points = {number: dataclasses.replace(found, area_px=np.full(len(found), np.nan)) for number, found in given.items()}
    assert sum(map(len, given_once(well, points, lambda number: SHAPE, warnings).values())) == sum(map(len, given.values()))
    # where the stage positions are unknown no pixel is asked for
    apart = plate_of(tmp_path, {number: canvas[:, left : left + 200] for number, (_, left) in corners.items()})
    assert given_once(apart.wells["B03"], given, lambda number: pytest.fail("asked"), []) == given


def test_later_fields_are_looked_at_as_the_first_ones_are(tmp_path, monkeypatch):
    import napari_mid.workflow.locate as locate

    expected: dict[int, float | None] = {}
    detect = locate.detect_field

    def noted(*args, field, expected_px, **rest):
        expected[field] = expected_px
        return detect(*args, field=field, expected_px=expected_px, **rest)

    monkeypatch.setattr(locate, "detect_field", noted)
    images = {number: draw(spots_of(SHAPE), 8, seed=number) for number in (1, 2, 3, 4)}
    plate = plate_of(tmp_path, images)
    found = finish(detect_well_steps(plate, "B03", settings=THRESHOLD))
    assert expected[1] is None
    assert expected[2] is None
    middle = np.median([found[number].settings["diameter_px"] for number in (1, 2)])
    assert expected[3] == expected[4] == pytest.approx(middle)
    # what is set is not guessed
    finish(detect_well_steps(plate, "B03", settings=DetectionSettings("threshold", diameter_px=16)))
    assert set(expected.values()) == {None}
