"""What is worked out beside the score, on request: it costs time, and no score depends on it."""

from __future__ import annotations

from dataclasses import dataclass

from napari_mid.inference.measures import measure_names
from napari_mid.settings import setting


@dataclass(frozen=True)
class TrustSettings:
    """Further measures of relevance, and figures that say how far a score and its relevance can be trusted."""

    measures: tuple[str, ...] = setting(
        (), "further measures of relevance, each a column relevance_NAME of cells.parquet", choices=measure_names
    )
    heads: bool = setting(False, "the relevance of every attention head, too: columns relevance_head_1 and so on")
    curves: str | None = setting(
        None, "deletion and insertion curves of every well, ranked by this measure: curves.csv", choices=measure_names
    )
    bootstrap: bool = setting(False, "the bootstrap interval of the score over cells: columns bootstrap_low, bootstrap_high")

    @property
    def all_measures(self) -> tuple[str, ...]:
        """The measures that have to be worked out, each once."""
        return tuple(dict.fromkeys([*self.measures, *([self.curves] if self.curves else [])]))

    @property
    def nothing(self) -> bool:
        """Whether nothing is asked for."""
        return self == TrustSettings()
