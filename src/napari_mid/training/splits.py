"""Which bags are held out: whole groups (compounds, or wells), never part of one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_mid.training.bags import LabelledBags


def held_out_bags(bags: LabelledBags, share: float, seed: int) -> NDArray[np.bool_]:
    """Choose the validation bags, as (bags,) bool.

    Of every class, about `share` of its groups are held out: at least one where the class has three or more, and never all. A
    group whose bags have different labels (a compound that is toxic at high doses only) stays on one side as a whole.
    """
    rng = np.random.default_rng(seed)
    groups = np.array(bags.groups)
    # a group counts for the class of its first bag
    first_label = {group: int(bags.labels[int(np.flatnonzero(groups == group)[0])]) for group in dict.fromkeys(bags.groups)}
    held: set[str] = set()
    for label in range(len(bags.classes)):
        of_class = [group for group, first in first_label.items() if first == label]
        count = min(round(share * len(of_class)), len(of_class) - 1)
        if share > 0 and len(of_class) >= 3:
            count = max(count, 1)
        held.update(str(group) for group in rng.permutation(of_class)[: max(count, 0)])
    return np.isin(groups, sorted(held))
