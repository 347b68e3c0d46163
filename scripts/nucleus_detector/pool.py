"""Draw a pool of training samples in parallel: normalised images (N, 2, S, S) float16 and targets (N, 6, S/2, S/2) float16."""

from __future__ import annotations

import argparse
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import torch
from samples import CROP, read_labelled, sample, targets

from napari_mid.cells.nucleus_maps import normalise

_images: list = []
_weights = np.empty(0)


def _start(folder: Path, names: list[str]) -> None:
    global _images, _weights
    torch.set_num_threads(1)
    _images = read_labelled(folder, names)
    # few large images would outweigh many small ones of another kind, and the reverse
    kinds = [one.image.shape for one in _images]
    _weights = np.array([kinds.count(kind) ** -0.5 for kind in kinds])
    _weights /= _weights.sum()


def _one(seed: int):
    rng = np.random.default_rng(seed)
    image, labels = sample(_images, _weights, rng)
    return normalise(torch.from_numpy(image)).half().numpy(), targets(labels).astype(np.float16)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--names", type=Path, required=True)
    parser.add_argument("--n", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    o = parser.parse_args()
    names = o.names.read_text().split()
    X = np.lib.format.open_memmap(f"{o.out}_x.npy", "w+", np.float16, (o.n, 2, CROP, CROP))
    Y = np.lib.format.open_memmap(f"{o.out}_y.npy", "w+", np.float16, (o.n, 6, CROP // 2, CROP // 2))
    with Pool(2, _start, (o.data, names)) as pool:
        for i, (x, y) in enumerate(pool.imap(_one, range(o.seed * 10**6, o.seed * 10**6 + o.n), chunksize=16)):
            X[i], Y[i] = x, y


if __name__ == "__main__":
    main()
