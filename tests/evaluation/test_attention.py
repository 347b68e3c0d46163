import math

import numpy as np
import pandas as pd
import pytest

from napari_mid.evaluation.attention import Detected, auroc_among_read, enough, flatness, match_truth, over_wells, swept
from napari_mid.inference.bag import Bag
from napari_mid.model.network import MidModel

RNG = np.random.default_rng(0)


def detected(compound: str, responded: np.ndarray, values: np.ndarray) -> Detected:
    return Detected("P", "A01", compound, "m", "w", responded, values)


def table(places: list[tuple[float, float]], site: int = 1) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Metadata_Site": site,
            "Nuclei_Location_Center_Y": [y for y, _ in places],
            "Nuclei_Location_Center_X": [x for _, x in places],
        }
    )


def test_located_nuclei_are_matched_to_the_nearest_true_one_once() -> None:
    truth = table([(10, 10), (50, 50), (90, 90)])
    cells = table([(51, 50), (10, 12), (10, 11), (200, 200)])
    assert match_truth(cells, truth, 5).tolist() == [1, -1, 0, -1]


def test_another_field_has_other_cells() -> None:
    cells = pd.concat([table([(10, 10)], 1), table([(10, 10)], 2)], ignore_index=True)
    truth = pd.concat([table([(11, 10)], 2), table([(10, 11)], 1)], ignore_index=True)
    assert match_truth(cells, truth, 5).tolist() == [1, 0]
    assert match_truth(cells, truth.iloc[:0], 5).tolist() == [-1, -1]


def test_a_measure_that_knows_is_right_and_one_that_guesses_is_at_a_half() -> None:
    responded = RNG.random(400) < 0.3
    assert enough(responded)
    assert detected("X", responded, responded + 0.1 * RNG.random(400)).auroc == 1
    assert detected("X", responded, RNG.random(400)).auroc == pytest.approx(0.5, abs=0.08)
    guess = detected("X", responded, RNG.random(400))
    assert guess.auprc == pytest.approx(guess.chance, abs=0.1)
    assert not enough(np.array([True] * 4 + [False] * 90))


def test_wells_of_one_compound_are_one_piece_of_evidence() -> None:
    responded = np.tile([True, False], 20)
    values = [responded * (1.0 if good else 0.0) + RNG.random(40) for good in (True, True, True, False, False, False)]
    same = over_wells("m", "w", [detected("X", responded, v) for v in values], 200, 0)
    assert same.n_wells == 6
    assert math.isnan(same.auroc.low)
    assert "two compounds" in same.auroc.undefined
    two = over_wells("m", "w", [detected("X" if i < 3 else "Y", responded, v) for i, v in enumerate(values)], 200, 0)
    assert two.auroc.value == same.auroc.value
    assert two.auroc.high - two.auroc.low > 0.3
    assert math.isnan(over_wells("m", "w", [], 10, 0).auroc.value)


def test_cells_together_need_values_that_mean_the_same_in_every_well() -> None:
    responded = np.tile([True, False], 20)
    right = responded + 0.1 * RNG.random(40)
    same = over_wells("m", "w", [detected("X", responded, right), detected("Y", responded, right)], 20, 0)
    assert same.pooled_auroc == same.auroc.value == 1
    assert same.pooled_chance == 0.5
    moved = over_wells("m", "w", [detected("X", responded, right), detected("Y", responded, right + 5)], 20, 0)
    assert moved.auroc.value == 1
    assert moved.pooled_auroc == pytest.approx(0.75, abs=0.01)
    assert moved.pooled_auprc < 1


def test_flat_relevance_uses_all_cells() -> None:
    flat, peaked = flatness("w", [np.ones(10), np.empty(0)]), flatness("w", [np.eye(10)[0] * 10])
    assert (flat.n_wells, flat.spread, flat.largest) == (1, 0, 1)
    assert flat.effective == pytest.approx(1)
    assert (peaked.largest, peaked.effective) == (10, pytest.approx(0.1))


def test_more_sets_read_every_cell_and_fewer_are_the_first_of_them(small_model: MidModel) -> None:
    bag = Bag(small_model, RNG.normal(0, 1, (30, 16)).astype(np.float32))
    found = swept(bag, 4, (1, 10, 50), seed=1)
    assert np.isfinite(found.lifts[1]).sum() == 4
    assert np.isfinite(found.lifts[50]).all()
    assert found.lifts[50].mean() == pytest.approx(1, abs=0.05)
    assert swept(bag, 4, (1,), seed=1).scores[1] == swept(bag, 4, (1,), seed=1).scores[1]
    alone = swept(bag, 1, (1, 50))
    np.testing.assert_allclose(alone.lifts[50], 1)
    every = swept(bag, 400, (1, 200))
    assert every.cells_in_set == 30
    assert every.scores[1] == every.scores[200], "one set holds all cells, further ones are the same"


def test_cells_that_were_in_no_set_are_not_judged() -> None:
    responded = np.tile([True, False], 10)
    lift = np.where(responded, 2.0, 0.5)
    assert auroc_among_read(lift, responded) == 1
    lift[:12] = np.nan
    assert math.isnan(auroc_among_read(lift, responded))
