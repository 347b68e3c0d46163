"""Nuclei from layers of other plugins: at the scale of the images or their own, and refused where they cannot lie on the well."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from napari.layers import Image, Labels, Points

from napari_mid.errors import WellError
from napari_mid.images.layout import WellLayout
from napari_mid.images.well_images import WellImages
from napari_mid.plates.field import Channel
from napari_mid.viewer.layer_nuclei import nuclei_from_layer

SIZE = 0.65
LAYOUT = WellLayout({1: (0, 0), 3: (0, 50)}, {1: (40, 50), 3: (40, 50)}, from_stage=True)


@pytest.fixture
def presenter() -> Any:
    """What is asked of the presenter: an open well of two fields, of which a third could not be read."""
    fields = {number: np.full((2, 40, 50), 10 * number, dtype=np.uint16) for number in (1, 3)}
    channels = (Channel("ROS", "ros"), Channel("DNA", "nucleus"))
    session = SimpleNamespace(
        images=WellImages("plate", "A01", fields, LAYOUT, ("field 2 could not be read",)),
        plate=SimpleNamespace(channels=channels, pixel_size_um=SIZE),
        outlines_on=frozenset(),
    )
    nothing = SimpleNamespace(layer=None)
    return SimpleNamespace(session=session, cells=SimpleNamespace(kept=None), preview=nothing, editor=nothing)


def labels(factor: int = 1) -> np.ndarray:
    """A nucleus of 8 x 6 px in each field, at the given number of pixels per pixel of the well."""
    drawn = np.zeros((40, 100), dtype=np.int32)
    drawn[10:18, 20:26], drawn[30:38, 70:76] = 1, 2
    return drawn.repeat(factor, axis=0).repeat(factor, axis=1)


def centres(found: Any) -> dict[int, list[tuple[float, float]]]:
    return {field: [tuple(place) for place in nuclei.centroids.tolist()] for field, nuclei in found.items()}


@pytest.mark.parametrize(
    "layer",
    [
        Labels(labels(), scale=(SIZE, SIZE)),
        Labels(labels()),  # a plugin that forgot the scale
        Labels(labels()[None], scale=(1, SIZE, SIZE)),
        Labels(labels(2), scale=(SIZE / 2, SIZE / 2), translate=(-SIZE / 4, -SIZE / 4)),
        Labels(labels()[5:, 10:], scale=(SIZE, SIZE), translate=(5 * SIZE, 10 * SIZE)),
        Labels([labels(), labels()[::2, ::2]], scale=(SIZE, SIZE), multiscale=True),
    ],
    ids=["its scale", "no scale", "one plane", "finer", "a part", "pyramid"],
)
def test_labels_lie_on_the_well_whatever_their_pixels(presenter: Any, layer: Any) -> None:
    found, said = nuclei_from_layer(presenter, layer)
    assert centres(found) == {1: [(13.5, 22.5)], 3: [(33.5, 22.5)]}
    assert [found[field].area_px.tolist() for field in (1, 3)] == [[48], [48]]
    assert [found[field].mean_intensity.tolist() for field in (1, 3)] == [[10], [30]]
    assert said == ()


@pytest.mark.parametrize(
    ("layer", "what"),
    [
        (Labels(np.zeros((3, 40, 100), int)), "one plane"),
        (Labels(labels(), scale=(SIZE, SIZE), rotate=20), "turned"),
        (Labels(labels(), scale=(SIZE, SIZE), translate=(500, 500)), "lies on a field"),
        (Points(np.array([[0, 1, 1], [4, 1, 1]])), "several planes"),
        (Points([[-90.0, 4.0]]), "lies on a field"),
        (Image(np.zeros((40, 100))), "Labels or Points"),
        (None, "Labels or Points"),
    ],
    ids=["planes", "turned", "elsewhere", "points in planes", "points elsewhere", "image", "nothing"],
)
def test_layers_that_do_not_fit_are_refused_with_what_to_do(presenter: Any, layer: Any, what: str) -> None:
    with pytest.raises(WellError, match=what) as raised:
        nuclei_from_layer(presenter, layer)
    assert "\n" not in str(raised.value)


def test_points_outside_are_left_out_and_counted(presenter: Any) -> None:
    points = Points(np.array([[10.25, 20.5], [-3.0, 2.0], [30.0, 60.0], [39.9, 10.0]]) * SIZE)
    found, said = nuclei_from_layer(presenter, points)
    np.testing.assert_allclose(found[1].centroids, [(10.25, 20.5)])
    np.testing.assert_allclose(found[3].centroids, [(30.0, 10.0)])
    assert len(said) == 1
    assert said[0].startswith("2 of the 4 points")


def test_points_with_a_scale_and_a_plane_of_their_own(presenter: Any) -> None:
    points = Points(np.array([[7, 5.0, 10.0]]), scale=(1, 2 * SIZE, 2 * SIZE))
    np.testing.assert_allclose(nuclei_from_layer(presenter, points)[0][1].centroids, [(10.0, 20.0)])


def test_no_points_and_no_labels_are_no_nuclei(presenter: Any) -> None:
    for layer in (Points(np.empty((0, 2))), Labels(np.zeros((40, 100), int), scale=(SIZE, SIZE))):
        found, said = nuclei_from_layer(presenter, layer)
        assert {field: len(nuclei) for field, nuclei in found.items()} == {1: 0, 3: 0}
        assert said == ()
