import numpy as np
import pytest

from napari_mid.reports.composite import composite


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float64])
def test_channels_add_up_in_their_colours(dtype):
    image = np.array([[[0, 50, 100, 200]], [[0, 0, 100, 100]]], dtype=dtype)
    rgb = composite(image, ["#ff0000", "#0080ff"], [(0, 100), (0, 200)])
    assert rgb.dtype == np.uint8
    assert rgb.shape == (1, 4, 3)
    assert np.abs(rgb[0].astype(int) - [[0, 0, 0], [128, 0, 0], [255, 64, 128], [255, 64, 128]]).max() <= 1


def test_sums_are_cut_off_instead_of_wrapping_round():
    image = np.full((3, 300, 2), 65535, dtype=np.uint16)
    rgb = composite(image, ["#ffffff", "#ff8080", "#00ff00"], [(0, 1000)] * 3)
    assert (rgb == 255).all()


def test_low_limit_is_black_and_missing_pixels_are_dark():
    image = np.array([[[100.0, 99.0, np.nan, 300.0]]])
    assert composite(image, ["#ffffff"], [(100, 300)])[0, :, 0].tolist() == [0, 0, 0, 255]


def test_equal_limits_do_not_divide_by_zero():
    assert composite(np.full((1, 2, 2), 7, np.uint16), ["#ffffff"], [(7, 7)]).max() == 0


def test_planes_of_different_types_and_none_at_all():
    planes = [np.full((2, 3), 255, np.uint8), np.full((2, 3), 1.0)]
    assert composite(planes, ["#ff0000", "#0000ff"], [(0, 255), (0, 1)])[1, 2].tolist() == [255, 0, 255]
    assert composite(np.zeros((0, 4, 5)), [], []).shape == (4, 5, 3)


def test_each_channel_needs_its_colour():
    with pytest.raises(ValueError, match="shorter"):
        composite(np.zeros((2, 4, 5), np.uint8), ["#ff0000"], [(0, 1), (0, 1)])
