"""What the embeddings of the training cells looked like, so that cells unlike all of them are noticed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_mid.errors import ModelError

#: What computing in bfloat16 changes in a number of an embedding, as a share of its typical size: 0.005 to 0.05 with the networks
#: tried. Cells that differ by less must not count as far from each other.
ROUNDING = 0.02
#: Fewer cells tell nothing about a cloud of embeddings.
FEWEST_CELLS = 20


@dataclass(frozen=True)
class Reference:
    """The cloud of the training embeddings.

    Parameters
    ----------
    mean
        (D,) of the training cells.
    whitening
        (D, D); ``|whitening @ (x - mean)|`` is the Mahalanobis distance of x, divided by that of the median training cell.
    quantiles
        (101,) percentiles 0 to 100 of the distances of cells that the model knows; the 50th is 1.
    """

    mean: NDArray[np.float64]
    whitening: NDArray[np.float64]
    quantiles: NDArray[np.float64]

    def distances(self, embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
        """(N,) distance of each of the `embeddings` (N, D) from the training cells; that of the median training cell is 1."""
        found: NDArray[np.float64] = np.linalg.norm((embeddings - self.mean) @ self.whitening.T, axis=1)
        return found

    @property
    def far(self) -> float:
        """Distance that 5 % of the training cells exceed."""
        return float(self.quantiles[95])


def fit_reference(embeddings: NDArray[np.float32], unseen: NDArray[np.float32] | None = None) -> Reference | None:
    """Describe the cloud of the training `embeddings` (M, D); None for fewer than `FEWEST_CELLS` cells.

    Parameters
    ----------
    embeddings
        Of cells that the model was trained on. Their correlations are shrunk, since D may be large against M (Ledoit and
        Wolf, J. Multivar. Anal. 88 (2004) 365).
    unseen
        Of held-out cells, where there are: how far cells of the same kind lie is read off those, since a network knows the
        cells it was trained on better than others.
    """
    if len(embeddings) < FEWEST_CELLS:
        return None
    from sklearn.covariance import LedoitWolf

    cells = embeddings.astype(np.float64)
    # shrinking towards a sphere would hide the narrow columns, so all are made equally wide before
    rounding = ROUNDING * np.sqrt((cells**2).mean(axis=0)) + np.finfo(np.float32).tiny
    widths = np.hypot(cells.std(axis=0), rounding)
    covariance = LedoitWolf().fit(cells / widths).covariance_ + np.diag((rounding / widths) ** 2)
    spreads, directions = np.linalg.eigh(covariance)
    cloud = Reference(cells.mean(axis=0), (directions / np.sqrt(spreads)).T / widths, np.zeros(101))
    judged = cloud.distances(embeddings if unseen is None or len(unseen) < FEWEST_CELLS else unseen)
    usual = float(np.median(judged))
    if not usual > 0:
        return None
    return Reference(cloud.mean, cloud.whitening / usual, np.percentile(judged / usual, np.arange(101)))


def write_reference(reference: Reference, path: Path) -> None:
    """Write `reference` as safetensors, float32."""
    from safetensors.numpy import save

    arrays = {"mean": reference.mean, "whitening": reference.whitening, "quantiles": reference.quantiles}
    path.write_bytes(save({name: np.ascontiguousarray(array, dtype=np.float32) for name, array in arrays.items()}))


def read_reference(path: Path, width: int) -> Reference:
    """Read what `write_reference` wrote, for embeddings of length `width`.

    Raises
    ------
    ModelError
        If the file is damaged or belongs to another model.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    shapes = {"mean": (width,), "whitening": (width, width), "quantiles": (101,)}
    try:
        arrays = {name: array.astype(np.float64) for name, array in load_file(path).items()}
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read ({' '.join(str(error).split())[:150]}); delete it to go without.") from error
    if {name: array.shape for name, array in arrays.items()} != shapes or not all(np.isfinite(a).all() for a in arrays.values()):
        raise ModelError(f"{path} does not belong to a model with embeddings of length {width}; delete it to go without.")
    return Reference(**arrays)
