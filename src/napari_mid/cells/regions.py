"""Regions of a label image, measured on the device."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Regions:
    """What a detector found in one image.

    Parameters
    ----------
    centroids
        (N, 2) float64, (y, x) in pixels of the image that was given.
    area_px, mean_intensity
        (N,) float64.
    """

    centroids: torch.Tensor
    area_px: torch.Tensor
    mean_intensity: torch.Tensor

    def __len__(self) -> int:
        return len(self.centroids)


def measure(labels: torch.Tensor, image: torch.Tensor) -> Regions:
    """Area, centre and mean intensity of every region of `labels`.

    Parameters
    ----------
    labels
        (Y, X) int64; 0 is background, the other values need not be consecutive.
    image
        (Y, X) float32.
    """
    where = torch.nonzero(labels)
    _, inverse = torch.unique(labels[where[:, 0], where[:, 1]], return_inverse=True)
    n = int(inverse.max()) + 1 if len(inverse) else 0
    # summed on the CPU: there the order of the additions is fixed, on a GPU it changes from run to run
    where, inverse = where.cpu(), inverse.cpu()
    values = image.cpu()[where[:, 0], where[:, 1]].to(torch.float64)
    area = torch.bincount(inverse, minlength=n).to(torch.float64)
    rows, columns, total = (
        torch.bincount(inverse, weights=weights, minlength=n) / area
        for weights in (where[:, 0].to(torch.float64), where[:, 1].to(torch.float64), values)
    )
    return Regions(torch.stack([rows, columns], dim=1), area, total)
