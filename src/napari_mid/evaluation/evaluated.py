"""What an evaluation found, before anything is written or drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from napari_mid.evaluation.attention import RelevanceTruth, SweepPoint
from napari_mid.evaluation.audit import Association
from napari_mid.evaluation.bootstrap import Comparison, Estimate, Scored
from napari_mid.evaluation.checks import Check
from napari_mid.evaluation.paired import Paired
from napari_mid.evaluation.settings import EvaluationSettings
from napari_mid.evaluation.units import Question
from napari_mid.evaluation.weighted import auroc

#: Name of the model itself among the predictors.
MID = "MID"
#: Shuffles of the labels.
PERMUTATIONS = 500


@dataclass(frozen=True)
class Predictor:
    """One row of the table that compares.

    Parameters
    ----------
    name, meaning
        `MID`, or a baseline, and what it is.
    scored
        The units with its scores.
    threshold
        From which score on it calls a unit positive.
    metrics
        With intervals.
    against_mid
        Its metrics minus those of MID on the same resamples; empty for MID itself.
    paired
        Tests of it against MID; None for MID itself.
    """

    name: str
    meaning: str
    scored: Scored
    threshold: float
    metrics: Mapping[str, Estimate]
    against_mid: Mapping[str, Comparison] = field(default_factory=dict)
    paired: Paired | None = None


@dataclass(frozen=True)
class Permuted:
    """AUROC with shuffled labels, which must come out near 0.5, and how often it reaches the real one."""

    auroc: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True)
class Evaluation:
    """All that was found.

    Parameters
    ----------
    question, settings
        The label and how it was counted.
    model
        Name, hash, and whether it was trained on simulated cells.
    plates
        Names, and whether they are simulated.
    units
        A row per unit, of every side of the model's training.
    counted
        Those that the metrics count: held out, or all where nothing is known about the training.
    counted_as
        ``"held out"`` or ``"all, training unknown"``.
    groups
        Side of the training to the metrics of its units; the sides are never mixed.
    doses
        A row per concentration.
    several
        Metrics of all classes at once, where there are more than two and the model has them.
    permuted
        The control.
    predictors
        MID first.
    design
        How the baselines were trained, in words; empty where there are none.
    associations
        The shortcut audit.
    truth
        Relevance against the truth of simulated plates.
    sets
        Scores, and attention where the truth is known, against size and number of the sets; empty where not asked for.
    checks
        Controls that must come out as they should; empty where not asked for.
    notes, cautions
        One sentence each; cautions change what the numbers mean.
    """

    question: Question
    settings: EvaluationSettings
    model: Mapping[str, Any]
    plates: Mapping[str, bool]
    units: pd.DataFrame
    counted: pd.DataFrame
    counted_as: str
    groups: Mapping[str, Mapping[str, Estimate]]
    doses: pd.DataFrame
    several: Mapping[str, Estimate]
    permuted: Permuted | None
    predictors: tuple[Predictor, ...]
    design: str
    associations: tuple[tuple[str, Association], ...]
    truth: RelevanceTruth | None
    sets: tuple[SweepPoint, ...]
    checks: tuple[Check, ...]
    notes: tuple[str, ...]
    cautions: tuple[str, ...]

    @property
    def mid(self) -> Predictor:
        """The model itself."""
        return self.predictors[0]


def permuted(scored: Scored, seed: int, n: int = PERMUTATIONS) -> Permuted | None:
    """AUROC of `scored` with its labels shuffled over the units `n` times; None where there is one class."""
    if scored.truth.all() or not scored.truth.any():
        return None
    rng = np.random.default_rng(seed)
    ones = np.ones((1, len(scored)))
    real = auroc(scored.truth, scored.scores, ones)[0]
    shuffled = np.array([auroc(rng.permutation(scored.truth), scored.scores, ones)[0] for _ in range(n)])
    low, high = np.percentile(shuffled, (2.5, 97.5))
    return Permuted(float(shuffled.mean()), float(low), float(high), float((1 + (shuffled >= real).sum()) / (1 + n)))
