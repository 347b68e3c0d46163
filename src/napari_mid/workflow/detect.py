"""Nuclei of a well, of a plate, or of loose images, field by field."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_mid.cells.detectors import detect_field
from napari_mid.cells.device import AUTO, pick_device
from napari_mid.cells.duplicates import duplicates_left_out
from napari_mid.cells.field_facts import FieldFacts, field_facts
from napari_mid.cells.nuclei import Nuclei
from napari_mid.cells.plausibility import doubts
from napari_mid.cells.settings import DetectionSettings
from napari_mid.errors import ImageReadError
from napari_mid.images.fields import load_field_channel
from napari_mid.images.well_images import WellImages
from napari_mid.plates.field import Plane
from napari_mid.plates.folder import examples
from napari_mid.plates.formats._loose import image_contents
from napari_mid.plates.pixels import read_plane
from napari_mid.plates.plate import Plate, Well
from napari_mid.progress import Progress, Steps
from napari_mid.workflow.locate import STEP, Look, locate_steps
from napari_mid.workflow.masks import MaskNames, write_masks

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class FieldNuclei:
    """The nuclei of one field or loose image, with the file they were located in.

    Parameters
    ----------
    plate
        Name of the plate, or of the folder of a loose image.
    well
        Empty for a loose image.
    site
        The microscope's number of the field; loose images are counted from 1.
    file
        Name of the nucleus channel's file, the first one where it has several focal planes.
    nuclei
        What was located.
    """

    plate: str
    well: str
    site: int
    file: str
    nuclei: Nuclei


@dataclass(frozen=True)
class DetectedFields:
    """The fields in which nuclei were looked for, and a sentence for each that could not be read.

    `reading` are the columns that say how the plate was read, see `Plate.reading_columns`; `channel` is the name of the channel
    that was looked in, empty for loose images.
    """

    fields: tuple[FieldNuclei, ...]
    warnings: tuple[str, ...] = ()
    reading: Mapping[str, int | str] = dataclass_field(default_factory=dict)
    channel: str = ""

    @property
    def n_twice(self) -> int:
        """Nuclei that were left out because another field of their well shows them, too."""
        return sum(duplicates_left_out({field.site: field.nuclei}) for field in self.fields)

    @property
    def intensity_column(self) -> str:
        """``"Nuclei_Intensity_MeanIntensity_DAPI"``: CellProfiler names the channel at the end, in letters, digits and ``_``."""
        return "_".join(filter(None, ("Nuclei_Intensity_MeanIntensity", re.sub(r"\W+", "_", self.channel).strip("_"))))

    @property
    def n_nuclei(self) -> int:
        """Nuclei in all fields."""
        return sum(len(field.nuclei) for field in self.fields)


def detect_well_steps(
    plate: Plate,
    well: str,
    *,
    images: WellImages | None = None,
    channel: int | None = None,
    settings: DetectionSettings | None = None,
    device: str = AUTO,
    warnings: list[str] | None = None,
    outlines: bool = False,
    masks: bool = False,
) -> Steps[dict[int, Nuclei]]:
    """Locate the nuclei of the fields of `well`; one that several fields show is counted once.

    Parameters
    ----------
    plate, well
        Where to look.
    images
        The well's pixels, where they are in memory already.
    channel
        Index of the channel to look in; the plate's nucleus channel where None.
    settings
        How to look.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"mps"``.
    warnings
        A sentence is added for each field that cannot be read, and for what is odd about the images or the nuclei.
    outlines, masks
        Whether the nuclei have them, too.

    Returns
    -------
    dict
        Field number to its nuclei; a field that cannot be read is left out.

    Raises
    ------
    ChannelError
        If no channel is given and none shows the nucleus.
    ImageReadError
        If no field can be read.
    """
    channel = nucleus_channel(plate) if channel is None else channel
    look = Look(settings or DetectionSettings(), pick_device(device), outlines, masks)
    opened = plate[well]

    def read(number: int) -> NDArray[Any]:
        if images is None:
            return load_field_channel(opened.fields[number], channel)
        image: NDArray[Any] = images.pixels(number, [channel])[0]
        return image

    found = yield from locate_steps(
        opened,
        [number for number in sorted(opened.fields) if images is None or number in images.fields],
        read,
        look,
        pixel_size_um=plate.pixel_size_um,
        channel=plate.channels[channel].name,
        warnings=[] if warnings is None else warnings,
    )
    return found


def detect_plate_steps(
    plate: Plate,
    wells: Sequence[Well],
    *,
    channel: int | None = None,
    settings: DetectionSettings | None = None,
    device: str = AUTO,
    masks: Path | None = None,
) -> Steps[DetectedFields]:
    """Locate the nuclei of several wells; a well of which no field can be read is a warning.

    Parameters
    ----------
    plate, wells, channel, settings, device
        As for `detect_well_steps`.
    masks
        A folder that gets a label image of every field, see `write_masks`.

    Raises
    ------
    ChannelError
        If no channel is given and none shows the nucleus.
    ImageReadError
        If no field of any well can be read.
    """
    channel = nucleus_channel(plate) if channel is None else channel
    found: list[FieldNuclei] = []
    warnings: list[str] = []
    files = _files(wells, channel)
    names = MaskNames(files)
    n_fields, done = sum(len(well.fields) for well in wells), 0
    for well in wells:
        try:
            steps = detect_well_steps(
                plate,
                well.name,
                channel=channel,
                settings=settings,
                device=device,
                warnings=warnings,
                masks=masks is not None,
            )
            nuclei = yield from _within(steps, done, n_fields)
        except ImageReadError as error:
            warnings.append(str(error))
            nuclei = {}
        done += len(well.fields)
        for number, located in nuclei.items():
            if masks is not None:
                located = write_masks(located, masks / names[well.name, number])
            found.append(FieldNuclei(plate.name, well.name, number, files[well.name, number], located))
    if not found:
        reason = warnings[0] if warnings else "its wells have no fields."
        raise ImageReadError(f"No nuclei were looked for in plate {plate.name}: {reason}")
    yield Progress(STEP, n_fields, n_fields)
    return DetectedFields(tuple(found), tuple(warnings), plate.reading_columns(), plate.channels[channel].name)


def detect_images_steps(
    paths: Sequence[Path], *, settings: DetectionSettings | None = None, device: str = AUTO, masks: Path | None = None
) -> Steps[DetectedFields]:
    """Locate the nuclei of loose images, each a field of its own; one that cannot be read is a warning.

    The folder `masks` gets a label image of each where it is given, see `write_masks`.

    Raises
    ------
    ImageReadError
        If none can be read.
    """
    settings = settings or DetectionSettings()
    place = pick_device(device)
    found: list[FieldNuclei] = []
    facts: dict[int, FieldFacts] = {}
    warnings: list[str] = []
    names = MaskNames({("", number): path.name for number, path in enumerate(paths, start=1)})
    stacks: list[str] = []
    unsized: list[str] = []
    for number, path in enumerate(paths, start=1):
        yield Progress(STEP, number - 1, len(paths), path.name)
        try:
            image = read_plane(Plane(path, channel=0))
        except ImageReadError as error:
            warnings.append(str(error))
            continue
        contents = image_contents(path)
        stacks += [path.name] if len(contents.planes) > 1 else []
        unsized += [] if contents.pixel_size_um else [path.name]
        nuclei = detect_field(
            image,
            well="",
            field=number,
            settings=settings,
            pixel_size_um=contents.pixel_size_um,
            device=place,
            masks=masks is not None,
        )
        if masks is not None:
            nuclei = write_masks(nuclei, masks / names["", number])
        facts[number] = field_facts(image)
        found.append(FieldNuclei(path.parent.name, "", number, path.name, nuclei))
    if not found:
        raise ImageReadError(warnings[0] if warnings else "There are no images to look for nuclei in.")
    if stacks:
        warnings.append(
            f"{examples(stacks)}: only the first of several planes was looked at; store the others as images of their own."
        )
    if unsized and settings.diameter_um is not None and settings.diameter_px is None:
        warnings.append(
            f"{examples(unsized)}: the pixel size is not recorded, so the diameter of {settings.diameter_um:g} µm was left aside "
            "and one estimated; set it in pixels."
        )
    warnings += doubts(
        {field.site: field.nuclei for field in found},
        facts,
        names={field.site: field.file for field in found},
        whole=f"all {len(found)} images" if len(found) > 1 else found[0].file,
        wanted_px=settings.diameter_px,
        of_one_well=False,
    )
    yield Progress(STEP, len(paths), len(paths))
    return DetectedFields(tuple(found), tuple(warnings))


def nuclei_table(detected: DetectedFields) -> pd.DataFrame:
    """A row per nucleus, with the columns of the CellProfiler convention.

    Positions are in px, 0-based, at pixel centres; lengths and areas in px. Intensities are those of the files (CellProfiler
    scales them to 0 to 1); their column ends with the channel's name.
    """
    import pandas as pd

    nuclei = [field.nuclei for field in detected.fields]
    counts = [len(field.nuclei) for field in detected.fields]
    centroids = np.concatenate([np.empty((0, 2)), *(field.nuclei.centroids for field in detected.fields)])
    return pd.DataFrame(
        {
            "Metadata_Plate": np.repeat(np.array([field.plate for field in detected.fields], dtype=object), counts),
            "Metadata_Well": np.repeat(np.array([field.well for field in detected.fields], dtype=object), counts),
            "Metadata_Site": np.repeat(np.array([field.site for field in detected.fields], dtype=np.int64), counts),
            "Image_FileName": np.repeat(np.array([field.file for field in detected.fields], dtype=object), counts),
            "Nuclei_Location_Center_X": centroids[:, 1],
            "Nuclei_Location_Center_Y": centroids[:, 0],
            "Nuclei_AreaShape_Area": np.concatenate([np.empty(0), *(found.area_px for found in nuclei)]),
            "Nuclei_AreaShape_EquivalentDiameter": np.concatenate([np.empty(0), *(found.diameter_px for found in nuclei)]),
            detected.intensity_column: np.concatenate([np.empty(0), *(found.mean_intensity for found in nuclei)]),
            **detected.reading,
            **_where_all_tell("Nuclei_TouchesBorder", [found.touches_border for found in nuclei]),
            **_where_all_tell("Nuclei_Confidence", [found.confidence for found in nuclei]),
        }
    )


def _where_all_tell(column: str, values: Sequence[NDArray[Any] | None]) -> dict[str, NDArray[Any]]:
    """A column of what only some detectors and sources tell."""
    known = [value for value in values if value is not None]
    return {column: np.concatenate(known)} if known and len(known) == len(values) else {}


def _files(wells: Sequence[Well], channel: int) -> dict[tuple[str, int], str]:
    """The name of the nucleus channel's file by well and field, the first one where it has several focal planes."""
    planes = {(well.name, number): field.planes_of(channel) for well in wells for number, field in well.fields.items()}
    return {key: found[0].name for key, found in planes.items() if found}


def nucleus_channel(plate: Plate) -> int:
    """The channel that shows the nucleus; on a plate with a single channel it is that one.

    Raises
    ------
    ChannelError
        If there are several and none is known to show it.
    """
    return 0 if len(plate.channels) == 1 else plate.role_index("nucleus")


def _within(steps: Steps[dict[int, Nuclei]], done: int, total: int) -> Steps[dict[int, Nuclei]]:
    """The steps of one well as part of `total` fields of which `done` are finished."""
    while True:
        try:
            progress = next(steps)
        except StopIteration as stop:
            nuclei: dict[int, Nuclei] = stop.value
            return nuclei
        yield Progress(progress.step, done + progress.done, total, progress.detail)
