import datetime
import math
from pathlib import Path

import numpy as np
import pytest

from napari_mid.errors import SettingsError
from napari_mid.plates.field import Channel, Field, Plane
from napari_mid.plates.plate import Plate, Well
from napari_mid.plates.well_names import well_name
from napari_mid.reports.colours import MISSING, hex_to_rgb, score_rgba
from napari_mid.reports.plate_columns import MODES, ROLE_COLOURS, modes
from napari_mid.reports.plate_map import EDGE_COLOUR, EMPTY_COLOUR, UNSCORED_COLOUR, plate_map_figure

CHANNELS = (Channel("DNA", "nucleus"),)
CONDITIONS = {
    "A01": {"role": "negative_control", "concentration": 0.0, "unit": "uM", "donor": "x"},
    "B03": {"role": "sample", "compound": "Alfuzosin", "concentration": 0.1, "unit": "uM", "donor": "y"},
    "H12": {"role": "sample", "compound": "Quinidine", "concentration": 10.0, "unit": "uM", "donor": "y"},
}


def _plate(rows=8, columns=12, with_images=("A01", "B03", "H12", "C05")):
    def well(name):
        planes = (Plane(Path("x.tif"), 0),) if name in with_images else ()
        return Well("P", name, {1: Field("P", name, 1, planes, CHANNELS)}, CONDITIONS.get(name, {}))

    return Plate("P", Path(), "test", rows, columns, CHANNELS, {name: well(name) for name in (*with_images, "D04")})


def _colours(figure, columns):
    """Face colour by well, as drawn."""
    axes = next(axes for axes in figure.axes if axes.get_label() == "plate")
    faces = axes.collections[0].get_facecolors()
    return axes, {well_name(i // columns + 1, i % columns + 1): tuple(face) for i, face in enumerate(faces)}


def _words(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


@pytest.fixture
def results(make_result):
    return {
        "A01": make_result("A01", 0.1),
        "B03": make_result("B03", 0.9, call="no call"),
        "H12": make_result("H12", math.nan, 0, call="no cells"),
    }


def test_wells_have_the_colour_of_their_score_at_their_place(results):
    figure = plate_map_figure(_plate(), results, width_px=800)
    axes, colours = _colours(figure, 12)
    assert len(colours) == 96
    # colours of the figure are those of the window, which are hex
    assert colours["A01"] == pytest.approx(tuple(score_rgba(0.1)), abs=1 / 255)
    assert colours["B03"] == pytest.approx(tuple(score_rgba(0.9)), abs=1 / 255)
    assert colours["H12"] == pytest.approx(MISSING)
    assert len({colours["C05"], colours["D04"], colours["A01"]}) == 3
    written = {text.get_text(): text.get_position() for text in axes.texts}
    assert {text for text in written if "–" not in text} == {"0.10", "0.90"}
    assert round(written["0.90"][0]) == 3
    assert round(written["0.90"][1]) == 2
    paths = axes.collections[0].get_paths()
    assert np.allclose(paths[14].vertices.mean(axis=0), (3, 2), atol=0.1)
    assert EMPTY_COLOUR != UNSCORED_COLOUR


def test_a_score_stands_with_its_interval_model_threshold_and_date(results):
    date = datetime.date(2026, 5, 4)
    figure = plate_map_figure(_plate(), results, task="herg_inhibition", threshold=0.4, date=date, width_px=1600)
    words = _words(figure)
    assert {"0.05–0.15", "0.85–0.95"} <= set(words)
    told = " ".join(words)
    for part in (
        "herg inhibition: score for “toxic”",
        "model herg, version 01234567",
        "threshold 0.4",
        "3 of 4 wells scored",
        "2026-05-04",
        "95 % interval",
        "Research use only",
    ):
        assert part in told
    assert "Simulated" not in told


def test_an_outline_says_what_is_called(results, make_result):
    results = results | {"C05": make_result("C05", 0.99)}
    axes, _ = _colours(plate_map_figure(_plate(), results, width_px=1600), 12)
    edges, widths, styles = (getattr(axes.collections[0], f"get_{part}")() for part in ("edgecolors", "linewidths", "linestyles"))
    plain = tuple(hex_to_rgb(EDGE_COLOUR))
    assert tuple(edges[0][:3]) == pytest.approx(plain)  # A01, negative
    for well, dashed in ((14, True), (28, False)):  # B03, no call; C05, positive
        assert tuple(edges[well][:3]) != pytest.approx(plain)
        assert widths[well] > widths[0]
        assert (styles[well][1] is not None) == dashed


def test_a_demo_and_a_simulated_plate_are_said_to_be_so(make_result):
    plate = _plate()
    figure = plate_map_figure(plate, {"A01": make_result("A01", 0.1, model_simulated=True)}, width_px=800)
    assert "Demo model, simulated cells" in _words(figure)


def test_words_of_the_plate_map_have_a_legend_whose_numbers_stand_in_the_wells(results):
    figure = plate_map_figure(_plate(), results, "role", width_px=1600)
    axes, colours = _colours(figure, 12)
    words = _words(figure)
    assert colours["A01"][:3] == pytest.approx(hex_to_rgb(ROLE_COLOURS["negative_control"]))
    assert {"1 negative control", "2 sample", "Role, from the plate map", "no value", "no images"} <= set(words)
    assert {text.get_text(): text.get_position() for text in axes.texts}["1"] == (1, 1)
    # nothing of it comes from a model
    assert not any("version" in word or "threshold" in word or "scored" in word for word in words)


def test_numbers_of_the_plate_map_have_a_scale(results):
    figure = plate_map_figure(_plate(), {}, "dose", width_px=1600)
    _, colours = _colours(figure, 12)
    words = _words(figure)
    assert "dose (µM, logarithmic)" in words
    assert {"0.1", "10"} <= set(words)
    assert colours["B03"] != colours["H12"]
    assert colours["C05"][:3] == pytest.approx(hex_to_rgb(UNSCORED_COLOUR))
    assert any(axes.get_label() == "colour bar" for axes in figure.axes)


def test_every_column_can_be_drawn(results):
    plate = _plate()
    assert set(modes(plate)) == {*MODES, "donor"}
    for column in modes(plate):
        assert plate_map_figure(plate, results, column, width_px=500).get_axes()
        assert plate_map_figure(plate, {}, column, width_px=500).get_axes()
    with pytest.raises(SettingsError, match="'colour'; this plate has score, role"):
        plate_map_figure(plate, results, "colour")


@pytest.mark.parametrize(("rows", "columns"), [(2, 3), (8, 12), (16, 24), (32, 48)])
def test_every_plate_format_fits_its_page(rows, columns, make_result):
    figure = plate_map_figure(_plate(rows, columns, ("A01",)), {"A01": make_result("A01", 1.0)}, task="hERG", width_px=600)
    _, colours = _colours(figure, columns)
    assert len(colours) == rows * columns
    width, height = figure.get_size_inches()
    for axes in figure.axes:
        place = axes.get_position()
        assert 0 <= place.x0 < place.x1 <= 1
        assert 0 <= place.y0 < place.y1 <= 1
        if axes.get_label() == "plate":
            assert place.width * width / columns == pytest.approx(place.height * height / rows)
    words = _words(figure)
    for word in ("Plate P", "Research use only", "A", "1"):
        assert word in words
    assert any("hERG" in word for word in words)


@pytest.mark.parametrize(("rows", "columns"), [(8, 12), (16, 24)])
def test_what_is_written_in_a_well_has_room_there(rows, columns, make_result):
    names = ("A01", "B03")
    results = {"A01": make_result("A01", 0.1234), "B03": make_result("B03", 0.9994, score_low=0.9991, score_high=0.9999)}
    figure = plate_map_figure(_plate(rows, columns, names), results, width_px=1600)
    axes, _ = _colours(figure, columns)
    figure.canvas.draw()
    pitch = axes.get_window_extent().width / columns
    assert axes.texts
    for text in axes.texts:
        assert text.get_window_extent().width < 0.84 * pitch
