"""Settings of scoring."""

from __future__ import annotations

from dataclasses import dataclass

from napari_mid.settings import setting


@dataclass(frozen=True)
class ScoringSettings:
    """How a bag of cells is scored (mid.md, section 4)."""

    set_size: int = setting(400, "most cells that the Transformer sees at once", low=1)
    n_sets: int = setting(50, "fewest random sets of cells that a score is averaged over", low=1)
    uses_per_cell: int = setting(4, "sets that each cell is in, at least, where more cells than one set holds", low=1)
    seed: int = setting(0, "seed of the random sets", low=0)
    batch_size: int = setting(128, "slices encoded at once", low=1)
