import numpy as np
import pytest

from napari_mid.workflow.train_figure import calibration_bins, calibration_figure


def test_bins_hold_what_was_said_and_what_was_right() -> None:
    found = calibration_bins(np.array([True, False, True, True]), np.array([0.11, 0.19, 0.95, 1.0]))
    assert found == [(pytest.approx(0.15), 0.5, 2), (pytest.approx(0.975), 1.0, 2)]


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_small_picture_where_there_is_something_to_draw(n_classes: int) -> None:
    labels = np.arange(12) % n_classes
    image = calibration_figure(labels, np.full((12, n_classes), 1 / n_classes), "toxic")
    assert image is not None
    assert image.startswith(b"\x89PNG")
    assert len(image) < 60_000
    assert calibration_figure(labels[:4], np.full((4, n_classes), 1 / n_classes), "toxic") is None
