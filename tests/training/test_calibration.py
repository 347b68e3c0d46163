import numpy as np
import pytest

from napari_mid.training.calibration import COLDEST, cross_fitted, fit_temperature, tempered
from napari_mid.training.validation import macro_auroc


def drawn(n: int, n_classes: int, factor: float, seed: int = 0) -> tuple[list[np.ndarray], np.ndarray]:
    """Logits that say how likely each class is, times `factor`, and labels drawn with those odds."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (n, n_classes))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(n_classes, p=row) for row in shares])
    return [np.repeat(row[None] * factor, 3, axis=0) for row in logits], labels


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_a_model_that_is_too_sure_or_too_shy_is_set_right(n_classes: int, factor: float) -> None:
    logits, labels = drawn(1500, n_classes, factor)
    temperature = fit_temperature(logits, labels)
    assert temperature == pytest.approx(factor, rel=0.15)


def test_few_bags_or_one_class_give_no_temperature() -> None:
    logits, labels = drawn(9, 2, 1.0)
    assert fit_temperature(logits, labels) is None
    logits, _ = drawn(20, 2, 1.0)
    assert fit_temperature(logits, np.zeros(20, dtype=np.int64)) is None


def test_bags_that_are_all_told_apart_do_not_make_a_model_certain() -> None:
    labels = np.arange(20) % 2
    logits = [np.array([[0.0, 4.0 * (2 * label - 1)]]) for label in labels]
    temperature = fit_temperature(logits, labels)
    assert temperature is not None
    assert temperature > COLDEST * 1.5
    shares = tempered(logits, temperature)
    assert shares[labels == 1, 1].mean() == pytest.approx(11 / 12, abs=0.01)


def test_no_bag_is_judged_by_a_temperature_that_it_helped_to_fit() -> None:
    logits, labels = drawn(90, 2, 3.0)
    folds = np.arange(90) % 3
    found = cross_fitted(logits, labels, folds)
    assert found is not None
    others = np.flatnonzero(folds != 1)
    temperature = fit_temperature([logits[bag] for bag in others], labels[others])
    assert temperature is not None
    np.testing.assert_allclose(found[folds == 1], tempered([logits[bag] for bag in np.flatnonzero(folds == 1)], temperature))
    assert cross_fitted(logits[:12], labels[:12], folds[:12]) is None


def test_auroc_of_two_and_of_three_classes() -> None:
    two = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3]])
    assert macro_auroc(np.array([0, 1, 1, 0]), two) == 1
    assert macro_auroc(np.array([1, 0, 0, 1]), two) == 0
    assert np.isnan(macro_auroc(np.array([0, 0, 0, 0]), two))
    three = np.eye(3)[[0, 1, 2, 0]]
    assert macro_auroc(np.array([0, 1, 2, 0]), three) == 1
    # class 0 told perfectly, 1 and 2 taken for each other
    assert macro_auroc(np.array([0, 2, 1, 0]), three) == pytest.approx((1 + 1 / 3 + 1 / 3) / 3)
