"""What can be chosen about a simulated plate."""

from __future__ import annotations

from dataclasses import dataclass, replace

from napari_mid.settings import setting
from napari_mid.simulation.presets import PRESETS, Screen

#: File formats in which a plate can be written.
LAYOUTS = ("harmony", "ome-zarr", "ome-zarr-0.4")

#: Raised whenever the same settings draw something else than before, so that kept plates are drawn anew.
DRAWING = 2

#: Where compounds are put: a plate in order looks tidy, but gives the class away by the place of a well.
PLACEMENTS = ("random", "in_order")


@dataclass(frozen=True)
class SimulationSettings:
    """Settings of `simulate_steps`; the same settings give the same plate, bit by bit."""

    preset: str = setting(
        "cardiotox",
        "what is stained and how hard it is to tell: cardiotox, easy and hard are heart cells, mitotox is Cell Painting",
        choices=tuple(PRESETS),
    )
    layout: str = setting("harmony", "file format of the plate; ome-zarr is version 0.5", choices=LAYOUTS)
    wells: int = setting(24, "number of wells", low=6, high=384)
    fields: int = setting(2, "fields of view per well", low=1, high=25)
    field_px: int = setting(540, "edge of a field in pixels", low=128, high=2160)
    cells_per_field: int | None = setting(
        None,
        "mean number of cells in a field; a confluent layer, of 667 heart cells or 480 U2OS cells per mm², where not given",
        low=1,
    )
    pixel_size_um: float = setting(0.6, "edge of a pixel in µm", low=0.2, high=2.0, expert=True)
    doses: int = setting(6, "doses of a compound, from 10 µM down", low=1, high=6)
    replicates: int = setting(1, "wells per compound and dose", low=1, high=16)
    first_compound: int = setting(
        1,
        "number of the first compound drawn from the catalogue; plates with other numbers hold other compounds",
        low=1,
        expert=True,
    )
    placement: str = setting("random", "where compounds are put on the plate", choices=PLACEMENTS)
    batch: int = setting(0, "number of the batch; plates of another one are stained a little differently", low=0, expert=True)
    artefact: float = setting(
        0.0, "share of the cells in wells of toxic compounds that a bright crystal lies beside", low=0.0, high=1.0, expert=True
    )
    quenching: float = setting(
        0.0,
        "share of the compounds that quench or help the dyes of their whole wells, and in single cells change the brightness "
        "alone: which cells changed shows only beside the others of the well",
        low=0.0,
        high=1.0,
        expert=True,
    )
    seed: int = setting(1, "start of the random numbers", low=0)

    @property
    def screen(self) -> Screen:
        """What the preset stands for, with as many quenching compounds as are asked for."""
        return replace(PRESETS[self.preset], quenching=self.quenching)

    @property
    def plate_name(self) -> str:
        """The name of the plate, for example ``"cardiotox-1"``."""
        return f"{self.preset}-{self.seed}"

    @property
    def cells_per_px(self) -> float:
        """Mean number of cells per square pixel."""
        if self.cells_per_field is not None:
            return self.cells_per_field / self.field_px**2
        return self.screen.assay.per_mm2 * (self.pixel_size_um / 1000) ** 2
