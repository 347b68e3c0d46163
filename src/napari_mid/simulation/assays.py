"""What is stained, and what the classes of compounds are called."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stain:
    """One channel: its names and wavelengths, the counts of a well stained cell, and of the medium without cells."""

    name: str
    role: str
    excitation_nm: int
    emission_nm: int
    counts: float
    background: float
    exposure_s: float


@dataclass(frozen=True, slots=True)
class Assay:
    """A way to stain and judge cells.

    Parameters
    ----------
    name
        For example ``"cardiotox"``.
    stains
        The channels, in order; the second carries the planted artefact.
    column
        Of the plate map: the class of a well's compound.
    negative, positive, unclear
        The names of the classes; `unclear` compounds act weakly.
    nucleus_um, body_um
        Mean radius of a nucleus and mean greatest extent of a cell, in micrometres.
    per_mm2
        Cells per square millimetre where the user does not say.
    """

    name: str
    stains: tuple[Stain, ...]
    column: str
    negative: str
    positive: str
    unclear: str
    nucleus_um: float
    body_um: float
    per_mm2: float


#: hiPSC-CM as in the paper's hERG screen (mid.md, section 6): 70 cells in a field of 540 px at 0.6 µm.
CARDIOTOX = Assay(
    name="cardiotox",
    stains=(
        Stain("Hoechst 33342", "nucleus", 375, 456, 2600.0, 140.0, 0.06),
        Stain("CM-H2DCFDA", "ros", 488, 522, 900.0, 160.0, 0.1),
        Stain("TMRM", "mmp", 561, 599, 2400.0, 190.0, 0.1),
        Stain("YOYO-3", "dead", 640, 706, 4200.0, 90.0, 0.2),
    ),
    column="toxicity",
    negative="nontoxic",
    positive="toxic",
    unclear="inconclusive",
    nucleus_um=6.7,
    body_um=34.0,
    per_mm2=667.0,
)

#: U2OS cells with the five channels of Cell Painting.
MITOTOX = Assay(
    name="mitotox",
    stains=(
        Stain("Hoechst 33342", "nucleus", 375, 456, 2600.0, 140.0, 0.06),
        Stain("Concanavalin A", "er", 488, 522, 1500.0, 170.0, 0.1),
        Stain("SYTO 14", "rna", 531, 593, 1700.0, 180.0, 0.1),
        Stain("WGA and phalloidin", "agp", 561, 620, 1300.0, 160.0, 0.1),
        Stain("MitoTracker Deep Red", "mito", 640, 690, 2400.0, 150.0, 0.15),
    ),
    column="mitotoxicity",
    negative="inactive",
    positive="active",
    unclear="inconclusive",
    nucleus_um=7.6,
    body_um=38.0,
    per_mm2=480.0,
)
