"""Nuclei from the maps of the learned detector's network."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from napari_mid.cells.filters import box_mean, sliding_max
from napari_mid.cells.nucleus_net import NUCLEUS_PX, STRIDE

#: A peak of the centre heat at least this high (0 to 1) is a nucleus.
LEAST_HEAT = 0.5
#: A pixel at least this sure (0 to 1) belongs to a nucleus; masks are then as large as those drawn by hand.
LEAST_NUCLEUS = 0.8
#: A pixel that is no surer than this has no weight where the centre of a mask is computed.
WEIGHTLESS = 0.3
#: Of two peaks closer than this part of their mean diameter the lower one goes.
TOO_CLOSE = 0.35
#: An offset that points within this part of a nucleus' diameter of its peak belongs to it.
REACH = 0.5
#: The smallest nucleus, in coarse pixels of its mask.
LEAST_AREA = 2


@dataclass(frozen=True)
class Decoded:
    """Nuclei in the image that the network saw, in its pixels.

    Parameters
    ----------
    centroids
        (N, 2) float64, (y, x).
    diameter_px, confidence, area_px
        (N,) float64: as predicted, 0 to 1, and of the mask.
    labels
        (Y/2, X/2) int64: 0, or the number of the nucleus, from 1.
    """

    centroids: torch.Tensor
    diameter_px: torch.Tensor
    confidence: torch.Tensor
    area_px: torch.Tensor
    labels: torch.Tensor


def decode(maps: torch.Tensor, least_heat: float = LEAST_HEAT) -> Decoded:
    """Find the nuclei in (5, Y/2, X/2) float32 `maps`."""
    heat = torch.sigmoid(maps[0])
    score = 0.5 * (heat + box_mean(heat, 3))
    where = torch.nonzero((score == sliding_max(score, 3)) & (heat > least_heat))
    rows, columns = where[:, 0], where[:, 1]
    offsets = maps[2:4, rows, columns].T * NUCLEUS_PX
    places = where.double() * STRIDE + (STRIDE - 1) / 2 + offsets.double().clamp(-STRIDE * 2, STRIDE * 2)
    diameter = NUCLEUS_PX * torch.exp(maps[4, rows, columns].double().clamp(-2, 2))
    confidence = heat[rows, columns].double()
    kept = _apart(places, diameter, confidence)
    places, diameter, confidence = places[kept], diameter[kept], confidence[kept]
    labels = _assign(maps, places, diameter)
    n = len(places)
    count = torch.bincount(labels.flatten(), minlength=n + 1)[1:]
    # the mask's own centre of mass is steadier than the peak, unless the mask is only a crumb; pixels at its rim count less
    grid = torch.nonzero(labels)
    number = labels[grid[:, 0], grid[:, 1]] - 1
    weight = torch.sigmoid(maps[1][grid[:, 0], grid[:, 1]].double()) - WEIGHTLESS
    total = torch.zeros(n, dtype=torch.float64, device=maps.device).index_add_(0, number, weight)
    middle = torch.zeros((n, 2), dtype=torch.float64, device=maps.device)
    middle.index_add_(0, number, weight[:, None] * (grid.double() * STRIDE + (STRIDE - 1) / 2))
    large = count >= 4
    places = torch.where(large[:, None], middle / total.clamp(min=1e-6)[:, None], places)
    real = count >= LEAST_AREA
    relabel = torch.zeros(n + 1, dtype=torch.int64, device=maps.device)
    relabel[1:][real] = torch.arange(1, int(real.sum()) + 1, device=maps.device)
    return Decoded(places[real], diameter[real], confidence[real], count[real].double() * STRIDE**2, relabel[labels])


def _apart(places: torch.Tensor, diameter: torch.Tensor, confidence: torch.Tensor) -> torch.Tensor:
    """Which peaks stay, as bool: of two that are too close the surer one."""
    kept = torch.ones(len(places), dtype=torch.bool)
    if len(places) < 2:
        return kept
    from scipy.spatial import KDTree

    points, size, sure = places.cpu().numpy(), diameter.cpu().numpy(), confidence.cpu().numpy()
    pairs = KDTree(points).query_pairs(TOO_CLOSE * float(size.max()), output_type="ndarray")
    if not len(pairs):
        return kept
    distance = ((points[pairs[:, 0]] - points[pairs[:, 1]]) ** 2).sum(1) ** 0.5
    pairs = pairs[distance < TOO_CLOSE * 0.5 * (size[pairs[:, 0]] + size[pairs[:, 1]])]
    for one, other in sorted(pairs.tolist(), key=lambda pair: -max(sure[pair[0]], sure[pair[1]])):
        if kept[one] and kept[other]:
            kept[other if sure[one] >= sure[other] else one] = False
    return kept


def _assign(maps: torch.Tensor, places: torch.Tensor, diameter: torch.Tensor) -> torch.Tensor:
    """Give every pixel of a nucleus to the peak that its offset points to."""
    shape = maps.shape[1:]
    labels = torch.zeros(shape, dtype=torch.int64, device=maps.device)
    if not len(places):
        return labels
    nearest = _nearest_peak(places / STRIDE, REACH * diameter / STRIDE, shape)
    inside = torch.nonzero(maps[1] > _logit(LEAST_NUCLEUS))
    rows, columns = inside[:, 0], inside[:, 1]
    # from the middle of the coarse pixel along its offset, in coarse pixels
    target = (inside + maps[2:4, rows, columns].T * (NUCLEUS_PX / STRIDE)).round().long()
    y, x = target[:, 0].clamp(0, shape[0] - 1), target[:, 1].clamp(0, shape[1] - 1)
    labels[rows, columns] = nearest[y, x]
    return labels


def _nearest_peak(places: torch.Tensor, reach: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """(Y, X) int64: the number, from 1, of the peak (N, 2) that is nearest among those within their `reach`, else 0."""
    n, widest = len(places), math.ceil(float(reach.max()))
    steps = torch.arange(-widest, widest + 1, device=places.device)
    rows, columns = (places[:, dim].round().long()[:, None] + steps for dim in (0, 1))
    distance = (rows - places[:, :1]).square()[:, :, None] + (columns - places[:, 1:]).square()[:, None, :]
    there = (distance <= reach.square()[:, None, None]) & (
        ((rows >= 0) & (rows < shape[0]))[:, :, None] & ((columns >= 0) & (columns < shape[1]))[:, None, :]
    )
    place = (rows[:, :, None] * shape[1] + columns[:, None, :])[there]
    # distance first, number second, in one whole number: the least of them is the nearest, the same one on every device
    number = torch.arange(n, device=places.device)[:, None, None].expand_as(there)[there]
    key = (distance[there] * 1024).long() * n + number
    best = torch.full((shape[0] * shape[1],), torch.iinfo(torch.int64).max, device=places.device)
    best.scatter_reduce_(0, place, key, "amin")
    return torch.where(best == torch.iinfo(torch.int64).max, 0, best % n + 1).reshape(tuple(shape))


def _logit(probability: float) -> float:
    return math.log(probability / (1 - probability))
