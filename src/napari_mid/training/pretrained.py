"""Encoders that start from weights that timm offers."""

from __future__ import annotations

import timm

from napari_mid.errors import TrainingError
from napari_mid.model.network import MidModel


def load_pretrained(model: MidModel) -> None:
    """Give the encoder of `model` the weights that timm has for its backbone, fitted to the model's channels.

    Raises
    ------
    TrainingError
        If there are none, or they cannot be reached.
    """
    config = model.config
    try:
        encoder = timm.create_model(config.backbone, pretrained=True, in_chans=len(config.channels), num_classes=config.width)
    except Exception as error:  # timm, its hub and the network each have errors of their own
        raise TrainingError(
            f"The pretrained weights of {config.backbone} cannot be had ({' '.join(str(error).split())[:160]}); train without "
            "--pretrained, or where the machine reaches them."
        ) from error
    model.encoder.load_state_dict(encoder.state_dict())
