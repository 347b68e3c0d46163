"""What the cells of a well look like: how many respond, and what changes in one that does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mid.simulation.compounds import CHANGES, STRESS, Compound
from napari_mid.simulation.presets import Screen

#: A benign cell is changed by a compound, but not as a responding one is.
STATES = ("healthy", "affected", "dead", "benign")
HEALTHY, AFFECTED, DEAD, BENIGN = range(4)

#: Share of cells that die, or look stressed, without any compound; a well's own share scatters around it.
NATURAL_DEATH = 0.04
NATURAL_STRESS = 0.02
OUT_OF_FOCUS = 0.06
#: Share of cells that a stain did not reach, and how bright it is then.
UNSTAINED, UNSTAINED_LEVEL = 0.01, 0.15


@dataclass(frozen=True)
class WellTraits:
    """What the cells of one well share, whatever its compound."""

    density: float
    death: float
    stress: float
    stain: NDArray[np.float64]  # (C,), factor per channel

    @staticmethod
    def draw(rng: np.random.Generator, screen: Screen, batch: NDArray[np.float64] | None = None) -> WellTraits:
        """Draw the traits of a well; `batch` (C,) is the logarithm of its plate's factors per channel."""
        shift = np.zeros(len(screen.assay.stains)) if batch is None else batch
        return WellTraits(
            density=float(rng.lognormal(0, 0.1)),
            death=float(rng.gamma(8, NATURAL_DEATH / 8)),
            stress=float(rng.gamma(8, NATURAL_STRESS / 8)),
            stain=np.exp(shift + rng.normal(0, screen.well_stain, len(shift))),
        )


def batch_shift(seed: int, batch: int, screen: Screen) -> NDArray[np.float64]:
    """(C,) logarithm of the factors by which the stains of a plate differ: as those of its batch, and a little more."""
    n = len(screen.assay.stains)
    whole = np.random.default_rng([batch, 1]).normal(0, screen.batch_stain, n) if batch else np.zeros(n)
    return np.asarray(whole + np.random.default_rng([seed, 2]).normal(0, 0.5 * screen.batch_stain, n))


@dataclass(frozen=True)
class CellTraits:
    """What tells one cell from the next; every array is (N,).

    Parameters
    ----------
    state
        Index into `STATES`.
    responded
        Whether the compound, and not nature, made the cell sick.
    artefact
        Whether a crystal lies beside the nucleus.
    out_of_focus
        Whether the cell lies outside the focal plane.
    strength
        How far a cell is from a healthy one, 0 for a healthy one.
    nucleus_um, body_um
        Mean radius of the nucleus and greatest extent of the cell, micrometres.
    elongation
        Long over short axis of the nucleus.
    stains
        Role of a channel to its brightness in each cell, 1 for an average stained cell.
    puncta, punctum
        Number and brightness of ROS puncta.
    fragmentation
        0 for long mitochondria, 1 for dots.
    spread
        How far from the nucleus mitochondria lie, 1 for the usual.
    vacuoles
        Number of holes in the endoplasmic reticulum.
    fragments
        Number of pieces beside a dead nucleus.
    """

    state: NDArray[np.int64]
    responded: NDArray[np.bool_]
    artefact: NDArray[np.bool_]
    out_of_focus: NDArray[np.bool_]
    strength: NDArray[np.float64]
    nucleus_um: NDArray[np.float64]
    body_um: NDArray[np.float64]
    elongation: NDArray[np.float64]
    stains: Mapping[str, NDArray[np.float64]]
    puncta: NDArray[np.int64]
    punctum: NDArray[np.float64]
    fragmentation: NDArray[np.float64]
    spread: NDArray[np.float64]
    vacuoles: NDArray[np.int64]
    fragments: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.state)


def draw_cells(
    rng: np.random.Generator,
    n: int,
    well: WellTraits,
    compound: Compound,
    concentration_um: float,
    screen: Screen,
    artefact: float = 0.0,
) -> CellTraits:
    """Draw `n` cells of a well with `compound`; `artefact` is the share of them that a crystal lies beside."""
    chance = rng.random((4, n))
    responded = chance[0] < compound.responding(concentration_um)
    benign = ~responded & (chance[3] < compound.changed(concentration_um))
    dead = np.where(responded, chance[1] < compound.lethality, chance[1] < well.death)
    stressed = ~responded & ~benign & (chance[2] < well.stress)
    state = np.select([dead, responded | stressed, benign], [DEAD, AFFECTED, BENIGN], HEALTHY)
    strength = np.where((state == AFFECTED) | (state == BENIGN), screen.strength * rng.beta(5, 2.5, n), 0.0)
    # stress without a compound is mild
    strength[stressed & ~dead] *= 0.6
    changes = _changes(rng, n, compound, responded, benign, stressed)
    amounts = {name: strength * weight for name, weight in changes.items()}
    living = _living_looks(rng, n, amounts, screen)
    looks = _dead_looks(rng, n, screen)
    stains = {role: np.where(dead, looks["stains"][role], values) for role, values in living.pop("stains").items()}
    for role, values in stains.items():
        failed = rng.random(n) < UNSTAINED
        if role != "nucleus":
            values[failed] *= UNSTAINED_LEVEL
    return CellTraits(
        state=state,
        responded=responded,
        artefact=rng.random(n) < artefact,
        out_of_focus=rng.random(n) < OUT_OF_FOCUS,
        strength=strength,
        stains=stains,
        **{name: np.where(dead, looks[name], values) for name, values in living.items()},
    )


def _changes(
    rng: np.random.Generator,
    n: int,
    compound: Compound,
    responded: NDArray[np.bool_],
    benign: NDArray[np.bool_],
    stressed: NDArray[np.bool_],
) -> dict[str, NDArray[np.float64]]:
    """The weight of every change in every cell, (N,) each."""
    natural = dict(zip(STRESS, rng.uniform(0, 0.6, (len(STRESS), n)), strict=True))
    kind = rng.integers(0, max(1, len(compound.benign)), n)
    weights = {}
    for name in CHANGES:
        of_kind = np.array([one.get(name, 0.0) for one in compound.benign] or [0.0])
        of_state = [compound.changes.get(name, 0.0), of_kind[kind], natural.get(name, 0.0)]
        weights[name] = np.select([responded, benign, stressed], of_state, 0.0)
    return weights


def _living_looks(rng: np.random.Generator, n: int, by: Mapping[str, NDArray[np.float64]], screen: Screen) -> dict[str, Any]:
    """The traits of living cells; `by` is how much of every change a cell has, (N,) each.

    What a responding cell gains in one place it loses in another, so that the mean intensity of a well says little: puncta take
    up dye, a condensed nucleus keeps its DNA.
    """
    assay = screen.assay
    condensed, shrunken, swollen, detached = (by[name] for name in ("condensed", "shrunken", "swollen", "detached"))
    paler = 1 - np.minimum(0.3 * by["depolarised"] + 0.8 * by["dissipated"], 0.85)
    radius = (1 - np.minimum(0.2 * condensed, 0.4)) * (1 + 0.06 * swollen)
    stains = {
        "nucleus": rng.lognormal(0, 0.16, n) / radius**2,
        "ros": rng.lognormal(0, 0.24, n) * (1 - np.minimum(0.3 * by["puncta"], 0.6)) * (1 + 2 * by["oxidised"]),
        "mmp": rng.lognormal(0, 0.22, n) * paler,
        "mito": rng.lognormal(0, 0.22, n) * paler,
        "dead": rng.lognormal(0, 0.5, n) * 0.012,
        "er": rng.lognormal(0, 0.2, n) * (1 + 0.1 * by["vacuoles"]) * (1 + 2 * by["expanded"]),
        "rna": rng.lognormal(0, 0.2, n) * (1 - np.minimum(0.4 * by["silent"], 0.8)),
        "agp": rng.lognormal(0, 0.2, n) * (1 - np.minimum(0.5 * by["actin"], 0.8)),
    }
    return {
        "stains": {stain.role: stains[stain.role] for stain in assay.stains},
        "nucleus_um": assay.nucleus_um * rng.lognormal(0, 0.08, n) * radius,
        "body_um": assay.body_um
        * rng.lognormal(0, 0.12, n)
        * (1 - np.minimum(0.2 * shrunken + 0.35 * detached, 0.6))
        * (1 + 0.2 * swollen),
        "elongation": 1 + rng.gamma(3, 0.09, n),
        "puncta": rng.poisson(rng.gamma(2, 1.3, n) + 15 * by["puncta"]),
        "punctum": rng.lognormal(0, 0.2, n) * (1 + 0.3 * by["puncta"]),
        "fragmentation": np.clip(rng.beta(1.5, 10, n) + 0.95 * by["fragmented"], 0, 1),
        "spread": rng.lognormal(0, 0.1, n) * (1 - np.minimum(0.55 * by["clustered"], 0.8)),
        "vacuoles": rng.poisson(0.5 + 14 * by["vacuoles"]),
        "fragments": np.zeros(n, dtype=np.int64),
    }


def _dead_looks(rng: np.random.Generator, n: int, screen: Screen) -> dict[str, Any]:
    """Condensed, sometimes broken nucleus, bright in stains of the dead, no membrane potential, little left of the cell body."""
    levels = {"nucleus": 1.9, "ros": 0.45, "mmp": 0.03, "mito": 0.05, "dead": 1.0, "er": 0.5, "rna": 0.5, "agp": 0.5}
    return {
        "stains": {stain.role: levels[stain.role] * rng.lognormal(0, 0.3, n) for stain in screen.assay.stains},
        "nucleus_um": 0.64 * screen.assay.nucleus_um * rng.lognormal(0, 0.12, n),
        "body_um": 11 * rng.lognormal(0, 0.2, n),
        "elongation": 1 + rng.gamma(2, 0.08, n),
        "puncta": rng.poisson(2, n),
        "punctum": 0.7 * rng.lognormal(0, 0.2, n),
        "fragmentation": np.ones(n),
        "spread": np.ones(n),
        "vacuoles": np.zeros(n, dtype=np.int64),
        "fragments": rng.choice(4, n, p=[0.6, 0.15, 0.15, 0.1]),
    }
