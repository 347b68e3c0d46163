from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from napari_mid.errors import SettingsError
from napari_mid.images.fields import load_field_channel
from napari_mid.images.flat_field import estimate_flat_fields
from napari_mid.plates import open_plate
from napari_mid.plates.plate import Plate
from napari_mid.progress import finish
from napari_mid.simulation.camera import illumination
from napari_mid.simulation.plate import simulate_steps
from napari_mid.simulation.settings import SimulationSettings

OFFSET = 100.0


def vignette(shape: tuple[int, int]) -> NDArray[np.float64]:
    """Brightest off the centre, a third less in the far corner; the same light whatever the size of the camera."""
    y, x = np.meshgrid(*((np.arange(size) + 0.5) / size - 0.5 for size in shape), indexing="ij")
    light = 1 - 0.7 * ((y - 0.1) ** 2 + (x + 0.15) ** 2)
    return np.asarray(light / light.mean())


def write_plate(
    folder: Path,
    n_fields: int,
    *,
    light: bool = True,
    cells: int = 100,
    sizes: tuple[tuple[int, int], ...] = ((192, 192),),
) -> Plate:
    """Fields of dim background and bright discs in random places, on a camera with an offset."""
    rng = np.random.default_rng(n_fields)
    folder.mkdir(exist_ok=True)
    for number in range(n_fields):
        shape = sizes[number % len(sizes)]
        yy, xx = np.mgrid[: shape[0], : shape[1]]
        scene = np.full(shape, 120.0)
        for _ in range(cells):
            y, x = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
            scene[(yy - y) ** 2 + (xx - x) ** 2 < 4.5**2] = rng.uniform(700, 900)
        image = OFFSET + scene * (vignette(shape) if light else 1.0) + rng.normal(0, 4, shape)
        tifffile.imwrite(
            folder / f"p_{'ABCDEFGH'[number // 12]}{number % 12 + 1:02d}_s1_w1.tif", np.rint(image).astype(np.uint16)
        )
    return open_plate(folder)


def test_a_known_light_and_offset_are_found(tmp_path: Path) -> None:
    plate = finish(estimate_flat_fields(write_plate(tmp_path / "plate", 24)))
    assert plate.reading.facts()["flat_field"] == "estimated"
    (found,) = plate.reading.flat_fields
    assert found is not None
    error = found.profile((192, 192)) / vignette((192, 192)) - 1
    assert np.sqrt(np.mean(error**2)) < 0.03
    assert np.abs(error).max() < 0.1
    assert found.offset == pytest.approx(OFFSET, abs=25)


def test_every_field_is_read_corrected(tmp_path: Path) -> None:
    plate = finish(estimate_flat_fields(write_plate(tmp_path / "plate", 24)))
    field = plate["B05"].fields[1]
    stored, corrected = (
        np.percentile(image, 10) for image in (field.load_channel(0)[:40, -40:], load_field_channel(field, 0)[:40, -40:])
    )
    assert stored < 202
    assert corrected == pytest.approx(OFFSET + 120, abs=8)


def test_fields_of_different_sizes_share_a_profile(tmp_path: Path) -> None:
    plate = finish(estimate_flat_fields(write_plate(tmp_path / "plate", 24, sizes=((192, 192), (128, 256), (160, 160)))))
    (found,) = plate.reading.flat_fields
    assert found is not None
    for shape in ((192, 192), (128, 256)):
        np.testing.assert_allclose(found.profile(shape), vignette(shape), rtol=0.06)


def test_an_even_plate_is_left_as_it_is(tmp_path: Path) -> None:
    plate = finish(estimate_flat_fields(write_plate(tmp_path / "plate", 24, light=False, cells=5)))
    (found,) = plate.reading.flat_fields
    if found is not None:
        np.testing.assert_allclose(found.profile((192, 192)), 1, atol=0.02)


def test_without_cells_the_profile_is_no_steeper_than_the_light(tmp_path: Path) -> None:
    plate = finish(estimate_flat_fields(write_plate(tmp_path / "plate", 12, cells=0)))
    (found,) = plate.reading.flat_fields
    assert found is not None
    profile, light = found.profile((192, 192)), vignette((192, 192))
    assert np.corrcoef(profile.ravel(), light.ravel())[0, 1] > 0.99
    assert 0.3 * light.std() < profile.std() < light.std()


def test_an_index_profile_does_not_stand_in_the_way(tmp_path: Path) -> None:
    plate = write_plate(tmp_path / "plate", 12)
    once = finish(estimate_flat_fields(plate))
    assert finish(estimate_flat_fields(once)).reading == once.reading


def test_too_few_fields_say_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"7 readable fields, and 8 .*--flat-field off"):
        finish(estimate_flat_fields(write_plate(tmp_path / "plate", 7)))


def test_a_channel_with_too_few_images_is_left_as_it_is(tmp_path: Path) -> None:
    write_plate(tmp_path / "plate", 12)
    for name in ("p_A01_s1_w2.tif", "p_A02_s1_w2.tif"):
        tifffile.imwrite(tmp_path / "plate" / name, np.zeros((96, 96), np.uint16))
    (tmp_path / "plate" / "p_A03_s1_w1.tif").write_bytes(b"no image")
    plate = finish(estimate_flat_fields(open_plate(tmp_path / "plate")))
    assert [flat_field is not None for flat_field in plate.reading.flat_fields] == [True, False]
    assert any("Too few fields of w2" in warning for warning in plate.warnings)


@pytest.mark.parametrize("value", [0, 7, 65535])
def test_plates_of_one_grey_are_left_as_they_are(tmp_path: Path, value: int) -> None:
    for number in range(1, 10):
        tifffile.imwrite(tmp_path / f"p_A{number:02d}_s1_w1.tif", np.full((10, 12), value, np.uint16))
    plate = finish(estimate_flat_fields(open_plate(tmp_path)))
    assert plate.reading.flat_fields == (None,)


def test_a_simulated_plate_gets_its_lamp_back(tmp_path: Path) -> None:
    finish(simulate_steps(tmp_path / "plate", SimulationSettings(wells=6, fields=2, field_px=400, cells_per_field=25, seed=1)))
    plate = finish(estimate_flat_fields(open_plate(tmp_path / "plate")))
    nuclei, *_, dead = plate.reading.flat_fields
    for channel, flat_field in ((0, nuclei), (3, dead)):
        assert flat_field is not None
        light = illumination(1, channel, 400)
        profile = flat_field.profile((400, 400))
        assert np.corrcoef(profile.ravel(), light.ravel())[0, 1] > 0.97
        assert (light / profile).std() < 0.3 * light.std()


def test_a_real_plate_is_estimated(real_data: Path) -> None:
    plate = finish(estimate_flat_fields(open_plate(real_data / "bbbc013")))
    nuclei = plate.reading.flat_fields[1]
    assert nuclei is not None
    profile = nuclei.profile((640, 640))
    assert profile.min() > 0.3
    assert profile.max() < 2
    # the lamp of this plate leaves out the right edge: 11 grey levels become 9
    assert profile[:, -40:].mean() < 0.9 * profile[:, 400:560].mean()
