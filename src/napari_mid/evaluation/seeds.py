"""The same evaluation for models that differ in their seed: mean, standard deviation, every one, and all as an ensemble."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from napari_mid.evaluation.bootstrap import Estimate, binary_estimates
from napari_mid.evaluation.evaluated import Evaluation


@dataclass(frozen=True)
class OverSeeds:
    """One number over the seeds.

    Parameters
    ----------
    of, metric
        The predictor, ``"all classes"`` for metrics of more than two at once, or ``"relevance: NAME"``; and its metric.
    values
        (S,) one per model, in the order in which they were given; NaN where it is not defined.
    """

    of: str
    metric: str
    values: tuple[float, ...]

    @property
    def defined(self) -> tuple[float, ...]:
        """The values that are numbers."""
        return tuple(value for value in self.values if math.isfinite(value))

    @property
    def mean(self) -> float:
        """Of the values that are defined; NaN where none is."""
        return float(np.mean(self.defined)) if self.defined else math.nan

    @property
    def deviation(self) -> float:
        """Standard deviation of the values that are defined (n - 1); NaN for fewer than two."""
        return float(np.std(self.defined, ddof=1)) if len(self.defined) > 1 else math.nan


def over_seeds(runs: Sequence[Evaluation]) -> list[OverSeeds]:
    """Every metric of every predictor that all `runs` have, and how well relevance finds the cells that responded."""
    tables = [dict(_numbers(run)) for run in runs]
    keys = [key for key in tables[0] if all(key in table for table in tables)]
    return [OverSeeds(*key, tuple(table[key] for table in tables)) for key in keys]


def _numbers(run: Evaluation) -> Iterator[tuple[tuple[str, str], float]]:
    for predictor in run.predictors:
        for name, each in predictor.metrics.items():
            yield (predictor.name, name), each.value
    for name, each in run.several.items():
        yield ("all classes", name), each.value
    for measure in run.truth.measures if run.truth is not None else ():
        yield (f"relevance: {measure.measure}, wells {measure.wells}", "auroc"), measure.auroc.value
        yield (f"relevance: {measure.measure}, wells {measure.wells}", "auprc"), measure.auprc.value


def ensemble(runs: Sequence[Evaluation]) -> dict[str, Estimate]:
    """Metrics of the mean of the models' scores, unit by unit: what all of them together say.

    Empty where units differ, or where the threshold of each model was fitted, for then that of their mean is not known.
    """
    if len(runs) < 2 or not same_units(runs) or runs[0].settings.fit_threshold:
        return {}
    first = runs[0]
    together = first.mid.scored.with_scores(np.mean([run.mid.scored.scores for run in runs], axis=0))
    return binary_estimates(together, first.mid.threshold, first.settings.resamples, first.settings.seed)


def same_units(runs: Sequence[Evaluation]) -> bool:
    """Whether all `runs` count the same units: models that hold out other compounds do not."""
    return len({run.mid.scored.names for run in runs}) == 1
