"""Make the learned detector's weights and card: draw samples, train in rounds, measure on the images kept apart.

    python scripts/nucleus_detector/make.py --data PATH/TO/nuclei_dsb2018

Less than an hour on two CPU cores. The weights that ship were made so, but of their samples the first 5,000 were drawn without
cell bodies, grain and black frames, and the first 15,000 without light of other planes and within 0.4 to 2.6 times the network's
scale, so that a new run gives nearly the same. The images that are kept apart stand in ``dsb2018_test.txt``; nothing is trained
on them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import save_file

from napari_mid.cells.nucleus_net import weights_path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
#: (samples, seed of the samples, steps, highest learning rate) of each round; a round goes on with all samples drawn so far.
ROUNDS = ((21_000, 4, 7000, 3e-3),)

CARD = """# Nucleus detector

A U-Net of {parameters:,} parameters, see `cells/nucleus_net.py`; float16 weights, {size:.1f} MB. Made by
`scripts/nucleus_detector/make.py`.

**Trained on** crops of {n_train} hand-labelled fluorescence images (Data Science Bowl 2018 stage 1, BBBC038, CC0, with the
corrections of K. Lopuhin) and on drawn nuclei, about three to two, with blur, noise, haze, debris, uneven light and saturation,
at 0.35 to 4 times the scale at which it works.

**Measured on** the {n_test} images of that set that were kept apart (`dsb2018_test.txt`). A detection counts when its centre lies
in a labelled nucleus that no other has taken; pooled over the images (`benchmarks/detection.py --only-names`):

{table}

**Limits**: bright nuclei on a darker background, 6 to 250 px across; not for brightfield, H&E, or stains that are no nuclear
stain. Fragments, rings and fibres about as bright as nuclei can be taken for nuclei.
"""


def run(script: Path, *arguments: object) -> str:
    command = [sys.executable, str(script), *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with images/ and labels/")
    parser.add_argument("--weights", type=Path, help="do not train: take these weights, a state dict of torch")
    options = parser.parse_args()
    kept_apart = (HERE / "dsb2018_test.txt").read_text().split()
    names = sorted({path.stem for path in (options.data / "images").glob("*.png")} - set(kept_apart))
    out = weights_path()
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "train.txt").write_text("\n".join(names))
        weights, pools = options.weights, []
        for number, (samples, seed, steps, rate) in enumerate(ROUNDS if weights is None else ()):
            pools.append(here / f"pool{number}")
            run(
                HERE / "pool.py",
                *("--data", options.data, "--names", here / "train.txt", "--n", samples, "--seed", seed, "--out", pools[-1]),
            )
            start = () if weights is None else ("--start", weights)
            trained = here / f"net{number}.pt"
            run(HERE / "train.py", "--pool", *pools, "--out", trained, "--steps", steps, "--rate", rate, *start)
            weights = trained
        state = torch.load(weights, weights_only=True)
    out.parent.mkdir(exist_ok=True)
    save_file({name: (value.half() if value.is_floating_point() else value).contiguous() for name, value in state.items()}, out)
    out.chmod(0o644)
    table = run(ROOT / "benchmarks" / "detection.py", "--data", options.data, "--only-names", HERE / "dsb2018_test.txt")
    card = CARD.format(
        parameters=sum(value.numel() for value in state.values()),
        size=out.stat().st_size / 1e6,
        n_train=len(names),
        n_test=len(kept_apart),
        table=table[table.index("|") :].strip(),
    )
    out.with_name("card.md").write_text(card, encoding="utf-8")
    print(card)


if __name__ == "__main__":
    main()
