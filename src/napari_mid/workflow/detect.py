"""Nuclei of a well or a plate, field by field."""

from __future__ import annotations

from napari_mid.cells.detectors import detect_field
from napari_mid.cells.device import AUTO, pick_device
from napari_mid.cells.nuclei import Nuclei
from napari_mid.cells.settings import DetectionSettings
from napari_mid.errors import ImageReadError
from napari_mid.images.well_images import WellImages
from napari_mid.plates.plate import Plate
from napari_mid.progress import Progress, Steps


def detect_well_steps(
    plate: Plate,
    well: str,
    *,
    images: WellImages | None = None,
    channel: int | None = None,
    settings: DetectionSettings | None = None,
    device: str = AUTO,
) -> Steps[dict[int, Nuclei]]:
    """Locate the nuclei of the fields of `well`.

    Parameters
    ----------
    images
        The well's pixels, where they are in memory already.
    channel
        Index of the channel to look in; the plate's nucleus channel where None.

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
    settings = settings or DetectionSettings()
    channel = plate.role_index("nucleus") if channel is None else channel
    place = pick_device(device)
    fields = plate[well].fields
    found: dict[int, Nuclei] = {}
    first_error: ImageReadError | None = None
    for done, (number, field) in enumerate(sorted(fields.items())):
        yield Progress("locating nuclei", done, len(fields), field.key)
        if images is not None:
            if number not in images.fields:
                continue
            image = images.fields[number][channel]
        else:
            try:
                image = field.load_channel(channel)
            except ImageReadError as error:
                first_error = first_error or error
                continue
        found[number] = detect_field(
            image, well=well, field=number, settings=settings, pixel_size_um=plate.pixel_size_um, device=place
        )
    if not found and first_error is not None:
        raise first_error
    yield Progress("locating nuclei", len(fields), len(fields), f"{sum(map(len, found.values()))} nuclei")
    return found
