import dataclasses

import numpy as np
import pytest

from napari_mid.reports.caption import Caption
from napari_mid.reports.colours import RELEVANCE_COLOURS
from napari_mid.reports.gallery import GalleryColumn, gallery_figure, most_and_least, slice_strip

CHANNELS = (("DNA", "#0000ff"), ("GFP", "#00ff00"))
CAPTION = Caption("P", "B05", score=0.5, model_simulated=True)


def _column(title, values, first_rank=1):
    slices = np.zeros((len(values), 2, 8, 8), dtype=np.float32)
    slices[:, 0] = np.array(values)[:, None, None]
    slices[:, 1] = 1 - np.array(values)[:, None, None]
    n = len(values)
    return GalleryColumn(title, slices, np.arange(first_rank, first_rank + n), np.linspace(4, 3, n))


def _axes(figure):
    return {axes.get_label(): axes for axes in figure.axes}


def _words(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_a_strip_holds_the_channels_side_by_side():
    planes = np.stack([np.full((4, 4), 0.5), np.ones((4, 4)), np.zeros((4, 4))])
    strip = slice_strip(planes)
    assert strip.shape == (4, 12, 3)
    assert strip.dtype == np.uint8
    assert strip[0, :, 0].tolist() == [128] * 4 + [255] * 4 + [0] * 4
    stained = slice_strip(planes, ["#0000ff", "#ff8000", "#00ff00"])
    assert stained[2, 1].tolist() == [0, 0, 128]
    assert stained[2, 5].tolist() == [255, 128, 0]


def test_a_strip_keeps_the_orientation_of_the_slice():
    planes = np.zeros((2, 4, 4))
    planes[1, 0, 3] = 1
    assert np.argwhere(slice_strip(planes)[..., 0]).tolist() == [[0, 7]]


def test_a_gap_sets_channels_apart():
    strip = slice_strip(np.ones((3, 4, 4)), gap_px=2)
    assert strip.shape == (4, 16, 3)
    assert (strip[:, :4] == 255).all()
    assert (strip[:, 4:6] < 60).all()
    assert slice_strip(np.ones((1, 4, 4)), gap_px=2).shape == (4, 4, 3)


def test_each_channel_needs_its_colour():
    with pytest.raises(ValueError, match="1 colours were given for 2 channels"):
        slice_strip(np.ones((2, 4, 4)), ["#ff0000"])


def test_most_relevant_first_and_least_relevant_first():
    ranks = np.array([3, 1, 6, 2, 5, 4])
    most, least = most_and_least(ranks, 2)
    assert ranks[most].tolist() == [1, 2]
    assert ranks[least].tolist() == [6, 5]


@pytest.mark.parametrize("n_cells", [0, 1, 2, 3, 5])
def test_no_cell_is_on_both_sides(n_cells):
    most, least = most_and_least(np.arange(n_cells)[::-1] + 1, 8)
    assert not set(most) & set(least)
    assert len(most) + len(least) == n_cells


def test_cells_of_controls_stand_in_a_third_column_with_their_wells():
    controls = dataclasses.replace(_column("NEGATIVE CONTROLS", [0.4, 0.6]), names=("A02", "H01"))
    figure = gallery_figure(
        [_column("RELEVANT", [0.1]), _column("IRRELEVANT", [0.9], 7), controls], CHANNELS, CAPTION, width_px=900
    )
    axes, words = _axes(figure), _words(figure)
    lefts = [axes[f"{title} 0 0"].get_position().x0 for title in ("RELEVANT", "IRRELEVANT", "NEGATIVE CONTROLS")]
    assert lefts == sorted(lefts)
    assert max(place.get_position().x1 for place in figure.axes) <= 1
    assert {"A02", "H01", "#1", "#7"} <= set(words)
    assert any("Of the negative controls" in word for word in words)
    blue = axes["NEGATIVE CONTROLS 1 0"].get_images()[0].get_array()
    assert blue[0, 0].tolist() == pytest.approx([0, 0, 255 * 0.6], abs=1)


def test_names_of_channels_are_not_broken_where_they_fit_in_smaller_letters():
    columns = [_column(title, [0.1, 0.2]) for title in ("RELEVANT", "IRRELEVANT", "NEGATIVE CONTROLS")]
    figure = gallery_figure(columns, (("CM-H2DCFDA", "#00ff00"), ("Hoechst 33342", "#0000ff")), CAPTION, width_px=580)
    assert "CM-H2DCFDA" in _words(figure)


def test_slices_stand_in_order_each_with_rank_and_relevance():
    figure = gallery_figure(
        [_column("RELEVANT", [0.1, 0.2, 0.3]), _column("IRRELEVANT", [0.9, 0.8, 0.7], 1201)],
        CHANNELS,
        CAPTION,
        limits=(0, 4),
        width_px=600,
    )
    axes = _axes(figure)
    for title, values in (("RELEVANT", [0.1, 0.2, 0.3]), ("IRRELEVANT", [0.9, 0.8, 0.7])):
        places = [axes[f"{title} {number} 0"].get_position() for number in range(3)]
        assert [place.y1 for place in places] == sorted((place.y1 for place in places), reverse=True)
        for number, value in enumerate(values):
            blue, green = (axes[f"{title} {number} {channel}"] for channel in (0, 1))
            assert blue.get_images()[0].get_array()[0, 0].tolist() == pytest.approx([0, 0, 255 * value], abs=1)
            assert green.get_images()[0].get_array()[0, 0].tolist() == pytest.approx([0, 255 * (1 - value), 0], abs=1)
            assert blue.get_position().x1 < green.get_position().x0
            assert blue.get_position().y1 == green.get_position().y1
    assert axes["RELEVANT 0 0"].get_position().x0 < axes["IRRELEVANT 0 0"].get_position().x0
    words = _words(figure)
    for word in (
        "RELEVANT",
        "IRRELEVANT",
        "#1",
        "#1,203",
        "4.00",
        "3.50",
        "DNA",
        "GFP",
        "Demo model, simulated cells",
        "Research use only",
    ):
        assert word in words
    assert words.count("DNA") == 2
    assert axes["RELEVANT stripe 0"].get_facecolor() == pytest.approx(tuple(RELEVANCE_COLOURS[-1]))


@pytest.mark.parametrize("width_px", [600, 1600])
def test_the_scale_bar_fits_the_slices(width_px):
    column = _column("RELEVANT", [0.5])
    figure = gallery_figure([column], CHANNELS, CAPTION, pixel_size_um=0.5, width_px=width_px)
    axes = _axes(figure)
    # 2 µm are 4 of the 8 px of a slice
    assert "2 µm; a slice is 8 px = 4 µm wide" in _words(figure)
    tile = axes["RELEVANT 0 0"].get_position().width
    assert axes["scale bar"].get_position().width == pytest.approx(tile * 4 / 8)
    unknown = gallery_figure([column], CHANNELS, CAPTION, width_px=width_px)
    assert "2 px; a slice is 8 px wide" in _words(unknown)


def test_tiles_are_square_and_inside_the_page():
    figure = gallery_figure(
        [_column("RELEVANT", [0.5] * 8), _column("IRRELEVANT", [0.5] * 8), _column("DMSO", [0.5] * 3)],
        [(f"a long stain name {number}", "#ff0000") for number in range(2)],
        CAPTION,
        width_px=600,
    )
    width, height = figure.get_size_inches()
    for axes in figure.axes:
        place = axes.get_position()
        assert 0 <= place.x0 < place.x1 <= 1
        assert 0 <= place.y0 < place.y1 <= 1
        if axes.get_images():
            assert place.width * width == pytest.approx(place.height * height)


def test_galleries_without_cells_say_so():
    empty = GalleryColumn("IRRELEVANT", np.zeros((0, 2, 8, 8), np.float32), np.zeros(0, np.int64), np.zeros(0))
    assert "no cells" in _words(gallery_figure([empty, empty], CHANNELS, CAPTION, width_px=600))
    one_side = gallery_figure([_column("RELEVANT", [0.5]), empty], CHANNELS, CAPTION, width_px=600)
    assert "no cells" in _words(one_side)
    assert "#1" in _words(one_side)


def test_the_outline_of_a_nucleus_lies_on_each_channel_and_only_where_it_is_known():
    square = np.array([(2.0, 3.0), (2, 6), (5, 6), (5, 3)], np.float32)
    outlines = np.stack([square, np.full_like(square, np.nan)])
    made = _column("RELEVANT", [0.1, 0.2])
    drawn = dataclasses.replace(made, outlines=outlines)
    by_slice = _axes(gallery_figure([drawn], CHANNELS, CAPTION))
    for channel in range(len(CHANNELS)):
        (line,) = by_slice[f"RELEVANT 0 {channel}"].patches
        np.testing.assert_allclose(line.get_xy()[:4], square[:, ::-1])
        assert not by_slice[f"RELEVANT 1 {channel}"].patches
    with pytest.raises(ValueError, match="outlines"):
        dataclasses.replace(made, outlines=outlines[:1])
