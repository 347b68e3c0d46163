"""How a compound acts on cells: how many respond at which dose, and what changes in a cell that does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

STATES = ("healthy", "affected", "dead")
HEALTHY, AFFECTED, DEAD = range(3)

#: Share of cells that die, or look stressed, without any compound; a well's own share scatters around it.
NATURAL_DEATH = 0.04
NATURAL_STRESS = 0.02
OUT_OF_FOCUS = 0.06

_CATALOGUE = 20231  # start of the random numbers of the catalogue, which is the same for every plate


@dataclass(frozen=True, slots=True)
class Compound:
    """A compound of the catalogue, with its true dose response.

    Parameters
    ----------
    name
        For example ``"SIM-003"``.
    toxic
        Whether cells respond at any dose.
    top
        Fraction of responding cells at a very high dose.
    ec50_um, hill
        Micromolar concentration of half the response, and the steepness.
    ros, mmp, nucleus
        Weight in [0, 1] of each mechanism: ROS puncta, loss of membrane potential, shrinking nucleus.
    lethality
        Fraction of responding cells that die.
    """

    name: str
    toxic: bool
    top: float = 0.0
    ec50_um: float = 1.0
    hill: float = 1.0
    ros: float = 0.0
    mmp: float = 0.0
    nucleus: float = 0.0
    lethality: float = 0.0

    def responding(self, concentration_um: float) -> float:
        """Expected fraction of responding cells at `concentration_um` (Hill curve)."""
        if concentration_um <= 0:
            return 0.0
        return self.top / (1.0 + math.pow(self.ec50_um / concentration_um, self.hill))


VEHICLE = Compound("DMSO", toxic=False)
POSITIVE_CONTROL = Compound(
    "SIM-positive", toxic=True, top=0.9, ec50_um=1.0, hill=1.5, ros=0.9, mmp=0.9, nucleus=0.7, lethality=0.25
)


def catalogue_compound(number: int) -> Compound:
    """The compound `number` (from 1) of the catalogue: odd ones are toxic, even ones inactive."""
    name = f"SIM-{number:03d}"
    if number % 2 == 0:
        return Compound(name, toxic=False)
    rng = np.random.default_rng([_CATALOGUE, number])
    # every toxic compound has a leading mechanism, so that the catalogue holds all three
    weights = rng.uniform(0.3, 0.7, 3)
    weights[(number // 2) % 3] = rng.uniform(0.85, 1.0)
    return Compound(
        name,
        toxic=True,
        top=float(rng.uniform(0.6, 0.85)),
        ec50_um=float(np.exp(rng.uniform(np.log(0.25), np.log(1.5)))),
        hill=float(rng.uniform(1.0, 1.8)),
        ros=float(weights[0]),
        mmp=float(weights[1]),
        nucleus=float(weights[2]),
        lethality=float(rng.uniform(0.08, 0.25)),
    )


@dataclass(frozen=True)
class WellTraits:
    """What the cells of one well share, whatever its compound."""

    density: float
    death: float
    stress: float
    stain: NDArray[np.float64]  # (4,), factor per channel

    @staticmethod
    def draw(rng: np.random.Generator) -> WellTraits:
        """Draw the traits of a well."""
        return WellTraits(
            density=float(rng.lognormal(0, 0.1)),
            death=float(rng.gamma(8, NATURAL_DEATH / 8)),
            stress=float(rng.gamma(8, NATURAL_STRESS / 8)),
            stain=rng.lognormal(0, 0.06, 4),
        )


@dataclass(frozen=True)
class CellTraits:
    """What tells one cell from the next; every array is (N,).

    Parameters
    ----------
    state
        Index into `STATES`.
    responded
        Whether the compound, and not nature, changed the cell.
    out_of_focus
        Whether the cell lies outside the focal plane.
    strength
        How far an affected cell is from a healthy one, 0 for a healthy one.
    nucleus_um, body_um
        Mean radius of the nucleus and greatest extent of the cell, micrometres.
    elongation
        Long over short axis of the nucleus.
    hoechst, ros, mmp, yoyo
        Brightness of the stains, 1 for an average stained cell.
    puncta, punctum
        Number and brightness of ROS puncta.
    fragmentation
        0 for long mitochondria, 1 for dots.
    fragments
        Number of pieces beside a dead nucleus.
    """

    state: NDArray[np.int64]
    responded: NDArray[np.bool_]
    out_of_focus: NDArray[np.bool_]
    strength: NDArray[np.float64]
    nucleus_um: NDArray[np.float64]
    body_um: NDArray[np.float64]
    elongation: NDArray[np.float64]
    hoechst: NDArray[np.float64]
    ros: NDArray[np.float64]
    mmp: NDArray[np.float64]
    yoyo: NDArray[np.float64]
    puncta: NDArray[np.int64]
    punctum: NDArray[np.float64]
    fragmentation: NDArray[np.float64]
    fragments: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.state)


def draw_cells(
    rng: np.random.Generator, n: int, well: WellTraits, compound: Compound, concentration_um: float, factor: float
) -> CellTraits:
    """Draw `n` cells of a well with `compound`; `factor` scales how far responding cells are from healthy ones."""
    chance = rng.random((3, n))
    responded = chance[0] < compound.responding(concentration_um)
    dead = np.where(responded, chance[1] < compound.lethality, chance[1] < well.death)
    stressed = ~responded & (chance[2] < well.stress)
    state = np.select([dead, responded | stressed], [DEAD, AFFECTED], HEALTHY)
    strength = np.where(state == AFFECTED, factor * rng.beta(5, 2.5, n), 0.0)
    # stress without a compound is mild and of no one mechanism
    strength[stressed & ~dead] *= 0.6
    natural = rng.uniform(0.2, 0.8, (3, n))
    ros, mmp, nucleus = (
        strength * np.where(responded, weight, natural[i])
        for i, weight in enumerate((compound.ros, compound.mmp, compound.nucleus))
    )
    looks = _dead_looks(rng, n) if dead.any() else {}
    living: dict[str, NDArray[Any]] = {
        "nucleus_um": 6.7 * rng.lognormal(0, 0.08, n) * (1 - np.minimum(0.22 * nucleus, 0.4)),
        "body_um": 34 * rng.lognormal(0, 0.12, n) * (1 - 0.1 * strength),
        "elongation": 1 + rng.gamma(3, 0.09, n),
        "hoechst": rng.lognormal(0, 0.16, n) * (1 + 0.4 * nucleus),
        "ros": rng.lognormal(0, 0.24, n) * (1 + 0.7 * ros),
        "mmp": rng.lognormal(0, 0.22, n) * (1 - np.minimum(0.75 * mmp, 0.92)),
        "yoyo": rng.lognormal(0, 0.5, n) * (0.012 + 0.01 * strength),
        "puncta": rng.poisson(rng.gamma(1.5, 2.2, n) + 11 * ros),
        "punctum": rng.lognormal(0, 0.2, n) * (1 + 0.4 * ros),
        "fragmentation": np.clip(rng.beta(1.5, 8, n) + 0.6 * mmp, 0, 1),
        "fragments": np.zeros(n, dtype=np.int64),
    }
    mixed = {name: np.where(dead, looks[name], values) if looks else values for name, values in living.items()}
    return CellTraits(
        state=state, responded=responded, out_of_focus=rng.random(n) < OUT_OF_FOCUS, strength=strength, **_frozen_types(mixed)
    )


def _dead_looks(rng: np.random.Generator, n: int) -> dict[str, NDArray[Any]]:
    """Condensed, sometimes broken nucleus, bright YOYO-3, no membrane potential, little left of the cell body."""
    return {
        "nucleus_um": 4.3 * rng.lognormal(0, 0.12, n),
        "body_um": 11 * rng.lognormal(0, 0.2, n),
        "elongation": 1 + rng.gamma(2, 0.08, n),
        "hoechst": 1.9 * rng.lognormal(0, 0.2, n),
        "ros": 0.45 * rng.lognormal(0, 0.4, n),
        "mmp": 0.03 * rng.lognormal(0, 0.4, n),
        "yoyo": rng.lognormal(0, 0.3, n),
        "puncta": rng.poisson(2, n),
        "punctum": 0.7 * rng.lognormal(0, 0.2, n),
        "fragmentation": np.ones(n),
        "fragments": rng.choice(4, n, p=[0.6, 0.15, 0.15, 0.1]),
    }


def _frozen_types(values: dict[str, NDArray[Any]]) -> dict[str, Any]:
    counts: Sequence[str] = ("puncta", "fragments")
    return {name: array.astype(np.int64 if name in counts else np.float64) for name, array in values.items()}
