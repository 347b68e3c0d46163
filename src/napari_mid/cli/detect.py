"""``napari-mid detect``: nuclei of a plate, of one image or of a folder of loose images, as a table."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from napari_mid.cells.device import AUTO
from napari_mid.cells.settings import DetectionSettings
from napari_mid.cli.common import add_plate_options, opened_plate, run_with_bar, warn
from napari_mid.errors import ChannelError, PlateFormatError, PlateNotFoundError, SettingsError, WellError
from napari_mid.plates.urls import is_url, path_or_url
from napari_mid.settings import add_options, from_options

if TYPE_CHECKING:
    from napari_mid.plates.plate import Plate
    from napari_mid.progress import Steps
    from napari_mid.workflow.detect import DetectedFields

EXAMPLE = "napari-mid detect Images/ --nucleus-channel DAPI --wells A01-B06 --out nuclei.csv"

#: So many warnings are shown.
MOST_WARNINGS = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``detect``."""
    parser.add_argument(
        "images",
        type=path_or_url,
        metavar="PLATE_OR_IMAGES",
        help="plate folder, index file or URL, one image, or a folder of loose images",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="CSV file, a row per nucleus")
    parser.add_argument(
        "--masks",
        type=Path,
        metavar="FOLDER",
        help="also write a label image of every field into this folder, named after the nucleus channel's file: a TIFF in which "
        "each nucleus has its own number, for CellProfiler, napari or ImageJ",
    )
    parser.add_argument("--channel", metavar="NAME", help="channel of the plate to look in; the nucleus channel where not given")
    parser.add_argument("--wells", help="wells to look in: A01,B02 or A-D or A01-B06; all where not given")
    parser.add_argument("--device", default=AUTO, help="auto, cpu, cuda or mps (default: auto)")
    add_plate_options(parser, plate_map=False)
    add_options(parser, DetectionSettings)


def run(options: argparse.Namespace) -> None:
    """Locate the nuclei and write the table."""
    from napari_mid.files import atomic_path
    from napari_mid.workflow.detect import nuclei_table

    settings = from_options(DetectionSettings, options)
    plate = _plate(options)
    if plate is not None and not plate.pixel_size_um and settings.diameter_um is not None and settings.diameter_px is None:
        raise SettingsError(
            f"The pixel size of plate {plate.name} is not recorded, so --diameter-um says nothing about its nuclei; give "
            "--diameter-px, or leave it out so that it is estimated."
        )
    detected = run_with_bar(_loose_steps(options, settings) if plate is None else _plate_steps(plate, options, settings))
    _warn_some(detected.warnings)
    with atomic_path(options.out) as temporary:
        nuclei_table(detected).to_csv(temporary, index=False, float_format="%.8g")
    what = "image" if plate is None else "field"
    n_fields = len(detected.fields)
    nuclei = "nucleus" if detected.n_nuclei == 1 else "nuclei"
    print(f"{detected.n_nuclei} {nuclei} in {n_fields} {what}{'s' if n_fields != 1 else ''}: {options.out}")
    if detected.n_twice:
        print(f"left out: {detected.n_twice} that another field of their well shows, too")
    if options.masks is not None:
        print(f"masks: {options.masks}")
    print(f"warnings: {len(detected.warnings) or 'none'}")


def _warn_some(warnings: tuple[str, ...]) -> None:
    """A wrong channel is odd in every well of a plate: nobody reads hundreds of lines."""
    warn(warnings[:MOST_WARNINGS])
    if len(warnings) > MOST_WARNINGS:
        warn([f"{len(warnings) - MOST_WARNINGS} warnings more are not shown; take fewer wells to see them."])


def _plate(options: argparse.Namespace) -> Plate | None:
    """The plate that was given, or None for loose images."""
    if is_url(options.images):
        plate = opened_plate(options.images, options)
        warn(plate.warnings)
        return plate
    if _loose_images(options.images) == [options.images] or _is_loose_folder(options):
        return None
    try:
        plate = opened_plate(options.images, options)
    except (PlateFormatError, PlateNotFoundError):
        if options.pattern or _has_index(options.images) or not _loose_images(options.images):
            raise
        return None
    warn(plate.warnings)
    return plate


def _is_loose_folder(options: argparse.Namespace) -> bool:
    """Whether the names of the images tell no well, so that the table leaves it empty; `open_plate` would put them into one."""
    from napari_mid.plates.formats import file_names

    return not options.pattern and bool(file_names.loose_images(options.images)) and not _has_index(options.images)


def _has_index(folder: Path) -> bool:
    """Whether an index says that this is a plate: then what is wrong with it must be told, not passed over."""
    from napari_mid.plates.formats import file_names, plate_formats

    return any(plate_format.can_read(folder) for plate_format in plate_formats() if plate_format is not file_names)


def _loose_images(path: Path) -> list[Path]:
    """The image itself, or the images of the folder or of its only folder with images, ``img10`` after ``img2``."""
    from napari_mid.plates.folder import is_image, natural_key
    from napari_mid.plates.formats import file_names

    if path.is_file():
        return [path] if is_image(path.name) else []
    if not path.is_dir():
        return []
    names = (entry.name for entry in path.iterdir() if entry.is_file() and not entry.name.startswith("."))
    return [path / name for name in sorted(filter(is_image, names), key=natural_key)] or file_names.loose_images(path)


def _loose_steps(options: argparse.Namespace, settings: DetectionSettings) -> Steps[DetectedFields]:
    from napari_mid.workflow.detect import detect_images_steps

    if options.channel or options.nucleus_channel or options.roles:
        raise ChannelError(f"{options.images} is no plate, so its images have no channels to choose from; leave the channel out.")
    if options.time_point is not None or options.focal_plane is not None or options.flat_field is not None:
        raise SettingsError(
            f"{options.images} is no plate, so there is no choice of how its images are read; leave out --time-point, "
            "--focal-plane and --flat-field."
        )
    if options.wells:
        raise WellError(f"{options.images} is no plate, so there are no wells to choose from; leave out --wells.")
    paths = [path.absolute() for path in _loose_images(options.images)]
    return detect_images_steps(paths, settings=settings, device=options.device, masks=options.masks)


def _plate_steps(plate: Plate, options: argparse.Namespace, settings: DetectionSettings) -> Steps[DetectedFields]:
    from napari_mid.workflow.detect import detect_plate_steps

    channel = plate.channel_index(options.channel) if options.channel else None
    return detect_plate_steps(
        plate,
        plate.select_wells(options.wells),
        channel=channel,
        settings=settings,
        device=options.device,
        masks=options.masks,
    )
