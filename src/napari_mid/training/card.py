"""The model card: what a model was trained on, how well it does, and what it must not be used for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
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
) -> str:
    """Write the card as Markdown; it says nothing better than what was measured."""
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
        f"- {len(bags.slices)} cells in {len(bags.names)} bags ({config.bag}); split by {bags.split_unit}",
        *(
            f"- {name}: {int((bags.labels == number).sum())} bags, "
            f"{len({group for group, label in zip(bags.groups, bags.labels, strict=True) if label == number})} {bags.split_unit}s"
            for number, name in enumerate(bags.classes)
        ),
        f"- held out for validation: {', '.join(held_out) or 'nothing'}",
        "",
        "## Input",
        f"- channels: {', '.join(f'{channel.name} ({channel.role})' for channel in config.channels)}",
        f"- slices of {config.slice_px} px"
        + (f" at {config.pixel_size_um:.3g} µm a pixel" if config.pixel_size_um else "; pixel size unknown"),
        f"- normalisation: {config.normalisation}; nuclei located in {config.nucleus_channel}",
        "",
        "## Validation",
        *_metric_lines(metrics, config),
        "",
        "## Training",
        f"- {config.backbone}, D = {config.width}, {config.heads} heads, {config.blocks} blocks",
        f"- {history.seconds:.0f} s, {history.slices_per_second:.0f} slices/s, last loss {history.losses[-1]:.3f}",
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
    for name in ("balanced_accuracy", "auroc"):
        if metrics.get(name) is not None:
            lines.append(f"- {name.replace('_', ' ')} {metrics[name]:.3f}")
    return lines
