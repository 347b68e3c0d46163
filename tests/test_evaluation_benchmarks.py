"""What the benchmarks of evaluation work out, on numbers whose answer is known; what they find is looked at by people."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from napari_mid.model.network import MidModel

FOLDER = Path(__file__).parents[1] / "benchmarks" / "evaluation"


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """Imports a module of the folder; modules find their parts beside them."""
    monkeypatch.syspath_prepend(str(FOLDER))
    before = set(sys.modules)

    def load(name: str) -> ModuleType:
        return importlib.import_module(name)

    yield load
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and Path(str(sys.modules[name].__file__)).parent == FOLDER:
            del sys.modules[name]


def test_an_ec50_is_found_again_with_an_interval_that_holds_it(part) -> None:  # type: ignore[no-untyped-def]
    dose_module = part("_dose")
    dose = np.tile(np.geomspace(1, 256, 9), 4)
    truth = dose_module.Sigmoid(0.1, 0.9, 20.0, 1.5)
    score = truth(dose) + np.random.default_rng(0).normal(0, 0.03, len(dose))
    fitted = dose_module.fit_with_interval(dose, score, n=30)
    assert fitted.low < fitted.curve.ec50 < fitted.high
    assert fitted.curve.ec50 == pytest.approx(20, rel=0.15)
    assert fitted.high - fitted.low < 10
    step = dose_module.fit_with_interval(dose, (dose > 20).astype(float), n=10)
    assert (step.low, step.high) == pytest.approx((16, 32)), "a jump from one dose to the next says no more than that"
    flat = dose_module.fit_sigmoid(dose, np.full(len(dose), 0.5))
    assert np.isfinite(flat.ec50)


def test_mixtures_hold_as_many_spiked_cells_as_they_say(part) -> None:  # type: ignore[no-untyped-def]
    spike = part("_spike")
    seen = 0
    for share, _, negative, positive in spike.mixtures(300, 100, 0, 2):
        assert len(negative) + len(positive) == 100
        assert len(positive) == round(100 * share)
        assert len(set(negative)) == len(negative)
        seen += 1
    assert seen == 2 * len(spike.FRACTIONS)


def test_spiked_cells_are_found_by_what_tells_them_apart(part, small_model: MidModel) -> None:  # type: ignore[no-untyped-def]
    spike = part("_spike")
    rng = np.random.default_rng(0)
    negative = spike.Cells(rng.normal(0, 1, (60, 16)).astype(np.float32), rng.normal(1, 0.1, 60))
    positive = spike.Cells(rng.normal(1, 1, (30, 16)).astype(np.float32), rng.normal(2, 0.1, 30))
    found = spike.spike_in(small_model, negative, positive, 0, 1)
    mixed = found[(found["fraction"] > 0) & (found["fraction"] < 1)]
    assert (mixed["auroc_gfp_ratio"] == 1).all()
    assert mixed["auroc_attention"].between(0, 1).all()
    assert found.loc[found["fraction"].isin([0, 1]), "auroc_attention"].isna().all()
    assert spike.rises(found, "ratio")
    assert not spike.rises(found.assign(ratio=-found["ratio"]), "ratio")


def test_nuclear_gfp_has_a_ratio_above_one(part) -> None:  # type: ignore[no-untyped-def]
    ratio = part("_ratio")
    yy, xx = np.mgrid[:80, :80]
    gfp = np.full((80, 80), 50.0)
    gfp[(yy - 20) ** 2 + (xx - 20) ** 2 <= 64] = 200  # GFP in this nucleus
    ring = ((yy - 60) ** 2 + (xx - 60) ** 2 <= 225) & ((yy - 60) ** 2 + (xx - 60) ** 2 > 64)
    gfp[ring] = 200  # and around that one

    class Field:
        def load(self, channels: list[int]) -> np.ndarray:
            return gfp[None]

    class Well:
        fields = {1: Field()}  # noqa: RUF012

    cells = pd.DataFrame(
        {"Nuclei_AreaShape_Area": [np.pi * 64] * 2, "Nuclei_Location_Center_Y": [20, 60], "Nuclei_Location_Center_X": [20, 60]}
    )
    np.testing.assert_allclose(ratio.gfp_ratio(Well(), cells), [4, 0.25], rtol=0.05)


def _estimate(value: float, half: float = 0.05) -> dict[str, float]:
    return {"value": value, "low": value - half, "high": value + half}


def _found(trivial: float, minus_mid: float, auroc: float) -> dict[str, object]:
    """What metrics.json has, as far as the summary of a screen reads it."""
    baseline = {
        "metrics": {"balanced_accuracy": _estimate(trivial), "auroc": _estimate(0.6)},
        "minus_mid": {"balanced_accuracy": _estimate(minus_mid, 0.1)},
        "paired": {"swap_balanced_accuracy": 0.01},
    }
    measures = [
        {"measure": "attention", "wells": wells, "auroc": _estimate(value), "n_wells": 9, "n_cells": 270}
        for wells, value in (("called positive", auroc), ("not called positive", 0.3))
    ]
    return {
        **{"n": 120, "n_positive": 60, "counted": "held out", "baselines_trained": "", "permuted_labels": None, "checks": []},
        "metrics": {"balanced_accuracy": _estimate(0.92), "auroc": _estimate(0.97)},
        "baselines": {"cell_count": baseline},
        "relevance": {"measures": measures},
    }


def test_a_screen_is_held_to_its_limits(part) -> None:  # type: ignore[no-untyped-def]
    summary = part("_screens_summary").summary
    good = summary(_found(0.6, -0.3, 0.96), least_accuracy=0.9, least_auroc=0.95)
    assert good["balanced_accuracy"]["holds"]
    assert good["not_trivial"]["holds"]
    assert good["ahead_of_every_baseline"]
    assert good["relevance"]["holds"]
    ahead = good["baselines"]["cell_count"]["mid_minus_it"]
    assert (ahead["value"], ahead["low"], ahead["high"]) == pytest.approx((0.3, 0.2, 0.4))
    bad = summary(_found(0.8, -0.05, 0.94), least_accuracy=0.93, least_auroc=0.95)
    assert not bad["balanced_accuracy"]["holds"]
    assert not bad["not_trivial"]["holds"]
    assert not bad["ahead_of_every_baseline"], "the interval of the difference holds 0"
    assert not bad["relevance"]["holds"], "only wells called positive count"
    assert any("MISSED" in line for line in part("_screens_summary").lines("easy", [{"seed": 0, **bad}]))
