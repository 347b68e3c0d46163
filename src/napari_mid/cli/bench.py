"""``napari-mid bench``."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import tempfile
from pathlib import Path
from typing import Any

from napari_mid.cli.common import run_with_bar

EXAMPLE = "napari-mid bench --json > bench.json"

PARTS = ("encoder", "well", "authors", "rescore", "memory")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bench``."""
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts to measure (default: all)")
    parser.add_argument("--repeats", type=int, default=3, help="times that each task takes its turn (default: 3)")
    parser.add_argument("--authors-sets", type=int, default=3, help="of the authors' 50 sets, those really read (default: 3)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="draw the well into this folder, or use the one that is there")


def run(options: argparse.Namespace) -> None:
    """Draw a well, measure each part and print it beside its limit."""
    import torch

    from napari_mid.cells.device import device_label, pick_device
    from napari_mid.workflow.bench import engine
    from napari_mid.workflow.bench.material import drawn_plates, untrained_model
    from napari_mid.workflow.bench.measured import Measured

    device = pick_device(options.device)
    lines: list[Measured] = []
    with tempfile.TemporaryDirectory(prefix="napari-mid-bench-") as temporary:
        small, large = run_with_bar(drawn_plates(options.keep or Path(temporary)))
        model = untrained_model(Path(temporary))
        bench = engine.prepare(small, model, device, options.repeats)
        parts = {
            "encoder": lambda: engine.measure_encoder(bench),
            "well": lambda: engine.measure_well(bench),
            "authors": lambda: engine.measure_authors(bench, options.authors_sets),
            "rescore": lambda: engine.measure_rescore(bench),
            "memory": lambda: engine.measure_memory(small, large, model, device),
        }
        for name in options.only:
            lines += run_with_bar(parts[name]())
    machine = {
        "device": device_label(device),
        "cpu": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    if options.json:
        print(json.dumps({"machine": machine, "measured": [_facts(line) for line in lines]}, indent=2, ensure_ascii=False))
        return
    print(", ".join(f"{name} {value}" for name, value in machine.items()))
    for line in lines:
        print(_text(line))


def _facts(line: Any) -> dict[str, Any]:
    return {**dataclasses.asdict(line), "holds": line.holds}


def _text(line: Any) -> str:
    limit = "" if line.limit is None else f"  ({'at most' if line.at_most else 'at least'} {line.limit:.4g}: "
    verdict = "" if line.limit is None else f"{'holds' if line.holds else 'DOES NOT HOLD'})"
    note = f"  [{line.note}]" if line.note else ""
    return f"{line.name}: {line.value:.4g} {line.unit}{limit}{verdict}{note}"
