from pathlib import Path

import numpy as np
import pytest

from napari_mid.plates.field import Channel, Field, Plane
from napari_mid.plates.plate import Plate, Well
from napari_mid.plates.well_names import well_name
from napari_mid.reports.colours import MISSING, score_rgba
from napari_mid.reports.plate_map import EMPTY_COLOUR, UNSCORED_COLOUR, plate_map_figure

CHANNELS = (Channel("DNA", "nucleus"),)


def _plate(rows=8, columns=12, with_images=("A01", "B03", "H12", "C05")):
    wells = {
        name: Well("P", name, {1: Field("P", name, 1, (Plane(Path("x.tif"), 0),) if name in with_images else (), CHANNELS)})
        for name in (*with_images, "D04")
    }
    return Plate("P", Path(), "test", rows, columns, CHANNELS, wells)


def _colours(figure, columns):
    """Face colour by well, as drawn."""
    axes = next(axes for axes in figure.axes if axes.get_label() == "plate")
    faces = axes.collections[0].get_facecolors()
    return axes, {well_name(i // columns + 1, i % columns + 1): tuple(face) for i, face in enumerate(faces)}


def test_wells_have_the_colour_of_their_score_at_their_place():
    figure = plate_map_figure(_plate(), {"A01": 0.1, "B03": 0.9, "H12": float("nan")}, width_px=800)
    axes, colours = _colours(figure, 12)
    assert len(colours) == 96
    assert colours["A01"] == pytest.approx(tuple(score_rgba(0.1)))
    assert colours["B03"] == pytest.approx(tuple(score_rgba(0.9)))
    assert colours["H12"] == pytest.approx(MISSING)
    assert len({colours["C05"], colours["D04"], colours["A01"]}) == 3
    written = {text.get_text(): text.get_position() for text in axes.texts}
    assert written == {"0.10": (1, 1), "0.90": (3, 2)}
    paths = axes.collections[0].get_paths()
    assert np.allclose(paths[14].vertices.mean(axis=0), (3, 2), atol=0.1)
    assert EMPTY_COLOUR != UNSCORED_COLOUR


@pytest.mark.parametrize(("rows", "columns"), [(2, 3), (8, 12), (16, 24), (32, 48)])
def test_every_plate_format_fits_its_page(rows, columns):
    figure = plate_map_figure(
        _plate(rows, columns, ("A01",)), {"A01": 1.0}, title="hERG", cautions=["Simulated images"], width_px=600
    )
    _, colours = _colours(figure, columns)
    assert len(colours) == rows * columns
    width, height = figure.get_size_inches()
    for axes in figure.axes:
        place = axes.get_position()
        assert 0 <= place.x0 < place.x1 <= 1
        assert 0 <= place.y0 < place.y1 <= 1
        if axes.get_label() == "plate":
            assert place.width * width / columns == pytest.approx(place.height * height / rows)
    words = [text.get_text() for axes in figure.axes for text in axes.texts]
    for word in ("Plate P", "hERG", "Simulated images", "Research use only", "A", "1"):
        assert word in words
