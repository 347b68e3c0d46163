"""Train the network of the learned detector on a pool of samples."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss

from napari_mid.cells.nucleus_net import NucleusNet


def loss_of(maps: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    heat, nucleus, offsets, log_diameter = maps[:, 0], maps[:, 1], maps[:, 2:4], maps[:, 4]
    weight, inside = wanted[:, 5], wanted[:, 1]
    peak = binary_cross_entropy_with_logits(heat, wanted[:, 0], weight=(1 + 15 * wanted[:, 0]) * weight)
    filled = binary_cross_entropy_with_logits(nucleus, inside, weight=weight)
    sure = torch.sigmoid(nucleus)
    dice = 1 - (2 * (sure * inside).sum((1, 2)) + 20) / (sure.sum((1, 2)) + inside.sum((1, 2)) + 20)
    n = (inside * weight).sum() + 1
    moved = (smooth_l1_loss(offsets, wanted[:, 2:4], reduction="none", beta=0.1).sum(1) * inside * weight).sum() / n
    size = ((log_diameter - wanted[:, 4]).abs() * inside * weight).sum() / n
    return 2 * peak + filled + 0.3 * dice.mean() + 2 * moved + 0.5 * size


def turned(images: torch.Tensor, wanted: torch.Tensor, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """One of the eight ways to lay a square, offsets turned with it; brightness and contrast a little otherwise."""
    wanted = wanted.clone()
    if rng.random() < 0.5:
        images, wanted = images.flip(-1), wanted.flip(-1)
        wanted[:, 3] *= -1
    if rng.random() < 0.5:
        images, wanted = images.flip(-2), wanted.flip(-2)
        wanted[:, 2] *= -1
    if rng.random() < 0.5:
        images, wanted = images.transpose(-1, -2), wanted.transpose(-1, -2)
        wanted = wanted[:, [0, 1, 3, 2, 4, 5]]
    gain = torch.from_numpy(rng.normal(1, 0.08, (len(images), 2, 1, 1)).astype(np.float32))
    shift = torch.from_numpy(rng.normal(0, 0.05, (len(images), 2, 1, 1)).astype(np.float32))
    return images * gain + shift, wanted


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pool", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--start", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    o = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(o.threads)
    rng = np.random.default_rng(0)
    pools = [(np.load(f"{p}_x.npy", mmap_mode="r"), np.load(f"{p}_y.npy", mmap_mode="r")) for p in o.pool]
    ends = np.cumsum([len(x) for x, _ in pools])
    net = NucleusNet().to(memory_format=torch.channels_last)
    if o.start:
        net.load_state_dict(torch.load(o.start))
    average = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.995), use_buffers=True
    )
    optimizer = torch.optim.AdamW(net.parameters(), lr=o.rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, o.rate, total_steps=o.steps, pct_start=0.1)
    start, running = time.time(), 0.0
    order = np.empty(0, int)
    for step in range(1, o.steps + 1):
        if len(order) < o.batch:
            order = rng.permutation(ends[-1])
        some, order = np.sort(order[: o.batch]), order[o.batch :]
        parts = [(i - (0 if k == 0 else ends[k - 1]), k) for i in some for k in [int(np.searchsorted(ends, i, side="right"))]]
        images = torch.from_numpy(np.stack([pools[k][0][i] for i, k in parts]).astype(np.float32))
        wanted = torch.from_numpy(np.stack([pools[k][1][i] for i, k in parts]).astype(np.float32))
        images, wanted = turned(images, wanted, rng)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            maps = net(images.contiguous(memory_format=torch.channels_last))
        loss = loss_of(maps.float(), wanted)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        average.update_parameters(net)
        running = 0.98 * running + 0.02 * loss.item() if step > 1 else loss.item()
        if step % 50 == 0:
            print(json.dumps({"step": step, "loss": round(running, 4), "s": round(time.time() - start)}), flush=True)
        if step % 250 == 0 or step == o.steps:
            torch.save(average.module.state_dict(), o.out)


if __name__ == "__main__":
    main()
