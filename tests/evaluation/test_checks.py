import dataclasses

import numpy as np
import pytest

from napari_mid.evaluation.attention import Flatness
from napari_mid.evaluation.audit import ARTEFACT, Association
from napari_mid.evaluation.baselines import Lesson, Material
from napari_mid.evaluation.bootstrap import Estimate
from napari_mid.evaluation.checks import artefact_checks, flat_check, shuffled_check, shuffled_groups
from napari_mid.evaluation.reader import reader_steps
from napari_mid.evaluation.settings import EvaluationSettings
from napari_mid.evaluation.weighted import cells_auroc
from napari_mid.model.network import MidModel
from napari_mid.progress import finish


def test_groups_exchange_labels_whole_and_on_their_side() -> None:
    groups = np.repeat([f"C{i}" for i in range(10)], 3)
    labels = np.repeat(["a", "b"] * 5, 3)
    sides = np.where(np.isin(groups, ["C0", "C1", "C2", "C3"]), "held", "trained")
    moved = 0
    for seed in range(20):
        found = shuffled_groups(labels.tolist(), groups.tolist(), sides.tolist(), np.random.default_rng(seed))
        for name in np.unique(groups):
            assert len(set(found[groups == name])) == 1
        for side in ("held", "trained"):
            assert sorted(found[sides == side]) == sorted(labels[sides == side])
        moved += (found != labels).any()
    assert moved > 15


def test_a_predictor_that_learns_from_shuffled_labels_fails() -> None:
    rng = np.random.default_rng(0)
    assert shuffled_check("x", (0.5 + rng.normal(0, 0.1, 10)).tolist()).passed
    leak = shuffled_check("x", (0.85 + rng.normal(0, 0.05, 10)).tolist())
    assert leak.passed is False
    assert leak.numbers["low"] > 0.7
    assert shuffled_check("x", [0.5, float("nan")]).passed is None
    assert shuffled_check("x", [0.5] * 10).passed


def test_relevance_must_be_flatter_without_responders() -> None:
    flat, peaked = Flatness("without", 3, 0.1, 1.3, 0.95), Flatness("positive", 4, 1.0, 6.0, 0.5)
    assert flat_check(flat, peaked).passed
    assert flat_check(peaked, flat).passed is False
    assert flat_check(dataclasses.replace(flat, n_wells=0), peaked).passed is None


def test_an_artefact_that_moves_the_score_is_found() -> None:
    def passed(of: str, low: float, value: float, high: float, what: str = ARTEFACT) -> dict[str, bool | None]:
        found = artefact_checks([(of, Association(what, "all wells", Estimate(value, low, high), 9))])
        return {each.name.rpartition(" ")[2]: each.passed for each in found}

    assert passed("score", 0.2, 0.6, 0.9) == {"score": True, "relevance": None}
    assert passed("relevance", -0.2, 0.1, 0.4) == {"score": None, "relevance": False}
    assert passed("relevance", -0.9, -0.6, -0.2)["relevance"] is False, "it must point at these cells, not away from them"
    assert passed("score", 0.2, 0.6, 0.9, "the row") == {"score": None, "relevance": None}


@pytest.mark.parametrize("truthful", [True, False])
def test_the_transformer_learns_anew_from_frozen_embeddings(small_model: MidModel, truthful: bool) -> None:
    rng = np.random.default_rng(0)
    positive = np.tile([True, False], 20)
    # layer norms take a shift of all features alike away, so half of them shift
    shift = 2.0 * truthful * (np.arange(16) < 8)
    cells = [(rng.normal(0, 1, (15, 16)) + value * shift).astype(np.float32) for value in positive]
    material = Material(None, np.empty((0, 2), dtype=np.int64), embeddings=cells)  # type: ignore[arg-type]
    import torch

    lesson = Lesson(material, positive, np.arange(40) < 24, EvaluationSettings(network_steps=100), torch.device("cpu"))
    scores = finish(reader_steps(lesson, small_model.config))[24:]
    found = cells_auroc(positive[24:], scores)
    assert found > 0.95 if truthful else 0.1 < found < 0.9
