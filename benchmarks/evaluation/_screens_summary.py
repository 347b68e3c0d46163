"""What an evaluation of a simulated screen found, beside the limits that it is held to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

#: Least balanced accuracy of MID on compounds that were held out, where a screen asks for it.
LEAST_ACCURACY = 0.90
#: Predictors that need no microscope stay under this balanced accuracy, or the screen is too easy.
TRIVIAL, TRIVIAL_LIMIT = ("cell_count", "mean_intensity", "well_position"), 0.75
#: Measures of relevance of which one has to find the cells that responded, and the wells in which they are judged.
MEASURES, WELLS = ("attention", "rollout"), "called positive"


def summary(found: Mapping[str, Any], *, least_accuracy: float | None, least_auroc: float | None) -> dict[str, Any]:
    """The compact record of one evaluation (the content of its metrics.json); ``holds`` is None where nothing is asked."""
    accuracy = _interval(found["metrics"]["balanced_accuracy"])
    record: dict[str, Any] = {
        "compounds": found["n"],
        "positive": found["n_positive"],
        "counted": found["counted"],
        "balanced_accuracy": {
            **_interval(accuracy),
            "limit": least_accuracy,
            "holds": _reaches(accuracy["value"], least_accuracy),
        },
        "auroc": _interval(found["metrics"]["auroc"]),
        "baselines": {name: _baseline(each) for name, each in found["baselines"].items()},
        "baselines_trained": found["baselines_trained"],
        "relevance": _relevance(found.get("relevance"), least_auroc),
        "permuted_labels": found["permuted_labels"],
        "checks": found["checks"],
    }
    ahead = [each["mid_is_ahead"] for each in record["baselines"].values()]
    record["ahead_of_every_baseline"] = all(ahead) if ahead else None
    trivial = [record["baselines"][name]["balanced_accuracy"]["value"] for name in TRIVIAL if name in record["baselines"]]
    record["not_trivial"] = {
        "limit": TRIVIAL_LIMIT,
        "holds": all(value < TRIVIAL_LIMIT for value in trivial) if trivial else None,
    }
    return record


def _baseline(each: Mapping[str, Any]) -> dict[str, Any]:
    """Its balanced accuracy, and how much MID's is above it on the same resamples of the compounds."""
    other = each["minus_mid"]["balanced_accuracy"]
    value, low, high = (None if other[name] is None else -other[name] for name in ("value", "high", "low"))
    return {
        "balanced_accuracy": _interval(each["metrics"]["balanced_accuracy"]),
        "auroc": _interval(each["metrics"]["auroc"]),
        "mid_minus_it": {"value": value, "low": low, "high": high},
        "mid_is_ahead": low is not None and low > 0,
        "swap_p": (each["paired"] or {}).get("swap_balanced_accuracy"),
    }


def _relevance(found: Mapping[str, Any] | None, limit: float | None) -> dict[str, Any] | None:
    """AUROC of the measures against the responders of wells that the model never saw."""
    if found is None:
        return None
    rows = {row["measure"]: row for row in found["measures"] if row["wells"] == WELLS}
    record: dict[str, Any] = {
        name: {**_interval(row["auroc"]), "wells": row["n_wells"], "cells": row["n_cells"]} for name, row in rows.items()
    }
    best = [rows[name]["auroc"]["value"] for name in MEASURES if name in rows and rows[name]["auroc"]["value"] is not None]
    return {"wells": WELLS, "auroc": record, "limit": limit, "holds": _reaches(max(best), limit) if best else None}


def _interval(estimate: Mapping[str, Any]) -> dict[str, Any]:
    return {name: estimate[name] for name in ("value", "low", "high")}


def _reaches(value: float | None, limit: float | None) -> bool | None:
    return None if limit is None or value is None else value >= limit


def lines(name: str, records: Sequence[Mapping[str, Any]]) -> list[str]:
    """The records of one screen, a seed each, for the terminal."""
    told = []
    for record in records:
        told.append(f"{name}, seed {record['seed']}: balanced accuracy {_text(record['balanced_accuracy'])}")
        for other, each in record["baselines"].items():
            told.append(
                f"  {other}: {_text(each['balanced_accuracy'])}; MID minus it {_text(each['mid_minus_it'])}"
                + (", MID is ahead" if each["mid_is_ahead"] else "")
            )
        for measure, each in (record["relevance"] or {"auroc": {}})["auroc"].items():
            told.append(f"  relevance {measure}: AUROC {_text(each)} in {each['wells']} wells")
    return told


def _text(each: Mapping[str, Any]) -> str:
    if each["value"] is None:
        return "undefined"
    told = f"{each['value']:.3f}"
    if each["low"] is not None:
        told += f" ({each['low']:.3f} to {each['high']:.3f})"
    limit = f", limit {each['limit']}: {'holds' if each['holds'] else 'MISSED'}" if each.get("limit") is not None else ""
    return told + limit
