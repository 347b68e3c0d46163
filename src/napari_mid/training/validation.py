"""A quick look at bags that are not trained on, while training: their loss and AUROC."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from napari_mid.model.network import MidModel
from napari_mid.training.bags import LabelledBags
from napari_mid.training.precision import autocast
from napari_mid.training.slices import as_float

#: Cells that a look reads of all bags together, at most, and of one bag.
MOST_CELLS, MOST_OF_A_BAG = 4096, 100
#: Fewer of a bag say too little, even where bags are many.
FEWEST_OF_A_BAG = 12
#: Slices encoded at once.
AT_ONCE = 128


@dataclass(frozen=True)
class Look:
    """What a look at the held-out bags found after `step` steps: cross-entropy in nats, and AUROC, NaN for a single class."""

    step: int
    loss: float
    auroc: float


class Validation:
    """Looks at the same random cells of the bags where `chosen` is true, each bag as one set.

    Parameters
    ----------
    bags, chosen
        All bags, and (bags,) which of them are looked at; those without cells are passed over.
    seed
        Of the cells.
    precision
        As the training's.
    """

    def __init__(self, bags: LabelledBags, chosen: NDArray[np.bool_], seed: int, precision: str) -> None:
        rng = np.random.default_rng(seed)
        cells = {bag: bags.cells_of(bag) for bag in np.flatnonzero(chosen).tolist()}
        members = [bag for bag, of_bag in cells.items() if len(of_bag)]
        each = int(np.clip(MOST_CELLS // max(len(members), 1), FEWEST_OF_A_BAG, MOST_OF_A_BAG))
        self._cells = [np.sort(rng.permutation(cells[bag])[:each]) for bag in members]
        self._slices = bags.slices
        self._labels = bags.labels[members] if members else np.empty(0, dtype=np.int64)
        self._precision = precision

    def __len__(self) -> int:
        return len(self._cells)

    @torch.inference_mode()
    def look(self, model: MidModel, step: int, device: torch.device) -> Look:
        """What the model says now; it is left in the mode that it was in."""
        training = model.training
        model.eval()
        logits = torch.stack([model.read_sets(self._embeddings(model, cells, device))[0][0].double() for cells in self._cells])
        model.train(training)
        log_shares = torch.log_softmax(logits, dim=1).cpu().numpy()
        loss = -float(log_shares[np.arange(len(self)), self._labels].mean())
        return Look(step, loss, macro_auroc(self._labels, np.exp(log_shares)))

    def _embeddings(self, model: MidModel, cells: NDArray[np.int64], device: torch.device) -> torch.Tensor:
        parts = []
        for start in range(0, len(cells), AT_ONCE):
            slices = as_float(self._slices.read(cells[start : start + AT_ONCE]).to(device))
            with autocast(device, self._precision):
                parts.append(model.encode(slices).float())
        return torch.cat(parts)[None]


def macro_auroc(labels: NDArray[np.int64], probabilities: NDArray[np.float64]) -> float:
    """AUROC of two classes, or the mean of every class against the rest; NaN where a class is absent.

    Parameters
    ----------
    labels
        (N,) numbers of the classes.
    probabilities
        (N, K).
    """
    from sklearn.metrics import roc_auc_score

    n_classes = probabilities.shape[1]
    if len(np.unique(labels)) < n_classes:
        return math.nan
    asked = [1] if n_classes == 2 else range(n_classes)
    return float(np.mean([roc_auc_score(labels == number, probabilities[:, number]) for number in asked]))
