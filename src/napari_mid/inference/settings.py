"""Settings of scoring."""

from __future__ import annotations

from dataclasses import dataclass

from napari_mid.settings import setting

#: "float16" is for GPUs alone.
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
ENGINES = ("torch", "openvino")


@dataclass(frozen=True)
class ScoringSettings:
    """How a bag of cells is scored (mid.md, section 4)."""

    set_size: int = setting(400, "most cells that the Transformer sees at once", low=1)
    n_sets: int = setting(50, "fewest random sets of cells that a score is averaged over", low=1)
    uses_per_cell: int = setting(4, "sets that each cell is in, at least, where more cells than one set holds", low=1)
    seed: int = setting(0, "seed of the random sets", low=0)
    fewest_cells: int = setting(12, "a well with fewer cells is not called; 12 is the size of a training set in the paper", low=1)
    rescale: bool = setting(
        False, "resample the fields to the pixel size that the model was trained with, where the plate's is another"
    )
    exclude_border: bool = setting(False, "leave cells out whose slice reaches over the border of their field")
    exclude_out_of_focus: bool = setting(False, "leave cells out that are far less sharp than the others of their well")
    stop_at_se: float | None = setting(
        None,
        "read no more sets once the standard error of the score over the sets is below this; all sets where not given",
        low=0,
    )
    precision: str = setting(
        "auto",
        "numbers that the network computes with; auto is bfloat16 where that is faster and changes no score by more than 0.005, "
        "else float32",
        choices=PRECISIONS,
        expert=True,
    )
    engine: str = setting(
        "torch",
        "what computes the embeddings; openvino is faster on CPUs, where it is installed",
        choices=ENGINES,
        expert=True,
    )
    batch_size: int | None = setting(None, "slices encoded at once; what suits the device where not given", low=1, expert=True)
