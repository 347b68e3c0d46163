"""Controls that must come out as they should: what they are expected to show, what they showed, and whether that fits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from napari_mid.evaluation.attention import Flatness
from napari_mid.evaluation.audit import ARTEFACT, Association

#: How sure the mean over shuffles must be that it is not 0.5 before the control fails: one in a hundred fails by chance.
CONFIDENCE = 0.99
#: A shuffle counts where it leaves both classes to judge; so many must.
FEWEST_SHUFFLES = 2


@dataclass(frozen=True)
class Check:
    """One control.

    Parameters
    ----------
    name, expected, found
        In words.
    passed
        None where it could not be run, `found` says why.
    numbers
        Behind the words.
    """

    name: str
    expected: str
    found: str
    passed: bool | None
    numbers: Mapping[str, float] = field(default_factory=dict)


def shuffled_groups(
    labels: Sequence[str], groups: Sequence[str], sides: Sequence[str], rng: np.random.Generator
) -> NDArray[np.str_]:
    """(W,) the `labels` of wells, exchanged between the groups (compounds) of the same side of a split; a group stays whole.

    A group whose wells differ in label cannot be exchanged with others; groups are then what does not differ.
    """
    names, members = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    first = [int(np.flatnonzero(members == number)[0]) for number in range(len(names))]
    of_group, side = np.asarray(labels, dtype=str)[first], np.asarray(sides, dtype=str)[first]
    for each in np.unique(side):
        rows = np.flatnonzero(side == each)
        of_group[rows] = of_group[rng.permutation(rows)]
    shuffled: NDArray[np.str_] = of_group[members]
    return shuffled


def shuffled_check(predictor: str, aurocs: Sequence[float]) -> Check:
    """Of a predictor trained on shuffled labels and judged by shuffled labels, several times."""
    known = np.array([each for each in aurocs if math.isfinite(each)])
    name, expected = f"shuffled labels: {predictor}", "AUROC about 0.5"
    if len(known) < FEWEST_SHUFFLES:
        return Check(name, expected, "too few shuffles leave both classes to judge", None)
    mean, error = float(known.mean()), float(known.std(ddof=1) / math.sqrt(len(known)))
    half = float(student.ppf((1 + CONFIDENCE) / 2, len(known) - 1)) * error
    found = (
        f"mean {mean:.2f} over {len(known)} shuffles ({100 * CONFIDENCE:.0f} % interval of the mean {mean - half:.2f} to "
        f"{mean + half:.2f}; single ones {known.min():.2f} to {known.max():.2f})"
    )
    numbers = {"mean": mean, "low": mean - half, "high": mean + half, "lowest": float(known.min()), "highest": float(known.max())}
    return Check(name, expected, found, abs(mean - 0.5) <= half + 1e-9, numbers | {"shuffles": len(known)})


def flat_check(without: Flatness, positive: Flatness) -> Check:
    """Of the relevance in wells where no cell responded, beside those called positive."""
    expected = "flatter than in wells called positive: a smaller maximum, more effective cells"
    name = "wells without responders"
    if not without.n_wells or not positive.n_wells:
        missing = "no well is without responders" if not without.n_wells else "no well is called positive"
        return Check(name, expected, missing, None)
    found = (
        f"largest relevance {without.largest:.2f} against {positive.largest:.2f}, effective cells "
        f"{100 * without.effective:.0f} % against {100 * positive.effective:.0f} % of all "
        f"({without.n_wells} and {positive.n_wells} wells)"
    )
    flatter = without.largest < positive.largest and without.effective > positive.effective
    numbers = {
        "largest": without.largest,
        "largest_positive": positive.largest,
        "effective": without.effective,
        "effective_positive": positive.effective,
    }
    return Check(name, expected, found, flatter, numbers)


def artefact_checks(associations: Sequence[tuple[str, Association]]) -> list[Check]:
    """Of the planted artefact, which the shortcut audit of a model that was trained with it must find.

    That the score goes with it says little alone, since it was planted in one class; relevance must point at the very cells.
    """
    planted = [(of, each) for of, each in associations if each.what == ARTEFACT and math.isfinite(each.correlation.value)]
    found = []
    for subject, what in (("score", "the share of the cells that have it"), ("relevance", "the cells that have it")):
        name = f"planted artefact and {subject}"
        expected = f"of a model trained with it: the {subject} goes with {what}"
        some = [each for of, each in planted if of == subject]
        if not some:
            found.append(Check(name, expected, "no artefact was planted in these plates, or it is the same everywhere", None))
            continue
        told = [
            f"{each.among}: {each.correlation.value:+.2f} ({each.correlation.low:+.2f} to {each.correlation.high:+.2f}, {each.n})"
            for each in some
        ]
        numbers = {each.among: each.correlation.value for each in some}
        seen = any(each.apart and each.correlation.value > 0 for each in some)
        found.append(Check(name, expected, "Spearman, " + "; ".join(told), seen, numbers))
    return found
