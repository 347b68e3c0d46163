"""Fixtures that several rooms share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from napari_mid.model.network import MidModel

DATA = Path(os.environ.get("NAPARI_MID_TEST_DATA") or Path(__file__).parents[2] / "shared" / "data")


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
