"""How many nuclei the detectors find, on images with hand labels, beside a plain scikit-image pipeline in the same run.

    python benchmarks/detection.py --data PATH

``--only-names scripts/nucleus_detector/dsb2018_test.txt`` takes the images that the learned detector was not trained on.

PATH holds `images/*.png` and `labels/*.tif` of the same names, as the nuclei of the Data Science Bowl 2018 (BBBC038) do. A
detection counts when its centre lies in a labelled nucleus that no other detection has taken; the counts are pooled over all
images. The diameter is always estimated from the image. Times are of detection alone, images being in memory; every method sees
every image in turn, so that they share whatever else the machine does. Memory is that of a 2160 x 2160 field in a process of its
own, above the loaded program and its weights.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import tifffile
import torch
from _measuring import in_own_process
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.filters import gaussian, threshold_otsu
from skimage.measure import regionprops
from skimage.segmentation import watershed

from napari_mid.cells.detectors import available, detect_field
from napari_mid.cells.device import device_label, pick_device
from napari_mid.cells.settings import DetectionSettings

#: A small image first, so that weights and libraries are loaded.
LOAD = """
import numpy as np, torch
from napari_mid.cells.detectors import detect_field
from napari_mid.cells.settings import DetectionSettings
settings = DetectionSettings(detector=arguments[0])
tile = np.load(arguments[1])
locate = lambda image: detect_field(image, well="", field=1, settings=settings, device=torch.device("cpu"))
locate(tile[:64, :64])
"""
FIELD = """
repeats = [-(-2160 // side) for side in tile.shape]
result = len(locate(np.tile(tile, repeats)[:2160, :2160].astype(np.uint16)))
"""

Locate = Callable[[NDArray[np.generic]], NDArray[np.float64]]


OURS, PLAIN = "napari-mid ", "scikit-image, Otsu + distance transform"


@dataclass
class Tally:
    """Counts of one method over all images."""

    found: int = 0
    detections: int = 0
    nuclei: int = 0
    pixels: int = 0
    seconds: float = 0.0
    errors_px: list[float] = field(default_factory=list)

    @property
    def recall(self) -> float:
        return self.found / self.nuclei

    @property
    def precision(self) -> float:
        return self.found / max(1, self.detections)

    @property
    def f1(self) -> float:
        return 2 * self.found / (self.nuclei + self.detections)


def taken(centres: NDArray[np.float64], labels: NDArray[np.integer]) -> dict[int, int]:
    """Which detection takes which label: the first whose centre lies in it."""
    hits: dict[int, int] = {}
    for number, (y, x) in enumerate(np.floor(centres + 0.5).astype(int)):
        inside = 0 <= y < labels.shape[0] and 0 <= x < labels.shape[1]
        label = int(labels[y, x]) if inside else 0
        if label and label not in hits:
            hits[label] = number
    return hits


def count(tally: Tally, locate: Locate, image: NDArray[np.generic], labels: NDArray[np.integer]) -> tuple[int, int, int]:
    """Add one image to `tally`; gives (found, detections, nuclei) of it."""
    start = time.perf_counter()
    centres = locate(image)
    tally.seconds += time.perf_counter() - start
    hits = taken(centres, labels)
    names = np.unique(labels[labels > 0])
    true = dict(zip(names.tolist(), ndimage.center_of_mass(labels > 0, labels, names), strict=True))
    tally.errors_px += [float(np.hypot(*(centres[number] - true[label]))) for label, number in hits.items()]
    tally.found += len(hits)
    tally.detections += len(centres)
    tally.nuclei += len(names)
    tally.pixels += image.size
    return len(hits), len(centres), len(names)


def ours(name: str, device: torch.device) -> Locate:
    settings = DetectionSettings(detector=name)
    return lambda image: detect_field(image, well="", field=1, settings=settings, device=device).centroids


def plain(image: NDArray[np.generic]) -> NDArray[np.float64]:
    """Otsu's threshold, peaks of the distance transform, watershed: what most scripts do."""
    smooth = gaussian(image.astype(float), 1)
    foreground = ndimage.binary_fill_holes(smooth > threshold_otsu(smooth))
    distance = gaussian(ndimage.distance_transform_edt(foreground), 1)
    parts, _ = ndimage.label(foreground)
    peaks = peak_local_max(distance, min_distance=5, labels=parts)
    seeds = np.zeros(image.shape, int)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    regions = regionprops(watershed(-distance, seeds, mask=foreground))
    return np.array([region.centroid for region in regions if region.area >= 15]).reshape(-1, 2)


def memory_mb(name: str, image: NDArray[np.generic]) -> float:
    """What the detector `name` needs for a field of 2160 x 2160 pixels made of copies of `image`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tile.npy"
        np.save(path, image)
        return in_own_process(LOAD, FIELD, name, path).above_start_mb


def labelled_images(folder: Path) -> Iterator[tuple[str, NDArray[np.generic], NDArray[np.integer]]]:
    for path in sorted((folder / "images").glob("*.png")):
        image = np.asarray(iio.imread(path))
        yield (
            path.stem,
            image if image.ndim == 2 else image[..., :3].max(axis=-1),
            tifffile.imread(folder / "labels" / f"{path.stem}.tif"),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with images/ and labels/")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--only-names", type=Path, help="file with the names of the images to take, without suffix, a line each")
    parser.add_argument("--worst", type=int, default=0, help="also list so many images with most errors of each method")
    options = parser.parse_args()
    device = pick_device(options.device)
    methods: dict[str, Locate] = {f"{OURS}{name}": ours(name, device) for name in available()}
    methods[PLAIN] = plain
    for locate in methods.values():
        locate(np.zeros((64, 64), np.uint8))  # weights and libraries are loaded once
    tallies = {name: Tally() for name in methods}
    per_image: dict[str, list[tuple[int, str]]] = {name: [] for name in methods}
    wanted = set(options.only_names.read_text().split()) if options.only_names else None
    crowded: tuple[NDArray[np.generic], int] | None = None
    for stem, image, labels in labelled_images(options.data):
        if wanted is not None and stem not in wanted:
            continue
        if crowded is None or labels.max() > crowded[1]:
            crowded = image, int(labels.max())
        for name, locate in methods.items():
            found, detections, nuclei = count(tallies[name], locate, image, labels)
            per_image[name].append(
                (detections + nuclei - 2 * found, f"{stem[:12]} {image.shape}: {found} of {nuclei}, {detections} detections")
            )
    first = next(iter(tallies.values()))
    if crowded is None or not first.nuclei:
        parser.error(f"there are no labelled images in {options.data}, or none of those named")
    print(
        f"{first.nuclei} nuclei, {first.pixels / 1e6:.1f} Mpx, device {device_label(device)}, {torch.get_num_threads()} threads\n"
    )
    print(f"| {'method':<40} | F1     | recall | precision | median centre error | Mpx/s | x scikit-image | MB, 2160 px field |")
    print(f"|{'-' * 42}|--------|--------|-----------|---------------------|-------|----------------|-------------------|")
    for name, tally in tallies.items():
        error = np.median(tally.errors_px) if tally.errors_px else np.nan
        quality = f"{tally.f1:.4f} | {tally.recall:.4f} | {tally.precision:.4f}   "
        speed = f"{tally.pixels / 1e6 / tally.seconds:5.1f} | {tallies[PLAIN].seconds / tally.seconds:14.2f}"
        memory = f"{memory_mb(name.removeprefix(OURS), crowded[0]):17.0f}" if name.startswith(OURS) else " " * 17
        print(f"| {name:<40} | {quality} | {error:.2f} px{'':<13}| {speed} | {memory} |")
    for name in methods if options.worst else ():
        print(f"\n{name}")
        for _, line in sorted(per_image[name], reverse=True)[: options.worst]:
            print(f"  {line}")


if __name__ == "__main__":
    main()
