"""The screens that can be drawn, from easy to hard."""

from __future__ import annotations

from dataclasses import dataclass

from napari_mid.simulation.assays import CARDIOTOX, MITOTOX, Assay


@dataclass(frozen=True, slots=True)
class Screen:
    """What a screen is like.

    Parameters
    ----------
    assay
        Stains and classes.
    strength
        Factor by which responding cells differ from healthy ones.
    top
        Range of the fraction of cells that respond to a compound of the positive class at a very high dose.
    benign
        Share of the compounds of the negative class that change cells, too, one thing in each cell: a responding cell shows
        several at once.
    unclear
        Share of the compounds that act weakly and belong to neither class.
    well_stain, tint, batch_stain
        Standard deviation of the logarithm of a stain's brightness: between wells, between compounds (some dyes are quenched or
        helped by a compound, whatever it does to cells), and between plates of one batch and batches.
    quenching
        Share of the compounds, of every class, that quench or help the dyes of their whole wells, and in single cells change
        the brightness alone: which cells these are shows only beside the others of the well.
    """

    assay: Assay
    strength: float
    top: tuple[float, float]
    benign: float
    unclear: float
    well_stain: float
    tint: float
    batch_stain: float
    quenching: float = 0.0


PRESETS = {
    "cardiotox": Screen(CARDIOTOX, 1.2, (0.15, 0.35), benign=0.6, unclear=0.0, well_stain=0.15, tint=0.12, batch_stain=0.08),
    "mitotox": Screen(MITOTOX, 1.2, (0.15, 0.35), benign=0.6, unclear=0.2, well_stain=0.15, tint=0.12, batch_stain=0.08),
    "easy": Screen(CARDIOTOX, 1.6, (0.15, 0.35), benign=0.0, unclear=0.0, well_stain=0.06, tint=0.0, batch_stain=0.03),
    "hard": Screen(CARDIOTOX, 0.95, (0.12, 0.3), benign=0.8, unclear=0.0, well_stain=0.2, tint=0.15, batch_stain=0.12),
}
