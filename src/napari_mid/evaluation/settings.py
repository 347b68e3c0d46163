"""How scores are evaluated."""

from __future__ import annotations

from dataclasses import dataclass

from napari_mid.evaluation.baselines import baseline_names
from napari_mid.settings import setting

UNITS = ("compound", "compound_dose", "well")
AGGREGATES = ("mean", "highest_dose", "maximum")


@dataclass(frozen=True)
class EvaluationSettings:
    """What is counted, and against what it is compared."""

    unit: str = setting(
        "compound", "what is counted once: all wells of a compound, those of one dose, or each well", choices=UNITS
    )
    aggregate: str = setting(
        "mean",
        "score of a compound: mean of its wells, mean of those at its highest concentration, or that of its highest dose mean",
        choices=AGGREGATES,
    )
    baselines: tuple[str, ...] = setting((), "predictors that are trained and judged on the same split", choices=baseline_names)
    controls: bool = setting(False, "count wells with the role of a control, too")
    truth: bool = setting(
        True, "where a simulated plate's truth lies beside it, say whether relevance finds the cells that reacted"
    )
    threshold: float | None = setting(
        None, "score from which a unit is called positive; the model's where not given", low=0, high=1
    )
    fit_threshold: bool = setting(
        False,
        "fit the thresholds of the model and of every baseline on the units that the training held out for validation, for the "
        "largest balanced accuracy there, and count only units that are new to the model",
    )
    resamples: int = setting(1000, "bootstrap resamples of the compounds", low=10, high=100_000, expert=True)
    folds: int = setting(5, "folds of cross-validation where the model's own split cannot be used", low=2, high=50, expert=True)
    seed: int = setting(0, "seed of resamples, folds and baselines", low=0)
    set_sizes: bool = setting(False, "score with sets of 1 to 400 cells, 1 to 200 of them (the paper's Figure 1)")
    checks: bool = setting(
        False, "run the controls that must come out as they should: shuffled labels retrained, flat relevance, a planted artefact"
    )
    shuffles: int = setting(10, "shuffles of the labels with which the cheap baselines are trained anew", low=2, expert=True)
    network_steps: int = setting(1000, "training steps of the baselines that are networks", low=1, expert=True)
    network_backbone: str = setting("efficientnet_b0", "timm network of the baseline single_cell", expert=True)
    network_cells: int = setting(100, "cells of a well, drawn at random, that networks which read pixels see", low=1, expert=True)
    network_gain: float = setting(
        0.1,
        "largest random change of a channel's gain in the training of networks that read pixels; give that of the model",
        low=0.0,
        high=0.9,
        expert=True,
    )
    workers: int | None = setting(
        None, "processes that measure cells for cellprofiler; one a core where not given", low=1, expert=True
    )
