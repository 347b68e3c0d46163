"""The model card: what a model was trained on, how well it does, and what it must not be used for."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from napari_mid.model.config import ModelConfig
from napari_mid.plates.plate import Plate
from napari_mid.training.bags import LabelledBags
from napari_mid.training.loop import History
from napari_mid.training.settings import TrainingSettings


def write_card(
    config: ModelConfig,
    settings: TrainingSettings,
    bags: LabelledBags,
    plates: Sequence[Plate],
    held_out: Sequence[str],
    history: History,
    metrics: Mapping[str, Any],
    notes: Sequence[str],
    *,
    figure: str | None = None,
    seconds: float | None = None,
) -> str:
    """Write the card as Markdown; it says nothing better than what was measured.

    `figure` is the calibration plot in the model folder, where there is one; `seconds` all that the trainings took together.
    """
    lines = [f"# {config.name}", ""]
    if config.simulated:
        lines += [
            "**Demo model, simulated cells.** It was trained on drawn cells only; its score says nothing about a real compound.",
            "",
        ]
    lines += [
        f"Predicts *{config.task}*: {' / '.join(config.classes)}; the score is the probability of **{config.classes[-1]}**.",
        "Research use only.",
        "",
        "## Data",
        f"- plates: {', '.join(plate.name for plate in plates)}",
        *dict.fromkeys(_reading_line(plate) for plate in plates),
        f"- {len(bags.slices)} cells (at most {settings.cells_per_well} a well) "
        f"in {len(bags.names)} bags ({config.bag}); split by {bags.split_unit}",
        *(
            f"- {name}: {int((bags.labels == number).sum())} bags, "
            f"{len({group for group, label in zip(bags.groups, bags.labels, strict=True) if label == number})} {bags.split_unit}s"
            for number, name in enumerate(bags.classes)
        ),
        f"- held out for validation: {_held_out_text(held_out, settings, bags)}",
        "",
        "## Input",
        f"- channels: {', '.join(f'{channel.name} ({channel.role})' for channel in config.channels)}",
        f"- slices of {config.slice_px} px"
        + (f" at {config.pixel_size_um:.3g} µm a pixel" if config.pixel_size_um else "; pixel size unknown"),
        f"- normalisation: {config.normalisation}; nuclei located in {config.nucleus_channel}",
        "",
        "## Validation",
        *_metric_lines(metrics, config),
        *([f"- calibration plot: ![calibration]({figure})"] if figure else []),
        "",
        "## Training",
        f"- {config.network_text}",
        f"- {history.seconds if seconds is None else seconds:.0f} s, {history.slices_per_second:.0f} slices/s, "
        f"last loss {history.losses[-1]:.3f}, "
        f"{history.precision}; weights of step {history.kept_step} of {settings.steps}"
        + ("" if settings.ensemble == 1 else " (loss of the first network, middle one of their steps)"),
        *(f"- {name}: {value}" for name, value in dataclasses.asdict(settings).items()),
        "",
        "## Limits",
        *(f"- {note}" for note in notes),
        "- A score holds for plates of the same cells, stains, microscope and exposure as those above.",
    ]
    return "\n".join(lines) + "\n"


def _reading_line(plate: Plate) -> str:
    facts = plate.reading.facts()
    return f"- read: time point {facts['time_point']}, focal plane {facts['focal_plane']}, flat-field {facts['flat_field']}"


#: Predictors that need no network, in words.
BASELINES = {
    "cell_count": "the number of cells",
    "mean_intensity": "the mean intensity of the slices",
    "well_position": "the place on the plate",
}
#: Metrics on the card, in this order, with the words for them; those of two classes, then those of more.
SHOWN = {
    "balanced_accuracy": "balanced accuracy",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "mcc": "MCC",
    "macro_f1": "F1 (macro)",
    "macro_auroc": "AUROC (one against the rest, macro)",
}


def _held_out_text(held_out: Sequence[str], settings: TrainingSettings, bags: LabelledBags) -> str:
    if settings.folds:
        return f"every {bags.split_unit} once, in {settings.folds} folds"
    if not held_out:
        return "nothing"
    held = set(held_out)
    groups = {group for name, group in zip(bags.names, bags.groups, strict=True) if name in held}
    # all bags of a compound are on one side: to name each dose of it says nothing more
    return f"{_counted(groups, bags.split_unit)}, {_counted(held_out, 'bag')}: {', '.join(sorted(groups))}"


def _counted(things: Collection[str], unit: str) -> str:
    return f"{len(things)} {unit}{'' if len(things) == 1 else 's'}"


def _metric_lines(metrics: Mapping[str, Any], config: ModelConfig) -> list[str]:
    if not metrics.get("n"):
        return ["No compound or well was held out, so nothing is known about unseen ones."]
    unit = metrics["unit"]
    lines = [
        f"- {metrics['n']} held-out {unit}, {metrics['n_positive']} of them {config.classes[-1]}",
        f"- accuracy {metrics['accuracy']:.3f} (95 % interval {metrics['accuracy_low']:.2f} to {metrics['accuracy_high']:.2f})",
    ]
    if metrics.get("refitted"):
        lines.append("- measured on a model trained without them; the weights kept here were then trained on all wells")
    intervals = metrics["intervals"]
    for name, words in SHOWN.items():
        found = intervals.get(name)
        if found is not None and found["value"] is not None:
            lines.append(f"- {words} {found['value']:.3f}{_interval_text(found)}")
    return [*lines, *_baseline_lines(metrics), *_calibration_lines(metrics)]


def _baseline_lines(metrics: Mapping[str, Any]) -> list[str]:
    """What predictors that need no network reach on the same bags, and where that is no less than the model."""
    own = metrics["intervals"].get("balanced_accuracy", {}).get("value")
    told = []
    for name, found in metrics.get("baselines", {}).items():
        accuracy, area = found["balanced_accuracy"], found["auroc"]
        if accuracy["value"] is None:
            continue
        text = f"  - {BASELINES[name]}: balanced accuracy {accuracy['value']:.3f}{_interval_text(accuracy)}"
        text += f", AUROC {area['value']:.3f}{_interval_text(area)}" if area["value"] is not None else ""
        told.append(text + ("; **no less than the model**" if own is not None and accuracy["value"] >= own else ""))
    return ["- for comparison, learned from and judged on the same bags:", *told] if told else []


def _interval_text(found: Mapping[str, Any]) -> str:
    if found["low"] is None or found["high"] is None:
        return ""
    return f" ({found['low']:.2f} to {found['high']:.2f})"


def _calibration_lines(metrics: Mapping[str, Any]) -> list[str]:
    before, after = metrics["calibration"]["before"], metrics["calibration"].get("after")
    if before["ece"] is None:
        return []
    if after is None:
        return [f"- calibration: ECE {before['ece']:.3f}, Brier score {before['brier']:.3f}; no temperature was fitted"]
    how = (
        "each fold judged with the temperature of the others"
        if metrics["calibration"]["cross_fitted"]
        else "judged on the bags that it was fitted on, so new ones may be worse"
    )
    return [
        "",
        f"Temperature {metrics['temperature']:.2f} ({how}):",
        "",
        "| | ECE | Brier score |",
        "|---|---|---|",
        f"| before | {before['ece']:.3f} | {before['brier']:.3f} |",
        f"| after | {after['ece']:.3f} | {after['brier']:.3f} |",
        "",
    ]
