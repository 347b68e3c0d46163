"""Pixels are read back from the written pictures."""

import dataclasses
import io
import subprocess
import sys

import imageio.v3 as iio
import numpy as np
import pytest
from scipy import ndimage

from napari_mid.errors import SettingsError
from napari_mid.reports.annotated import AnnotatedView, annotated_figure, dot_diameter
from napari_mid.reports.caption import Caption
from napari_mid.reports.colours import RELEVANCE_COLOURS, hex_to_rgb, relevance_rgba
from napari_mid.reports.page import CAUTION, save_figure
from napari_mid.reports.scale_bar import scale_bar

NUCLEI = np.array([[10, 12], [40, 100], [73, 55], [90, 20], [91, 150]])
SHAPE = (120, 180)
LIMITS = (0.0, 4.0)


def _rgb(shape=SHAPE, nuclei=NUCLEI, half=4):
    rgb = np.zeros((*shape, 3), dtype=np.uint8)
    for y, x in nuclei:
        rgb[y - half : y + half + 1, x - half : x + half + 1] = (0, 255, 0)
    return rgb


def _view(**changes):
    view = AnnotatedView(
        rgb=_rgb(),
        caption=Caption(
            "P", "B05", task="hERG inhibition", score=0.87, score_low=0.8, score_high=0.9, call="positive", n_cells=5
        ),
        points=NUCLEI.astype(float),
        relevance=np.array([0.0, 1.0, 2.0, 3.0, 4.0]),
        limits=LIMITS,
        dot_px=6.0,
        pixel_size_um=0.5,
        channels=(("DNA", "#00ff00"),),
    )
    return dataclasses.replace(view, **changes)


def _drawn(figure):
    """(H, W, 3) pixels of the PNG, and the pixel box (top, bottom, left, right) of axes by their name."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=figure.dpi, facecolor=figure.get_facecolor())
    pixels = iio.imread(buffer.getvalue())[..., :3]
    boxes = {}
    for axes in figure.axes:
        box = axes.get_position()
        height, width = pixels.shape[:2]
        boxes[axes.get_label()] = tuple(
            round(edge) for edge in ((1 - box.y1) * height, (1 - box.y0) * height, box.x0 * width, box.x1 * width)
        )
    return pixels, boxes


def _inside(pixels, box):
    top, bottom, left, right = box
    return pixels[top:bottom, left:right].astype(int)


@pytest.mark.parametrize("width_px", [600, 1600])
def test_points_lie_on_their_nuclei(width_px):
    with_points, boxes = _drawn(annotated_figure(_view(), width_px))
    shown = _inside(with_points, boxes["image"])
    plain, boxes = _drawn(
        annotated_figure(_view(points=np.zeros((0, 2)), relevance=np.zeros(0), caption=Caption("P", "B05")), width_px)
    )
    nuclei = _inside(plain, boxes["image"])
    scale = shown.shape[1] / SHAPE[1]
    green = (nuclei[..., 1] > 100) & (nuclei[..., 0] < 100)
    dots = np.abs(shown - nuclei[: shown.shape[0]]).sum(axis=-1) > 60
    labels, n = ndimage.label(ndimage.binary_dilation(green))
    assert n == len(NUCLEI)
    for number in range(1, n + 1):
        here = labels == number
        nucleus = np.array(ndimage.center_of_mass(green & here))
        dot = np.array(ndimage.center_of_mass(dots & here))
        assert np.abs(nucleus - dot).max() < 1.0, "in pixels of the picture"
    # an independent check of where the nuclei ought to be
    expected = (NUCLEI[np.lexsort(NUCLEI.T[::-1])] + 0.5) * scale - 0.5
    found = np.array(ndimage.center_of_mass(green, labels, range(1, n + 1)))
    assert np.abs(found[np.lexsort(found.T[::-1])] - expected).max() < 1.0


@pytest.mark.parametrize("shape", [(120, 180), (900, 60), (50, 900)])
@pytest.mark.parametrize("width_px", [600, 1200])
def test_a_part_of_a_well_keeps_its_geometry(shape, width_px):
    point = np.array([[shape[0] // 2, shape[1] // 3]])
    pixels, boxes = _drawn(
        annotated_figure(
            _view(rgb=_rgb(shape, point, half=2), points=point.astype(float), relevance=np.array([4.0]), dot_px=3.0), width_px
        )
    )
    shown = _inside(pixels, boxes["image"])
    assert shown.shape[0] / shown.shape[1] == pytest.approx(shape[0] / shape[1], rel=0.03)
    pink = (shown[..., 0] > 200) & (shown[..., 1] < 200) & (shown[..., 2] > 180)
    centre = np.array(ndimage.center_of_mass(pink))
    assert np.abs(centre - ((point[0] + 0.5) * [shown.shape[0] / shape[0], shown.shape[1] / shape[1]] - 0.5)).max() < 1.0


def test_large_images_are_averaged_without_moving_the_points():
    nuclei = np.array([[1001, 333], [50, 2990], [1500, 1501]])
    view = _view(
        rgb=_rgb((2001, 3003), nuclei, half=30), points=nuclei.astype(float), relevance=np.array([0.0, 4.0, 2.0]), dot_px=20
    )
    pixels, boxes = _drawn(annotated_figure(view, 600))
    shown = _inside(pixels, boxes["image"])
    green = (shown[..., 1] > shown[..., 0] + 60) & (shown[..., 1] > shown[..., 2] + 60)
    labels, n = ndimage.label(ndimage.binary_fill_holes(green))
    assert n == 2 + 1
    found = np.array(ndimage.center_of_mass(labels > 0, labels, range(1, n + 1)))
    expected = (nuclei + 0.5) * [shown.shape[0] / 2001, shown.shape[1] / 3003] - 0.5
    inner = expected[:, 1] < shown.shape[1] - 10  # the second one is cut by the edge
    for y, x in expected[inner]:
        assert np.hypot(*(found - [y, x]).T).min() < 1.0


@pytest.mark.parametrize("width_px", [600, 1600])
def test_the_scale_bar_has_the_length_it_names(width_px):
    pixels, boxes = _drawn(
        annotated_figure(
            _view(rgb=_rgb(nuclei=[]), points=np.zeros((0, 2)), relevance=np.zeros(0), caption=Caption("P", "A01")), width_px
        )
    )
    shown = _inside(pixels, boxes["image"])
    white = (shown > 230).all(axis=-1)
    longest = max(
        (run for row in white for run in [len(part) for part in "".join("x" if hit else " " for hit in row).split()]), default=0
    )
    bar = scale_bar(SHAPE[1], 0.5)
    assert bar.label == "20 µm"
    assert bar.length_px == 40
    assert longest == pytest.approx(40 * shown.shape[1] / SHAPE[1], abs=1.5)


@pytest.mark.parametrize(
    ("width_px", "pixel_size_um", "label", "length_px"),
    [
        (640, None, "100 px", 100),
        (2160, 0.6, "200 µm", 200 / 0.6),
        (180, 0.5, "20 µm", 40),
        (6480, 0.6, "500 µm", 500 / 0.6),
        (20000, 0.65, "2 mm", 2000 / 0.65),
        (60, 0.1, "1 µm", 10),
        (3, None, "1 px", 1),
    ],
)
def test_scale_bars_are_round(width_px, pixel_size_um, label, length_px):
    bar = scale_bar(width_px, pixel_size_um)
    assert bar.label == label
    assert bar.length_px == pytest.approx(length_px)
    assert bar.length_px <= max(0.25 * width_px, 1)


def test_dots_have_the_colours_of_the_colour_bar():
    view = _view(rgb=_rgb(nuclei=[]))
    pixels, boxes = _drawn(annotated_figure(view, 1600))
    shown, bar = _inside(pixels, boxes["image"]), _inside(pixels, boxes["colour bar"])
    scale = shown.shape[1] / SHAPE[1]
    for (y, x), relevance in zip(NUCLEI, view.relevance, strict=True):
        dot = shown[round((y + 0.5) * scale), round((x + 0.5) * scale)]
        at = min(bar.shape[1] - 2, max(1, round(relevance / LIMITS[1] * bar.shape[1])))
        if relevance != 1.0:  # there the bar has its white line
            assert np.abs(dot - bar[bar.shape[0] // 2, at]).max() <= 6
        assert np.abs(dot - 255 * relevance_rgba([relevance], LIMITS)[0, :3]).max() <= 2


def test_the_most_relevant_of_two_overlapping_cells_is_on_top():
    view = _view(rgb=_rgb(nuclei=[]), points=np.array([[60.0, 90.0], [60.0, 91.0]]), relevance=np.array([4.0, 0.0]))
    pixels, boxes = _drawn(annotated_figure(view, 1600))
    shown = _inside(pixels, boxes["image"])
    scale = shown.shape[1] / SHAPE[1]
    assert np.abs(shown[round(60.5 * scale), round(91 * scale)] - 255 * RELEVANCE_COLOURS[-1, :3]).max() <= 2


def test_dots_are_as_large_as_their_nuclei_ask():
    assert dot_diameter(np.array([np.pi * 100, np.pi * 100, np.nan]), 0.5) == pytest.approx(12)
    assert dot_diameter(np.array([np.nan]), 0.5) == pytest.approx(0.6 * 24)
    assert dot_diameter(np.array([]), None) == pytest.approx(12)


def _words(figure):
    return "\n".join(text.get_text() for axes in figure.axes for text in axes.texts)


def test_a_well_without_cells_says_so_and_has_no_colour_bar():
    caption = Caption("P", "B05", score=float("nan"), call="no cells")
    figure = annotated_figure(_view(points=np.zeros((0, 2)), relevance=np.zeros(0), caption=caption, limits=None), 600)
    assert "no cells" in [text.get_text() for axes in figure.axes if axes.get_label() == "image" for text in axes.texts]
    assert "colour bar" not in {axes.get_label() for axes in figure.axes}
    assert "nan" not in _words(figure)


def test_simulated_words_stand_out_in_the_picture():
    simulated = Caption("P", "B05", score=0.5, model_simulated=True, plate_simulated=True)
    with_words = annotated_figure(_view(caption=simulated, channels=()), 600)
    assert "Demo model, simulated cells" in _words(with_words)
    assert "Simulated images" in _words(with_words)
    assert "Research use only" in _words(with_words)

    def orange(figure):
        return (np.abs(_drawn(figure)[0].astype(int) - 255 * np.array(hex_to_rgb(CAUTION))).max(axis=-1) < 12).sum()

    assert orange(with_words) > 100
    assert orange(annotated_figure(_view(caption=Caption("P", "B05", score=0.5), channels=()), 600)) == 0


@pytest.mark.parametrize("width_px", [300, 600, 1200])
def test_no_text_leaves_the_page(width_px):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    long = "A plate with $dollar$ signs _and_ a very long name " + "x" * 120
    caption = Caption(
        long, "B05", task="hERG inhibition", score=0.87, score_low=0.8, score_high=0.9, call="positive", model_simulated=True
    )
    channels = tuple((f"a stain with a long name {number}", "#00ff00") for number in range(6))
    figure = annotated_figure(_view(caption=caption, channels=channels, limits=(0.0, 1.02)), width_px)
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    height, width = figure.get_size_inches()[::-1] * figure.dpi
    assert width == pytest.approx(width_px)
    for axes in figure.axes:
        for text in axes.texts:
            box = text.get_window_extent(renderer)
            assert 0 <= box.x0 < box.x1 <= width + 0.5, text.get_text()
            assert 0 <= box.y0 < box.y1 <= height, text.get_text()
    assert "$dollar$" in _words(figure)


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_figures_are_written_by_suffix(tmp_path, suffix):
    path = save_figure(annotated_figure(_view(), 600), tmp_path / f"a{suffix}")
    start = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}[suffix]
    assert path.read_bytes().startswith(start)
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


def test_the_width_in_pixels_or_the_dots_per_inch_can_be_chosen(tmp_path):
    figure = annotated_figure(_view(), 900)
    assert iio.imread(save_figure(figure, tmp_path / "a.png")).shape[1] == 900
    assert iio.imread(save_figure(figure, tmp_path / "b.png", dpi=50)).shape[1] == 50 * 8


def test_bad_names_and_widths_are_explained(tmp_path):
    with pytest.raises(SettingsError, match=r"\.tiff"):
        save_figure(annotated_figure(_view(), 600), tmp_path / "a.tiff")
    assert not list(tmp_path.iterdir())
    with pytest.raises(SettingsError, match="200 px or more"):
        annotated_figure(_view(), 50)


def test_pyplot_qt_and_torch_are_left_alone(tmp_path):
    code = (
        "import sys, numpy as np\n"
        "from napari_mid.reports.annotated import AnnotatedView, annotated_figure\n"
        "from napari_mid.reports.caption import Caption\n"
        "annotated_figure(AnnotatedView(np.zeros((9, 9, 3), np.uint8), Caption('P', 'A01'))).savefig(sys.argv[1])\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "assert not [name for name in sys.modules if name.startswith(('qtpy', 'PyQt', 'PySide', 'torch'))]\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.png")], check=True)
