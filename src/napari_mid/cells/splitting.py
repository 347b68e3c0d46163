"""Cutting touching nuclei apart: small basins are joined again where together they look more like one nucleus than apart.

The basins of a surface form a tree: neighbours join in the order of the passes between them, the highest first. Every node of
the tree is a candidate for one nucleus, judged by how well an ellipse fits it. The best set of candidates that do not overlap is
found from the leaves upwards.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from napari_mid.cells.label_map import LabelMap
from napari_mid.cells.regions import Regions

#: Columns of the sums over the pixels of a candidate.
AREA, Y, X, YY, YX, XX, INTENSITY = range(7)
#: How strongly a bad ellipse fit counts: two touching discs fill 0.89 of their common ellipse, half a disc 0.95, an ellipse 1.
FIT_POWER = 8
#: Natural logarithm of the factor by which areas of nuclei spread; wide, so that a wrong diameter does little harm.
AREA_SPREAD = 1.0


@dataclass(frozen=True)
class Leaves:
    """The basins that a tree is built from.

    Parameters
    ----------
    sums
        (N, 7) float64, the columns above.
    pairs
        (M, 2) int64, basins that touch, (i, j) with i < j.
    passes
        (M,) float64, the highest point of the surface where they touch.
    numbers
        (Y, X) int64, 0 or the number of the basin, from 1.
    """

    sums: NDArray[np.float64]
    pairs: NDArray[np.int64]
    passes: NDArray[np.float64]
    numbers: torch.Tensor


def split(labels: torch.Tensor, surface: torch.Tensor, image: torch.Tensor, diameter_px: float) -> Regions:
    """Join basins into nuclei of about `diameter_px`.

    Parameters
    ----------
    labels
        (Y, X) int64, basins; 0 is background.
    surface
        (Y, X) float32, the surface the basins are of.
    image
        (Y, X) float32, for the mean intensities.
    """
    leaves = measure_basins(labels, surface, image)
    sums, candidate_of = best_candidates(leaves, math.pi / 4 * diameter_px**2)
    area = sums[:, AREA]
    label_map = LabelMap(leaves.numbers, np.concatenate([[-1], candidate_of]), len(sums))
    return Regions(sums[:, [Y, X]] / area[:, None], area, sums[:, INTENSITY] / area, label_map=label_map)


def measure_basins(labels: torch.Tensor, surface: torch.Tensor, image: torch.Tensor) -> Leaves:
    """Sum over the pixels of every basin, and find which basins touch and how high the pass between them is."""
    where = torch.nonzero(labels)
    rows, columns = where[:, 0], where[:, 1]
    names, inverse = torch.unique(labels[rows, columns], return_inverse=True)
    # sums of whole numbers below 2**53 are exact in float64, whatever the order in which a GPU adds them
    y, x = rows.double(), columns.double()
    weights = (torch.ones_like(y), y, x, y * y, y * x, x * x, image[rows, columns].double())
    sums = torch.stack([torch.bincount(inverse, weights=weight, minlength=len(names)) for weight in weights], dim=1)
    number = torch.zeros(labels.shape, dtype=torch.int64, device=labels.device)
    number[rows, columns] = inverse + 1
    pairs, heights = [], []
    for dim in (0, 1):
        size = labels.shape[dim] - 1
        one, other = number.narrow(dim, 0, size), number.narrow(dim, 1, size)
        touching = (one != other) & (one > 0) & (other > 0)
        one, other = one[touching] - 1, other[touching] - 1
        pairs.append(torch.minimum(one, other) * len(names) + torch.maximum(one, other))
        heights.append(torch.minimum(surface.narrow(dim, 0, size)[touching], surface.narrow(dim, 1, size)[touching]))
    codes, place = torch.unique(torch.cat(pairs), return_inverse=True)
    passes = torch.full(codes.shape, -math.inf, device=surface.device).scatter_reduce(0, place, torch.cat(heights), "amax")
    both = torch.stack([codes // max(1, len(names)), codes % max(1, len(names))], dim=1)
    return Leaves(sums.cpu().numpy(), both.cpu().numpy(), passes.double().cpu().numpy(), number)


def best_candidates(leaves: Leaves, area_px: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The candidates that together fit best for nuclei of about `area_px`: their sums (N, 7), and the candidate of each basin."""
    sums = list(leaves.sums)
    merit = [_merit(candidate, area_px) for candidate in sums]
    chosen = [[node] for node in range(len(sums))]
    parent = list(range(len(sums)))
    halves: list[tuple[int, int]] = []
    for pair in np.argsort(-leaves.passes, kind="stable"):
        one, other = (_top(parent, int(leaf)) for leaf in leaves.pairs[pair])
        if one == other:
            continue
        node = len(sums)
        sums.append(sums[one] + sums[other])
        together, apart = _merit(sums[node], area_px), merit[one] + merit[other]
        merit.append(max(together, apart))
        chosen.append([node] if together >= apart else chosen[one] + chosen[other])
        parent[one] = parent[other] = node
        parent.append(node)
        halves.append((one, other))
    nodes = [node for top in range(len(sums)) if parent[top] == top for node in chosen[top]]
    candidate_of = np.full(len(sums), -1, dtype=np.int64)
    candidate_of[nodes] = np.arange(len(nodes))
    # a node is younger than its halves, so what is below a candidate learns of it from the top downwards
    for node in range(len(sums) - 1, len(leaves.sums) - 1, -1):
        if candidate_of[node] >= 0:
            candidate_of[list(halves[node - len(leaves.sums)])] = candidate_of[node]
    candidates = np.stack([sums[node] for node in nodes]) if nodes else np.empty((0, 7))
    return candidates, candidate_of[: len(leaves.sums)]


def _merit(sums: NDArray[np.float64], area_px: float) -> float:
    """Area times how much a candidate looks like a nucleus, 0 to 1."""
    area, y, x, yy, yx, xx = (float(value) for value in sums[:INTENSITY])
    # a pixel is a square, not a point: its own variance is 1/12
    var_y, var_x = yy / area - (y / area) ** 2 + 1 / 12, xx / area - (x / area) ** 2 + 1 / 12
    covariance = yx / area - y * x / area**2
    # the ellipse that has the same second moments
    ellipse = 4 * math.pi * math.sqrt(max(var_y * var_x - covariance**2, 1e-12))
    return area * min(1.0, area / ellipse) ** FIT_POWER * math.exp(-0.5 * (math.log(area / area_px) / AREA_SPREAD) ** 2)


def _top(parent: list[int], node: int) -> int:
    """The topmost node above `node`; shortens the path for the next time."""
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node
