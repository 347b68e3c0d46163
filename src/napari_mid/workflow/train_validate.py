"""What a model says of bags that it was not trained on, and the metrics of that."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_mid.evaluation.bootstrap import Estimate, Scored, binary_estimates
from napari_mid.evaluation.metrics import classification_metrics, wilson_interval
from napari_mid.evaluation.multiclass import multiclass_estimates
from napari_mid.evaluation.weighted import binary_metrics
from napari_mid.inference.bag import Bag
from napari_mid.inference.encoder import Encoder
from napari_mid.inference.sets import draw_sets
from napari_mid.inference.settings import ScoringSettings
from napari_mid.model.network import MidModel
from napari_mid.progress import Progress, Steps
from napari_mid.training.bags import LabelledBags
from napari_mid.training.calibration import cross_fitted, fit_temperature, tempered
from napari_mid.training.slices import as_float
from napari_mid.workflow.train_baselines import baselines_on

#: Resamples of the compounds for the intervals.
RESAMPLES = 1000
#: Slices that are read from the files at once.
AT_ONCE = 512


@dataclasses.dataclass(frozen=True)
class HeldOut:
    """Bags that a model was not trained on, and what it says of them.

    Parameters
    ----------
    bags
        (N,) their numbers.
    logits
        Of each, (S, K) of its sets, before any temperature.
    folds
        (N,) number of the model that was asked, all 0 without cross-validation.
    """

    bags: NDArray[np.int64]
    logits: tuple[NDArray[np.float64], ...]
    folds: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.bags)


def held_out_steps(
    model: MidModel, bags: LabelledBags, asked: NDArray[np.bool_], place: torch.device, fold: int = 0, stage: str = "validating"
) -> Steps[HeldOut]:
    """Ask `model`, of temperature 1, about the bags where `asked` is true, as wells are scored; empty bags are left out."""
    numbers = [bag for bag in np.flatnonzero(asked).tolist() if len(bags.cells_of(bag))]
    encoder = Encoder(model, place)
    found = []
    for done, bag in enumerate(numbers):
        yield Progress(stage, done, len(numbers), bags.names[bag])
        embeddings = embeddings_of(encoder, bags, bags.cells_of(bag), place)
        found.append(Bag(model, embeddings).read(draw_sets(len(embeddings), ScoringSettings()).sets).logits)
    return HeldOut(np.array(numbers, dtype=np.int64), tuple(found), np.full(len(numbers), fold))


def joined(parts: Sequence[HeldOut]) -> HeldOut:
    """The bags of several folds."""
    return HeldOut(
        np.concatenate([part.bags for part in parts]),
        tuple(logits for part in parts for logits in part.logits),
        np.concatenate([part.folds for part in parts]),
    )


def embeddings_of(encoder: Encoder, bags: LabelledBags, cells: NDArray[np.int64], place: torch.device) -> NDArray[np.float32]:
    """(N, D) of the `cells` (N,)."""
    found = [np.empty((0, encoder.model.config.width), dtype=np.float32)]
    for start in range(0, len(cells), AT_ONCE):
        slices = as_float(bags.slices.read(cells[start : start + AT_ONCE]).to(place))
        found.append(encoder(slices).float().cpu().numpy())
    return np.concatenate(found)


@dataclasses.dataclass(frozen=True)
class Judged:
    """The metrics of held-out bags, and the temperature that suits them; 1 where none was fitted."""

    metrics: dict[str, Any]
    temperature: float
    probabilities: NDArray[np.float64]
    labels: NDArray[np.int64]


def judge(bags: LabelledBags, held_out: HeldOut, threshold: float, *, calibrate: bool, seed: int) -> Judged:
    """Metrics with intervals over compounds, those of predictors that need no network, and the temperature.

    Where `calibrate` is true the probabilities are those after the temperature. With cross-validation the temperature of each bag
    comes from the other folds, so that nothing is judged by what it was fitted on; else it was fitted on the same bags.
    """
    labels = bags.labels[held_out.bags] if len(held_out) else np.empty(0, dtype=np.int64)
    n_classes = len(bags.classes)
    before = tempered(held_out.logits, 1.0) if len(held_out) else np.empty((0, n_classes))
    temperature = fit_temperature(held_out.logits, labels) if calibrate else None
    after, crossed = None, len(set(held_out.folds.tolist())) > 1
    if temperature is not None:
        after = cross_fitted(held_out.logits, labels, held_out.folds) if crossed else tempered(held_out.logits, temperature)
    if temperature is None or after is None:
        temperature, after, crossed = 1.0, None, False
    shown = before if after is None else after
    groups = [bags.groups[bag] for bag in held_out.bags]
    names = [bags.names[bag] for bag in held_out.bags]
    end = "" if len(held_out) == 1 else "s"
    units = {"well": f"well{end}", "plate": f"bag{end} of unseen plates"}.get(bags.split_unit, f"bag{end} of unseen compounds")
    metrics = _metrics(names, groups, labels, shown, threshold, units, seed)
    metrics["classes"] = {name: int((labels == number).sum()) for number, name in enumerate(bags.classes)}
    metrics["scores"] = {name: round(float(row[-1]), 5) for name, row in zip(names, shown, strict=True)}
    if n_classes > 2:
        metrics["probabilities"] = {name: np.round(row, 5).tolist() for name, row in zip(names, shown, strict=True)}
    baselines = baselines_on(bags, held_out.bags, held_out.folds, RESAMPLES, seed)
    metrics["baselines"] = {
        name: {metric: each.as_dict() for metric, each in estimates.items()} for name, estimates in baselines.items()
    }
    metrics["temperature"] = round(temperature, 4)
    metrics["calibration"] = {"before": _calibration(labels, before)}
    if after is not None:
        metrics["calibration"]["after"] = _calibration(labels, after)
        metrics["calibration"]["cross_fitted"] = crossed
    return Judged(metrics, temperature, shown, labels)


def _metrics(
    names: Sequence[str],
    groups: Sequence[str],
    labels: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    threshold: float,
    unit: str,
    seed: int,
) -> dict[str, Any]:
    if probabilities.shape[1] == 2:
        truth, scores = labels == 1, probabilities[:, 1]
        metrics = classification_metrics(truth.tolist(), scores.tolist(), threshold, unit)
        estimates = binary_estimates(Scored(tuple(names), tuple(groups), truth, scores), threshold, RESAMPLES, seed)
    else:
        estimates = multiclass_estimates(labels, probabilities, groups, RESAMPLES, seed)
        right = int((probabilities.argmax(axis=1) == labels).sum())
        low, high = wilson_interval(right, len(labels))
        metrics = {
            "unit": unit,
            "n": len(labels),
            "n_positive": int((labels == probabilities.shape[1] - 1).sum()),
            "accuracy": right / len(labels) if len(labels) else None,
            "accuracy_low": low,
            "accuracy_high": high,
            "balanced_accuracy": _number(estimates["balanced_accuracy"]),
            "auroc": _number(estimates["macro_auroc"]),
        }
    metrics["groups"] = len(set(groups))
    metrics["intervals"] = {name: found.as_dict() for name, found in estimates.items()}
    return metrics


def _number(estimate: Estimate) -> float | None:
    return estimate.value if math.isfinite(estimate.value) else None


def _calibration(labels: NDArray[np.int64], probabilities: NDArray[np.float64]) -> dict[str, float | None]:
    """ECE and Brier score; of the positive class for two classes, of the call for more."""
    if not len(labels):
        return {"ece": None, "brier": None}
    if probabilities.shape[1] == 2:
        found = binary_metrics(labels == 1, probabilities[:, 1], np.ones((1, len(labels))), 0.5)
        values = {name: float(found[name][0]) for name in ("ece", "brier")}
    else:
        estimates = multiclass_estimates(labels, probabilities, ["all"] * len(labels), 1, 0)
        values = {name: estimates[name].value for name in ("ece", "brier")}
    return {name: round(value, 5) if math.isfinite(value) else None for name, value in values.items()}
