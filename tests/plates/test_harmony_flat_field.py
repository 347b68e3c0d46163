from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_mid.images.fields import load_field_channel
from napari_mid.plates import open_plate
from napari_mid.plates.flat_field import PolynomialFlatField
from napari_mid.plates.formats._harmony_flat_field import index_flat_field, parse

Write = Callable[..., Path]

PROFILE = (
    "{Background: {Character: NonFlat, Mean: 631.2, Profile: {Coefficients: [[9.0]], Dims: [8, 8], Origin: [3.5, 3.5], "
    "Scale: [0.125, 0.125], Type: Polynomial}, Quality: 1.0}, Channel: 1, ChannelName: HOECHST 33342, Foreground: {Character: "
    "NonFlat, NonFlatness: {Original: 0.7, Random: INF}, Profile: {Coefficients: [[1.2], [0.4, -0.2], [-0.9, 0.1, -0.3]], "
    "Dims: [8, 8], Origin: [3.5, 3.5], Scale: [0.125, 0.125], Type: Polynomial}, Quality: 1.0}, Version: Acapella:2013}"
)
FLAT = "{Background: {Character: Null, Profile: {Type: Identity}}, Foreground: {Character: Flat, Profile: {Type: Identity}}}"
BACKGROUND_ALONE = PROFILE[: PROFILE.index(", Foreground")] + ", Version: Acapella:2013}"


def with_profiles(index: Path, profiles: dict[int, str]) -> Path:
    entries = "".join(
        f'<Entry ChannelID="{channel}"><FlatfieldProfile>{text}</FlatfieldProfile></Entry>' for channel, text in profiles.items()
    )
    source = index.read_text(encoding="utf-8-sig")
    index.write_text(source.replace("<Maps>", f"<Maps><Map>{entries}</Map>"), encoding="utf-8")
    return index


def test_the_brace_language() -> None:
    text = '{A: {Is: NonFlat, Of: [[1.5], [2, -3e-2]]}, Name: "405ex, 570-630-em)", Version: Acapella:2013, Empty: []}'
    assert parse(text) == {
        "A": {"Is": "NonFlat", "Of": [["1.5"], ["2", "-3e-2"]]},
        "Name": "405ex, 570-630-em)",
        "Version": "Acapella:2013",
        "Empty": [],
    }


def test_the_polynomial_is_in_columns_first_and_has_a_mean_of_one() -> None:
    flat_field = index_flat_field(PROFILE)
    assert flat_field is not None
    y, x = np.mgrid[:8, :8] * 0.125 - 3.5 * 0.125
    expected = 1.2 + 0.4 * x - 0.2 * y - 0.9 * x**2 + 0.1 * x * y - 0.3 * y**2
    np.testing.assert_allclose(flat_field.profile((8, 8)), expected / expected.mean(), rtol=1e-5)


def test_a_binned_field_shows_the_same_place() -> None:
    flat_field = index_flat_field(PROFILE)
    assert flat_field is not None
    fine, binned = flat_field.profile((320, 400)), flat_field.profile((80, 40))
    np.testing.assert_allclose(fine.reshape(80, 4, 40, 10).mean((1, 3)), binned, atol=0.002)


@pytest.mark.parametrize("text", [FLAT, BACKGROUND_ALONE])
def test_flat_channels_and_those_with_a_background_alone_have_no_profile(text: str) -> None:
    assert index_flat_field(text) is None


def test_a_profile_below_zero_in_a_corner_is_clipped() -> None:
    profile = PolynomialFlatField(((1.0,), (3.0, 0.0))).profile((64, 64))
    assert profile.min() > 0
    assert profile.mean() == pytest.approx(1)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[[1.2]", "[[nan]"),
        ("[[1.2]", "[[1e999]"),
        ("[[1.2]", "[[-5]"),
        ("[[1.2]", "[[1.2, 3]"),
        ("[[1.2]", "[[x]"),
        ("[[1.2]", "[[]"),
        ("[[1.2]", "[1.2"),
        ("[[1.2], [0.4, -0.2], [-0.9, 0.1, -0.3]]", "[]"),
        ("[[1.2], [0.4, -0.2], [-0.9, 0.1, -0.3]]", "[" + "[" * 5000),
        ("[[1.2], [0.4, -0.2], [-0.9, 0.1, -0.3]]", str([[1.0] * n for n in range(1, 40)])),
        ("Foreground: {", "Foreground: {" * 40_000),
        ("Dims: [8, 8], Origin: [3.5, 3.5], Scale: [0.125, 0.125], Type: Polynomial}, Quality: 1.0}, V", "V"),
        ("Dims: [8, 8], Origin", "Dims: [0, 8], Origin"),
        ("Type: Polynomial}, Quality: 1.0}, V", "Type: Spline}, Quality: 1.0}, V"),
        ("Version", '"Version'),
        ("Version: Acapella:2013}", "Version: Acapella:2013"),
        ("Version: Acapella:2013}", "Version: Acapella:2013}}"),
    ],
)
def test_a_profile_that_makes_no_sense_is_a_warning_and_no_correction(write_harmony: Write, old: str, new: str) -> None:
    at = PROFILE.rindex(old)
    damaged = PROFILE[:at] + new + PROFILE[at + len(old) :]
    index = with_profiles(write_harmony([{"URL": "a.tiff"}]), {1: damaged})
    plate = open_plate(index)
    assert (plate.index_flat_fields, plate.reading.flat_field) == ((), "off")
    assert ["The flat-field profile of HOECHST 33342" in warning for warning in plate.warnings] == [True]


@given(st.lists(st.tuples(st.integers(0, len(PROFILE) - 1), st.sampled_from('{}[],:"9e-x\n'), st.booleans()), max_size=5))
@settings(max_examples=500)
def test_however_a_profile_is_damaged(damages: list[tuple[int, str, bool]]) -> None:
    text = PROFILE
    for at, put, insert in damages:
        text = text[:at] + put + text[at if insert else at + 1 :]
    try:
        flat_field = index_flat_field(text)
    except ValueError:
        return
    if flat_field is not None:
        profile = flat_field.profile((16, 16))
        assert profile.min() > 0
        assert np.isfinite(profile).all()


def test_images_are_divided_by_the_profile_of_their_channel(write_harmony: Write) -> None:
    images = [{"URL": "a.tiff", "ChannelID": 1}, {"URL": "b.tiff", "ChannelID": 2}]
    index = with_profiles(write_harmony(images), {2: PROFILE, 1: FLAT})
    for name in ("a.tiff", "b.tiff"):
        tifffile.imwrite(index.parent / name, np.full((8, 8), 1000, np.uint16))
    plate = open_plate(index)
    assert plate.reading.facts()["flat_field"] == "index"
    field = plate["A01"].fields[1]
    assert (load_field_channel(field, 0) == 1000).all()
    profile = plate.index_flat_fields[1]
    assert profile is not None
    np.testing.assert_array_equal(load_field_channel(field, 1), np.rint(1000 / profile.profile((8, 8))).astype(np.uint16))
    assert (field.load_channel(1) == 1000).all()


def test_the_real_profiles_fit_the_real_images_better_than_transposed(real_data: Path) -> None:
    plate = open_plate(real_data / "harmony_phenix_v5")
    assert [flat_field is not None for flat_field in plate.index_flat_fields] == [True] * 5 + [False]
    assert plate.reading.flat_field == "index"
    for channel, flat_field in enumerate(plate.index_flat_fields[:5]):
        assert flat_field is not None
        image = plate["A01"].fields[1].load_channel(channel).astype(float)
        blocks = image.reshape(36, 30, 36, 30).transpose(0, 2, 1, 3).reshape(36, 36, -1)
        profile = flat_field.profile((36, 36))
        for percentile in (5, 50, 90):
            light = np.log(np.percentile(blocks, percentile, axis=2)).ravel()
            right, wrong = (np.corrcoef(light, np.log(of).ravel())[0, 1] for of in (profile, profile.T))
            assert right > max(wrong, 0.35)


def test_the_real_images_are_more_even_when_corrected(real_data: Path) -> None:
    field = open_plate(real_data / "harmony_phenix_v5")["A01"].fields[1]
    for channel in range(5):
        before, after = (
            np.median(image.reshape(6, 180, 6, 180).transpose(0, 2, 1, 3).reshape(36, -1), axis=1)
            for image in (field.load_channel(channel), load_field_channel(field, channel))
        )
        assert after.std() / after.mean() < 0.85 * before.std() / before.mean()


def test_a_real_index_with_backgrounds_alone_is_read_without_correction(real_data: Path) -> None:
    text = (real_data / "harmony_v7_index" / "Index.xml").read_text(encoding="utf-8-sig")
    assert re.search(r"Background: {Character: NonFlat", text)
    assert "Foreground" not in text
    plate = open_plate(real_data / "harmony_v7_index")
    assert (plate.index_flat_fields, plate.reading.flat_field) == ((), "off")
