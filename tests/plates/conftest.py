"""Small plates written for a test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import tifffile

Image = dict[str, object]

NAMESPACES = {
    "V1": "http://www.perkinelmer.com/PEHH/HarmonyV1",
    "V5": "http://www.perkinelmer.com/PEHH/HarmonyV5",
    "V6": "http://www.perkinelmer.com/PEHH/HarmonyV6",
    "V7": "43B2A954-E3C3-47E1-B392-6635266B0DD3/HarmonyV7",
}


def _element(name: str, value: object, unit: str | None = None) -> str:
    attribute = "" if unit is None else f' Unit="{unit}"'
    return f"<{name}{attribute}>{value}</{name}>"


def index_xml(images: Sequence[Image], *, version: str, instrument: str, declared: Sequence[str], size: tuple[int, int]) -> str:
    """The text of a Harmony index; from V7 on channels are described once, in the maps."""
    channels = {
        1: ("HOECHST 33342", 456, 405),
        2: ("TMRM", 599, 561),
        3: ("488 long", 522, 488),
    }

    def about(channel: int) -> str:
        name, emission, excitation = channels[channel]
        return (
            _element("ChannelName", name)
            + _element("ImageResolutionX", "5.98E-07", "m")
            + _element("MainExcitationWavelength", excitation, "nm")
            + _element("MainEmissionWavelength", emission, "nm")
        )

    in_maps = version >= "V7"
    body = []
    for image in images:
        defaults: Image = {"Row": 1, "Col": 1, "FieldID": 1, "PlaneID": 1, "TimepointID": 0, "ChannelID": 1, "x": 0, "y": 0}
        values = {**defaults, **image}
        x, y = values.pop("x"), values.pop("y")
        text = "".join(_element(name, value) for name, value in values.items())
        text += _element("PositionX", x, "m") + _element("PositionY", y, "m")
        body.append(f"<Image>{text}{'' if in_maps else about(int(str(values['ChannelID'])))}</Image>")
    maps = "".join(f'<Entry ChannelID="{channel}">{about(channel)}</Entry>' for channel in channels) if in_maps else ""
    wells = "".join(f'<Well id="{well}" />' for well in declared)
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<EvaluationInputData xmlns="{NAMESPACES[version]}">'
        f"<InstrumentType>{instrument}</InstrumentType>"
        f"<Plates><Plate><PlateID>id</PlateID><Name>my plate</Name><PlateRows>{size[0]}</PlateRows>"
        f"<PlateColumns>{size[1]}</PlateColumns>{wells}</Plate></Plates>"
        f"<Maps><Map>{maps}</Map></Maps><Images>{''.join(body)}</Images></EvaluationInputData>"
    )


@pytest.fixture
def write_harmony(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a Harmony plate with 8 x 8 px images and gives the path of its index."""

    def write(
        images: Sequence[Image],
        *,
        version: str = "V5",
        instrument: str = "Phenix",
        declared: Sequence[str] = (),
        size: tuple[int, int] = (8, 12),
        files: bool = True,
        folder: str = "plate/Images",
        index: str = "Index.idx.xml",
    ) -> Path:
        home = tmp_path / folder
        home.mkdir(parents=True)
        path = home / index
        path.write_text(
            index_xml(images, version=version, instrument=instrument, declared=declared, size=size), encoding="utf-8-sig"
        )
        for number, image in enumerate(images):
            if files:
                tifffile.imwrite(home / str(image["URL"]), np.full((8, 8), number, dtype=np.uint16))
        return path

    return write


@pytest.fixture
def write_images(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes 6 x 6 px images with the given names and gives their folder."""

    def write(*names: str, folder: str = "plate") -> Path:
        home = tmp_path / folder
        home.mkdir(parents=True, exist_ok=True)
        for number, name in enumerate(names):
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(home / name, np.full((6, 6), number, dtype=np.uint8))
        return home

    return write
