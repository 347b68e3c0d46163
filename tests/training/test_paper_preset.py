"""The preset `paper` is what mid.md says, number by number."""

from __future__ import annotations

import argparse

import pytest

from napari_mid.images import intensity
from napari_mid.inference.settings import ScoringSettings
from napari_mid.model.config import ModelConfig
from napari_mid.settings import add_options, from_options
from napari_mid.training.settings import PRESETS, TrainingSettings


def test_sections_1_to_3() -> None:
    paper = TrainingSettings(**PRESETS["paper"])
    assert (paper.slice_size, paper.bag, paper.normalisation) == (96, "compound_dose", "plate")
    assert (paper.backbone, paper.width, paper.heads, paper.set_size) == ("resnet18", 512, 8, 12)
    assert (paper.learning_rate, paper.weight_decay, paper.warmup) == (3e-4, 0.05, 0.05)
    assert (paper.label_smoothing, paper.clip_norm) == (0.1, 1.0)
    network = ModelConfig("paper", "hERG", ("a", "b"), ())
    assert (network.blocks, network.mlp_ratio, network.dropout, network.drop_path) == (2, 4.0, 0.1, 0.1)
    assert intensity.PERCENTILES == (0.05, 99.99)


def test_section_4() -> None:
    scoring = ScoringSettings()
    assert (scoring.set_size, scoring.n_sets, scoring.uses_per_cell) == (400, 50, 4)


@pytest.mark.parametrize(("option", "value"), [("bag", "compound"), ("bag", "well"), ("normalisation", "per_slice")])
def test_the_authors_other_choices_can_be_made(option: str, value: str) -> None:
    parser = argparse.ArgumentParser()
    add_options(parser, TrainingSettings)
    settings = from_options(TrainingSettings, parser.parse_args([f"--{option}", value]), **PRESETS["paper"])
    assert getattr(settings, option) == value
