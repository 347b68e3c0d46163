"""Fixtures that several rooms share."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from napari_mid.model.network import MidModel

# napari's settings are those of nobody, and are kept nowhere; napari reads this when it is imported
os.environ["NAPARI_CONFIG"] = ""
# a busy machine finds no mistakes: no example has to come or to be tried within some time
settings.register_profile("napari-mid", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("napari-mid")
DATA = Path(os.environ.get("NAPARI_MID_TEST_DATA") or Path(__file__).parents[2] / "shared" / "data")

#: files of which a test has begun
BEGUN: set[Path] = set()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Spare the garbage collector what is there already, before the first test of a file and before a window is made.

    napari collects whenever a layer is removed, and benchmarks do between two turns: with torch and Qt imported that took a
    third of the time of a window's test, and nine tenths of a benchmark's.
    """
    if item.path not in BEGUN or "make_napari_viewer" in getattr(item, "fixturenames", ()):
        BEGUN.add(item.path)
        gc.collect()
        gc.freeze()


def pytest_sessionfinish() -> None:
    """Let Python end in good order."""
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _own_preferences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test chooses is neither kept on this machine nor seen by another test."""
    monkeypatch.setattr("napari_mid.preferences.config_folder", lambda: tmp_path / "preferences")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real plates; the test is skipped where it is absent."""
    if not (DATA / "README.md").is_file():
        pytest.skip("real test data not found beside the checkout; set NAPARI_MID_TEST_DATA to its folder")
    return DATA


@pytest.fixture
def small_model() -> MidModel:
    """A model of two channels and 32 px slices with random weights, large enough to tell inputs apart."""
    import torch

    from napari_mid.model.config import ModelChannel, ModelConfig
    from napari_mid.model.network import MidModel

    torch.manual_seed(0)
    channels = (ModelChannel("Hoechst", "nucleus"), ModelChannel("ROS", "ros"))
    config = ModelConfig(
        "small", "toxicity", ("nontoxic", "toxic"), channels, slice_px=32, backbone="test_resnet", width=16, heads=2
    )
    model = MidModel(config).eval()
    with torch.no_grad():
        for block in model.blocks:
            for parameter in block.parameters():
                parameter.add_(0.3 * torch.randn_like(parameter))
        model.head.weight.mul_(5)
    return model


@pytest.fixture
def disc_plate(tmp_path: Path) -> Path:
    """Wells A01 to A06 with nine nuclei each; the second channel of A04 to A06 is bright. A06 has no nucleus at all."""
    import numpy as np
    import tifffile

    rng = np.random.default_rng(0)
    yy, xx = np.mgrid[:120, :120]
    folder = tmp_path / "discs"
    folder.mkdir()
    rows = ["well,role,compound"]
    for number in range(1, 7):
        nuclei, ros = rng.normal(100, 3, (120, 120)), rng.normal(100, 3, (120, 120))
        for y in (20, 60, 100):
            for x in (20, 60, 100):
                disc = (yy - y) ** 2 + (xx - x) ** 2 <= 8**2
                if number < 6:
                    nuclei[disc] += 800
                ros[disc] += 900 if number >= 4 else 200
        for channel, image in ((1, nuclei), (2, ros)):
            tifffile.imwrite(folder / f"discs_A{number:02d}_s1_w{channel}.tif", image.astype(np.uint16))
        rows.append(f"A{number:02d},{'positive_control' if number >= 4 else 'negative_control'},")
    (folder / "plate_map.csv").write_text("\n".join(rows) + "\n")
    return folder
