"""Cellpose (Stringer et al. 2021; Cellpose-SAM, Pachitariu et al. 2025), where ``napari-mid[cellpose]`` is installed."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_mid.cells.borrowed import loading, located, package
from napari_mid.cells.regions import Regions
from napari_mid.cells.settings import DetectionSettings


def locate(image: torch.Tensor, diameter_px: float | None, settings: DetectionSettings) -> tuple[Regions, float]:
    """Find nuclei in (Y, X) float32 `image`; Cellpose resizes it for nuclei of `diameter_px` where that is given."""
    model = _model(str(image.device))

    def segment(pixels: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
        # its threshold is a logit: a sensitivity of 1 leaves it at 0
        labels, flows, _ = model.eval(pixels, diameter=diameter_px, cellprob_threshold=-math.log(settings.sensitivity))
        labels = np.asarray(labels).reshape(pixels.shape)
        return labels, _confidence(labels, np.asarray(flows[2], dtype=np.float64).reshape(pixels.shape))

    return located(image, diameter_px, segment)


def _confidence(labels: NDArray[Any], logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean probability that a pixel of each label, 1 to N, is of a cell."""
    probability = 1 / (1 + np.exp(-np.clip(logits, -30, 30)))
    count = np.bincount(labels.ravel())[1:]
    total = np.bincount(labels.ravel(), weights=probability.ravel())[1:]
    confidence: NDArray[np.float64] = total / np.maximum(count, 1)
    return confidence


@lru_cache(maxsize=1)
def _model(device: str) -> Any:
    models = package("cellpose.models", "cellpose")
    place = torch.device(device)
    with loading("Cellpose", "the folder .cellpose/models in your home"):
        return models.CellposeModel(gpu=place.type != "cpu", device=place)
