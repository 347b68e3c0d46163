"""The compounds of a screen, and which share of the cells they change at which dose."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from napari_mid.simulation.presets import Screen

#: What can change in a cell; the weight of each is 0 for "not" and about 1 for "as far as it goes".
#: ``puncta``: ROS puncta; ``depolarised``: pale mitochondria; ``fragmented``: mitochondria in pieces; ``clustered``: mitochondria
#: around the nucleus; ``condensed``: small, dense nucleus; ``shrunken``, ``swollen``, ``detached``: the body of the cell;
#: ``vacuoles``: holes in the endoplasmic reticulum; ``actin``: loss of the cortex; ``silent``: pale nucleoli.
#: Cells under stress without any compound have a little of each.
STRESS = (
    "puncta",
    "depolarised",
    "fragmented",
    "clustered",
    "condensed",
    "shrunken",
    "swollen",
    "detached",
    "vacuoles",
    "actin",
    "silent",
)

#: What compounds change besides: ``oxidised``: the ROS dye bright throughout the cell; ``expanded``: a bright endoplasmic
#: reticulum; ``dissipated``: mitochondria much paler than ``depolarised`` ones, and whole.
CHANGES = (*STRESS, "oxidised", "expanded", "dissipated")

#: What leads in compounds of the positive class, in turn, and what comes with it.
_MECHANISMS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "cardiotox": (("puncta", "depolarised", "condensed"), ("fragmented",)),
    "mitotox": (("fragmented", "depolarised", "clustered"), ("condensed",)),
}
_SHAPES = ("shrunken", "swollen", "detached")

#: What a benign compound does to a cell, one of these to each.
_BENIGN: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "cardiotox": (("puncta",), ("depolarised", "fragmented"), ("condensed", "shrunken")),
    "mitotox": (("vacuoles",), ("actin", "shrunken"), ("silent", "condensed"), ("depolarised",)),
}

#: What a quenching compound does to a cell, all of it if it is toxic, one of it if it is benign; and the standard deviation of
#: the logarithm of the factor on the brightness of each stain in all its wells.
_BRIGHTNESS: Mapping[str, tuple[str, ...]] = {"cardiotox": ("oxidised", "dissipated"), "mitotox": ("expanded", "dissipated")}
_QUENCHING_TINT = 0.6

_CATALOGUE = 20231  # start of the random numbers of the catalogue, which is the same for every plate


@dataclass(frozen=True, slots=True)
class Compound:
    """A compound of the catalogue, with its true dose response.

    Parameters
    ----------
    name
        For example ``"SIM-003"``.
    label
        Its class, as the plate map says it.
    toxic
        Whether it belongs to the positive class.
    top
        Fraction of responding cells at a very high dose.
    ec50_um, hill
        Micromolar concentration of half the response, and the steepness.
    changes
        Weights of what changes in a responding cell, see `CHANGES`.
    lethality
        Fraction of responding cells that die.
    benign_top
        Fraction of cells that it changes at a very high dose without being toxic.
    benign
        What it changes in these: the weights of one of these to each cell.
    tint
        Logarithm of the factor on the brightness of each stain.
    """

    name: str
    label: str
    toxic: bool
    top: float = 0.0
    ec50_um: float = 1.0
    hill: float = 1.0
    changes: Mapping[str, float] = field(default_factory=dict)
    lethality: float = 0.0
    benign_top: float = 0.0
    benign: tuple[Mapping[str, float], ...] = ()
    tint: tuple[float, ...] = ()

    def responding(self, concentration_um: float) -> float:
        """Expected fraction of responding cells at `concentration_um` (Hill curve)."""
        return self.top * self._occupied(concentration_um)

    def changed(self, concentration_um: float) -> float:
        """Expected fraction of cells with a benign change at `concentration_um`."""
        return self.benign_top * self._occupied(concentration_um)

    def _occupied(self, concentration_um: float) -> float:
        if concentration_um <= 0:
            return 0.0
        return 1.0 / (1.0 + math.pow(self.ec50_um / concentration_um, self.hill))


def vehicles(screen: Screen) -> tuple[Compound, Compound]:
    """DMSO and water, which do nothing."""
    label = screen.assay.negative
    return Compound("DMSO", label, toxic=False), Compound("water", label, toxic=False)


def positive_control(screen: Screen) -> Compound:
    """A compound that does everything at once to nearly all cells."""
    leading, with_it = _MECHANISMS[screen.assay.name]
    return Compound(
        "SIM-positive",
        screen.assay.positive,
        toxic=True,
        top=0.9,
        hill=1.5,
        changes={**dict.fromkeys((*leading, *with_it), 0.9), "shrunken": 0.5},
        lethality=0.25,
    )


def catalogue_compound(number: int, screen: Screen) -> Compound:
    """The compound `number` (from 1) of the catalogue: odd ones are toxic, even ones not, but for those that are unclear."""
    rng = np.random.default_rng([_CATALOGUE, number])
    assay = screen.assay
    name, unclear, toxic = f"SIM-{number:03d}", bool(rng.random() < screen.unclear), number % 2 == 1
    tint = tuple(float(value) for value in rng.normal(0, screen.tint, len(assay.stains)))
    plain = Compound(
        name,
        assay.negative,
        toxic=False,
        ec50_um=float(np.exp(rng.uniform(np.log(0.25), np.log(1.5)))),
        hill=float(rng.uniform(1.0, 1.8)),
        lethality=float(rng.uniform(0.05, 0.2)),
        tint=tint,
    )
    top = float(rng.uniform(*screen.top))
    changes = _toxic_changes(rng, number, screen)
    # drawn apart, so that the other compounds stay as they are whatever the share of these
    apart = np.random.default_rng([_CATALOGUE, number, 1])
    quenching = bool(apart.random() < screen.quenching)
    if quenching:
        plain = replace(plain, tint=tuple(float(value) for value in apart.normal(0, _QUENCHING_TINT, len(assay.stains))))
        changes = {name: float(apart.uniform(0.8, 1.0)) for name in _BRIGHTNESS[assay.name]}
    if unclear:
        return replace(plain, label=assay.unclear, top=0.3 * top, changes=changes)
    if toxic:
        return replace(plain, label=assay.positive, toxic=True, top=top, changes=changes)
    if rng.random() >= screen.benign:
        return plain
    # one thing in each cell, in so many cells that each change is as frequent in the well as in one of a toxic compound
    if quenching:
        return replace(plain, benign_top=len(changes) * top, benign=tuple({name: changes[name]} for name in changes))
    kinds = _BENIGN[assay.name]
    benign = tuple({change: float(rng.uniform(0.7, 1.0)) for change in kind} for kind in kinds)
    benign_top = min(0.95, top * float(rng.uniform(1.8, 2.6)))
    return replace(plain, benign_top=benign_top, benign=benign)


def _toxic_changes(rng: np.random.Generator, number: int, screen: Screen) -> dict[str, float]:
    leading, with_it = _MECHANISMS[screen.assay.name]
    # every compound has a leading mechanism, so that the catalogue holds all; a responding cell shows the others, too
    weights = rng.uniform(0.55, 0.8, len(leading))
    weights[(number // 2) % len(leading)] = rng.uniform(0.9, 1.0)
    changes = {name: float(weight) for name, weight in zip(leading, weights, strict=True)}
    changes |= {name: float(rng.uniform(0.6, 0.9)) for name in with_it}
    changes[_SHAPES[rng.integers(len(_SHAPES))]] = float(rng.uniform(0.3, 0.8))
    return changes
