"""Baselines trained and judged on the split of the model, or cross-validated where that cannot be used."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_mid.evaluation.baselines import Lesson, Material, baseline, is_network, is_tabular
from napari_mid.evaluation.settings import EvaluationSettings
from napari_mid.evaluation.sides import HELD_OUT, TRAINED
from napari_mid.progress import Progress, Steps

if TYPE_CHECKING:
    import torch

#: A side of a split needs so many compounds of each class.
FEWEST_COMPOUNDS = 2


@dataclass(frozen=True)
class Design:
    """Which wells a baseline learns from, and which it is judged on.

    Parameters
    ----------
    folds
        Pairs of (W,) bool: trained on, judged on. No compound is in both of a pair; every well is judged at most once.
    how
        In words.
    cross_validated
        Whether baselines saw other compounds than the model did.
    """

    folds: tuple[tuple[NDArray[np.bool_], NDArray[np.bool_]], ...]
    how: str
    cross_validated: bool


def design(
    positive: NDArray[np.bool_], compounds: Sequence[str], sides: Sequence[str], settings: EvaluationSettings
) -> Design | None:
    """How baselines are trained on wells whose class is `positive` (W,); None where there are too few compounds.

    The model's own split is used where its training compounds are among the wells. Otherwise compounds are
    cross-validated, of both classes as evenly as they come.
    """
    groups, side = np.asarray(compounds, dtype=str), np.asarray(sides, dtype=str)
    trained, held_out = side == TRAINED, np.isin(side, HELD_OUT)
    if min(_n_compounds(groups[trained], positive[trained])) >= FEWEST_COMPOUNDS and held_out.any():
        n = len(np.unique(groups[trained]))
        return Design(((trained, held_out),), f"trained on the {n} compounds that the model was trained on", False)
    judged = held_out if held_out.any() else np.ones(len(groups), dtype=bool)
    n_folds = min(settings.folds, *_n_compounds(groups[judged], positive[judged]))
    if n_folds < FEWEST_COMPOUNDS:
        return None
    from sklearn.model_selection import StratifiedGroupKFold

    rows = np.flatnonzero(judged)
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=settings.seed)
    folds = []
    for train, test in splitter.split(rows[:, None], positive[rows], groups[rows]):
        pair = tuple(np.isin(np.arange(len(groups)), rows[part]) for part in (train, test))
        folds.append((pair[0], pair[1]))
    return Design(
        tuple(folds),
        f"cross-validated in {n_folds} folds of whole compounds, since the model's training compounds are not among the wells: "
        "unlike the model, they have seen compounds of these very plates",
        True,
    )


def _n_compounds(groups: NDArray[np.str_], positive: NDArray[np.bool_]) -> tuple[int, int]:
    """How many compounds have a positive well, and how many a negative one."""
    return len(np.unique(groups[positive])), len(np.unique(groups[~positive]))


def predicted_steps(
    name: str,
    material: Material,
    positive: NDArray[np.bool_],
    design: Design,
    settings: EvaluationSettings,
    device: torch.device | None = None,
) -> Steps[NDArray[np.float64]]:
    """(W,) probability of the positive class by the baseline `name` for every well judged; NaN for the others.

    Networks compute on `device`, the CPU where None.
    """
    chosen = baseline(name)
    scores = np.full(len(positive), np.nan)
    features = chosen.features(material) if is_tabular(chosen) else np.empty((0, 0))
    for train, test in design.folds:
        if positive[train].all() or not positive[train].any():
            scores[test] = float(positive[train].mean())  # one class to learn from: nothing to tell apart
        elif is_network(chosen):
            import torch

            place = device or torch.device("cpu")
            found = yield from chosen.scores_steps(Lesson(material, positive, train, settings, place))
            scores[test] = found[test]
        elif is_tabular(chosen):
            yield Progress(f"training the baseline {name}", 0, 1)
            classifier = chosen.classifier(settings.seed)
            with warnings.catch_warnings():
                # LightGBM names the columns of arrays itself, and scikit-learn then misses the names
                warnings.filterwarnings("ignore", message="X does not have valid feature names")
                classifier.fit(features[train], positive[train].astype(int))
                scores[test] = classifier.predict_proba(features[test])[:, 1]
    return scores
