"""What can be chosen about a simulated plate."""

from __future__ import annotations

from dataclasses import dataclass

from napari_mid.settings import setting

#: Preset to the factor by which its responding cells differ from healthy ones.
PRESETS = {"cardiotox": 1.0, "easy": 1.5}

#: File formats in which a plate can be written.
LAYOUTS = ("harmony", "ome-zarr", "ome-zarr-0.4")

#: Cells per square millimetre of a confluent monolayer: 70 in a field of 540 px at 0.6 µm.
CONFLUENT_PER_MM2 = 667.0


@dataclass(frozen=True)
class SimulationSettings:
    """Settings of `simulate_steps`; the same settings give the same plate, bit by bit."""

    preset: str = setting("cardiotox", "which phenotypes are drawn; easy is cardiotox with stronger ones", choices=PRESETS)
    layout: str = setting("harmony", "file format of the plate; ome-zarr is version 0.5", choices=LAYOUTS)
    wells: int = setting(24, "number of wells", low=6, high=384)
    fields: int = setting(2, "fields of view per well", low=1, high=25)
    field_px: int = setting(540, "edge of a field in pixels", low=128, high=2160)
    cells_per_field: int | None = setting(
        None, "mean number of cells in a field; a confluent monolayer, 667 cells per mm², where not given", low=1
    )
    pixel_size_um: float = setting(0.6, "edge of a pixel in µm", low=0.2, high=2.0, expert=True)
    replicates: int = setting(1, "wells per compound and dose", low=1, high=16)
    first_compound: int = setting(
        1,
        "number of the first compound drawn from the catalogue; plates with other numbers hold other compounds",
        low=1,
        expert=True,
    )
    seed: int = setting(1, "start of the random numbers", low=0)

    @property
    def plate_name(self) -> str:
        """The name of the plate, for example ``"cardiotox-1"``."""
        return f"{self.preset}-{self.seed}"

    @property
    def cells_per_px(self) -> float:
        """Mean number of cells per square pixel."""
        if self.cells_per_field is not None:
            return self.cells_per_field / self.field_px**2
        return CONFLUENT_PER_MM2 * (self.pixel_size_um / 1000) ** 2
