"""Settings of training, and the two presets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from napari_mid.cells.slices import NORMALISATIONS
from napari_mid.settings import setting

#: When the network is trained once more on all labelled wells, the validated ones too.
REFITS = ("never", "controls", "always")
PRECISIONS = ("auto", "float32", "bfloat16")
SET_SIZES = ("fixed", "curriculum", "varying")
CLASS_WEIGHTS = ("balanced-sets", "loss", "none")
#: Highest learning rate of a network that starts from weights that timm has (mid.md, section 3).
PRETRAINED_RATE = 1e-4
SPLITS = ("auto", "compound", "plate", "well")
#: How slices are kept: float16 resolves 1/2048 of the range, uint8, as the paper's PNGs, 1/255 in half the space.
SLICE_TYPES = ("float16", "uint8")
BAGS = ("compound_dose", "compound", "well")


@dataclass(frozen=True)
class TrainingSettings:
    """How a model is trained (mid.md, section 3)."""

    slice_size: int = setting(96, "edge of a slice in pixels", low=16, high=512)
    bag: str = setting("compound_dose", "which cells belong together", choices=BAGS)
    normalisation: str = setting("plate", "plate keeps absolute intensity, per_slice scales every slice", choices=NORMALISATIONS)
    seed: int = setting(0, "seed of the split, the weights and the sampling", low=0)
    backbone: str = setting("resnet18", "timm network that reads a slice")
    width: int = setting(512, "length D of an embedding, divisible by the heads", low=8)
    heads: int = setting(8, "attention heads", low=1)
    set_size: int = setting(12, "random slices in a training set", low=1)
    sets_per_step: int = setting(16, "sets in a training step", low=2)
    steps: int = setting(2000, "training steps", low=1)
    learning_rate: float = setting(3e-4, "highest learning rate of AdamW", low=0.0)
    weight_decay: float = setting(0.05, "weight decay of AdamW", low=0.0)
    precision: str = setting(
        "auto",
        "numbers that the network computes with in training; auto is bfloat16 where the device is faster with it, else float32",
        choices=PRECISIONS,
    )
    slice_type: str = setting(
        "float16",
        "how slices are kept until they are used; uint8 takes half the space and is as fine as an 8-bit image",
        choices=SLICE_TYPES,
    )
    set_sizes: str = setting(
        "fixed",
        "fixed: all sets have the set size; curriculum: they grow up to it over the first half of the steps; varying: any size "
        "up to it",
        choices=SET_SIZES,
    )
    class_weights: str = setting(
        "balanced-sets",
        "balanced-sets: every class gives as many sets; loss: bags are drawn as they come and rare classes count more in the "
        "loss; none: bags as they come, so that the score knows which class is frequent",
        choices=CLASS_WEIGHTS,
    )
    dilution: float = setting(
        0.0,
        "share of the sets in which up to three quarters of the cells are replaced by cells of the first (negative) class: "
        "for controls in which every cell reacts, so that score and relevance ask whether some cells reacted, not what most are",
        low=0.0,
        high=1.0,
    )
    warmup: float = setting(0.05, "share of the steps in which the learning rate rises", low=0.0, high=1.0)
    label_smoothing: float = setting(0.1, "label smoothing of the cross-entropy", low=0.0, high=0.9)
    clip_norm: float = setting(1.0, "largest norm of the gradient", low=0.0)
    gain: float = setting(0.1, "largest random change of a channel's gain, as a share", low=0.0, high=0.9)
    pretrained: bool = setting(False, "start from the weights that timm has for the backbone, where the machine can reach them")
    cells_per_well: int = setting(
        1000, "cells of a well that are used at most, chosen at random; more would be in hardly any set", low=1
    )
    split: str = setting(
        "auto",
        "what is kept on one side as a whole; auto: compounds where the classes have several, else wells; plate: whole plates",
        choices=SPLITS,
    )
    validation: float = setting(0.2, "share of the compounds (wells, plates) held out for validation", low=0.0, high=0.9)
    validate_every: int = setting(
        0, "steps between two looks at the held-out bags while training; 0: twenty looks, -1: none", low=-1
    )
    ensemble: int = setting(
        1,
        "networks that are trained from different seeds on the same compounds and read as one model: their mean is mostly better "
        "than each, and how much they differ is told with every score; takes so many times as long",
        low=1,
        high=20,
    )
    patience: int = setting(
        0,
        "early stopping: training ends after this many looks at the held-out bags without a lower loss, and the weights of the "
        "best look are kept; 0: all steps are taken and the last weights kept",
        low=0,
    )
    folds: int = setting(
        0,
        "cross-validation: so many models, each judged on compounds that it has not seen; the model that is kept is then trained "
        "on all of them. 0: one share is held out",
        low=0,
        high=50,
    )
    calibrate: bool = setting(True, "fit a temperature on held-out bags, so that scores say how often they are right")
    refit: str = setting(
        "controls",
        "train once more on everything after validation; controls: only where wells, not compounds, are split",
        choices=REFITS,
    )

    def refits(self, split_unit: str) -> bool:
        """Whether the weights that are kept were trained on the held-out groups too.

        Control wells are few, and what is held out of them is missed; held-out compounds stay unseen for later evaluation.
        """
        return self.refit == "always" or (self.refit == "controls" and split_unit == "well")


#: `paper` is every number of mid.md, sections 2 and 3; `fast` is for minutes on two CPU cores. It has no label smoothing: with it
#: a network keeps its scores from becoming too sure by looking at cells that speak against them (docs/training.md).
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "paper": {},
    "fast": {"backbone": "resnet10t", "width": 128, "steps": 120, "learning_rate": 1e-3, "label_smoothing": 0.0},
}
