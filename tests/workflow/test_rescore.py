"""Leaving cells out of a scored well: the same answer as if they had never been there, without its images."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from napari_mid.errors import WellError
from napari_mid.inference.result import WellResult
from napari_mid.inference.scoring import score_bag
from napari_mid.inference.settings import ScoringSettings
from napari_mid.model.network import MidModel
from napari_mid.plates import open_plate
from napari_mid.workflow.rescore import FIRST_SETS, rescore
from napari_mid.workflow.score_well import score_well

SETTINGS = ScoringSettings(set_size=20, n_sets=40, precision="float32")


@pytest.fixture
def result(disc_plate: Path, small_model: MidModel) -> WellResult:
    """A well whose nine cells were copied, with noise, to 90."""
    plate = open_plate(disc_plate)
    plate = plate.with_roles(dict(zip(plate.channel_names, ("nucleus", "ros"), strict=True)))
    scored = score_well(plate["A04"], small_model, settings=SETTINGS)
    rows = np.tile(np.arange(scored.n_cells), 10)
    noise = np.random.default_rng(0).normal(0, 0.5, (len(rows), 16)).astype(np.float32)
    many = dataclasses.replace(
        scored, cells=scored.cells.iloc[rows].reset_index(drop=True), embeddings=scored.embeddings[rows] + noise
    )
    return list(rescore(many, small_model, np.zeros(90, dtype=bool)))[-1]


def test_the_answer_is_that_of_the_cells_that_stay(result: WellResult, small_model: MidModel) -> None:
    excluded = np.arange(90) % 4 == 0
    first, final = rescore(result, small_model, excluded)
    bag = score_bag(small_model, result.embeddings[~excluded], SETTINGS)
    assert final.score == pytest.approx(bag.score, abs=1e-9)
    assert (final.score_low, final.score_high) == pytest.approx((bag.score_low, bag.score_high))
    assert not final.preliminary
    assert final.n_cells == 90
    assert np.array_equal(final.excluded, excluded)
    assert np.allclose(final.cells["relevance"][~excluded], bag.lift)
    assert final.cells.loc[excluded, ["attention", "relevance", "relevance_se", "percentile"]].isna().all(axis=None)
    assert sorted(final.cells["rank"][~excluded]) == list(range(1, (~excluded).sum() + 1))
    assert (final.cells["rank"][excluded] == 0).all()
    assert np.array_equal(final.cells["score_alone"], result.cells["score_alone"]), "a cell alone is what it was"
    assert final.settings["excluded"] == excluded.sum()

    assert first.preliminary
    assert len(first.set_scores) == FIRST_SETS
    assert abs(first.score - final.score) < 4 * bag.set_scores.std() / np.sqrt(FIRST_SETS) + 1e-3
    assert np.array_equal(first.excluded, excluded)


def test_cells_come_back(result: WellResult, small_model: MidModel) -> None:
    without = list(rescore(result, small_model, np.arange(90) < 50))[-1]
    again = list(rescore(without, small_model, np.zeros(90, dtype=bool)))[-1]
    assert again.score == result.score
    assert np.array_equal(again.cells["relevance"], result.cells["relevance"])
    assert again.warnings == result.warnings


def test_few_cells_and_none_are_told(result: WellResult, small_model: MidModel) -> None:
    few = list(rescore(result, small_model, np.arange(90) >= 5))
    assert len(few) == 1, "one set holds them all, so there is nothing to say first"
    assert any("only 5 cells" in warning for warning in few[0].warnings)
    (none,) = rescore(few[0], small_model, np.ones(90, dtype=bool))
    assert none.call == "no cells"
    assert np.isnan(none.score)
    assert none.cells["relevance"].isna().all()
    assert not any("only 5 cells" in warning for warning in none.warnings)
    assert any("left out" in warning for warning in none.warnings)


def test_what_does_not_belong_together_is_refused(result: WellResult, small_model: MidModel) -> None:
    nobody = np.zeros(90, dtype=bool)
    with pytest.raises(WellError, match="let go"):
        next(rescore(dataclasses.replace(result, embeddings=result.embeddings[:0]), small_model, nobody))
    with pytest.raises(WellError, match="90 cells"):
        next(rescore(result, small_model, nobody[:5]))
    with pytest.raises(WellError, match="another model"):
        next(rescore(dataclasses.replace(result, model_hash="other"), small_model, nobody))
