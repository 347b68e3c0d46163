"""Writes what microscopes write around their images: whole plates of every vendor, with files that are empty or not there."""

from __future__ import annotations

import base64
import csv
import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

#: Names of stains as microscopes spell them, excitation and emission in nm.
STAINS = (
    ("HOECHST 33342", 405, 456),
    ("CM-H2DCFDA", 488, 522),
    ("TMRM", 561, 599),
    ("YOYO-3", 640, 706),
)
PIXEL_UM = 0.6


@dataclass(frozen=True)
class Size:
    """How large a plate is; wells fill its rows from A01 on. `pitch` is the distance of two fields as a part of their edge."""

    wells: int = 384
    fields: int = 9
    channels: int = 4
    edge_px: int = 1080
    pitch: float = 1.0

    @property
    def rows(self) -> int:
        return 16 if self.wells > 96 else 8

    @property
    def columns(self) -> int:
        return 24 if self.wells > 96 else 12

    @property
    def n_images(self) -> int:
        return self.wells * self.fields * self.channels

    def places(self) -> Iterator[tuple[int, int]]:
        """1-based (row, column) of the wells."""
        return (divmod(number, self.columns) for number in range(self.wells))

    def images(self) -> Iterator[tuple[int, int, int, int]]:
        """(row, column, field, channel) of the images, all 1-based."""
        for row, column in self.places():
            for field in range(1, self.fields + 1):
                for channel in range(1, self.channels + 1):
                    yield row + 1, column + 1, field, channel

    def position_um(self, field: int) -> tuple[float, float]:
        """(y, x) of 1-based `field`, y upwards, fields side by side three to a row."""
        row, column = divmod(field - 1, 3)
        step = self.pitch * self.edge_px * PIXEL_UM
        return (1 - row) * step, (column - 1) * step


def letter(row: int) -> str:
    """``"A"`` for row 1."""
    return chr(64 + row)


def touch(folder: Path, names: Iterable[str]) -> None:
    """Make empty files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


# ---------------------------------------------------------------------------------------------------------------- Harmony


def harmony_name(row: int, column: int, field: int, channel: int) -> str:
    return f"r{row:02d}c{column:02d}f{field:02d}p01-ch{channel}sk1fk1fl1.tiff"


def write_harmony(folder: Path, size: Size, *, version: int = 5, flat_field: bool = True) -> Path:
    """Write ``Images/Index.idx.xml`` (``Index.xml`` from version 6 on) with every element that such an index has; gives it.

    In version 5 each image tells all about its channel, later that stands once, in the maps.
    """
    images = folder / "Images"
    images.mkdir(parents=True, exist_ok=True)
    old = version <= 5
    space = "http://www.perkinelmer.com/PEHH/HarmonyV5" if old else f"43B2A954-E3C3-47E1-B392-6635266B0DD3/HarmonyV{version}"
    ids = [(f"{row + 1:02d}{column + 1:02d}", row + 1, column + 1) for row, column in size.places()]
    path = images / ("Index.idx.xml" if old else "Index.xml")
    with path.open("w", encoding="utf-8") as file:
        file.write(
            f'<?xml version="1.0" encoding="utf-8"?>\n<EvaluationInputData Version="1" xmlns="{space}">\n  <User>nobody</User>\n'
            "  <InstrumentType>Phenix</InstrumentType>\n  <Plates>\n    <Plate>\n      <PlateID>benchmark</PlateID>\n"
            "      <MeasurementID>00000000-0000-0000-0000-000000000000</MeasurementID>\n"
            "      <MeasurementStartTime>2026-01-01T12:00:00.0000000-04:00</MeasurementStartTime>\n      <Name>benchmark</Name>\n"
            f"      <PlateTypeName>{size.rows * size.columns} wells</PlateTypeName>\n"
            f"      <PlateRows>{size.rows}</PlateRows>\n      <PlateColumns>{size.columns}</PlateColumns>\n"
        )
        file.writelines(f'      <Well id="{well_id}" />\n' for well_id, _, _ in ids)
        file.write("    </Plate>\n  </Plates>\n  <Wells>\n")
        for well_id, row, column in ids:
            file.write(f"    <Well>\n      <id>{well_id}</id>\n      <Row>{row}</Row>\n      <Col>{column}</Col>\n")
            for field in range(1, size.fields + 1):
                for channel in range(1, size.channels + 1):
                    file.write(f'      <Image id="{well_id}K1F{field}P1R{channel}" />\n')
            file.write("    </Well>\n")
        file.write("  </Wells>\n")
        file.write(_maps(size, flat_field, about_channels=not old))
        file.write("  <Images>\n")
        file.writelines(_harmony_image(size, *key, about_channel=old) for key in size.images())
        file.write("  </Images>\n</EvaluationInputData>\n")
    return path


def _maps(size: Size, flat_field: bool, about_channels: bool) -> str:
    """The maps: flat-field profiles, the long texts of skew and crop, and in later versions what a channel is."""
    noise = random.Random(0)
    skewcrop = base64.encodebytes(noise.randbytes(1000)).decode()
    maps: list[list[str]] = []
    if flat_field:
        maps.append([f"<FlatfieldProfile>{_profile(size, number)}</FlatfieldProfile>" for number in range(size.channels)])
    maps.append([f"<SkewcropParameters>{skewcrop}</SkewcropParameters>" for _ in range(size.channels)])
    if about_channels:
        maps.append([_about_channel(size, number) for number in range(size.channels)])
    text = ""
    for contents in maps:
        numbered = enumerate(contents, start=1)
        entries = "".join(f'      <Entry ChannelID="{n}">\n{content}\n      </Entry>\n' for n, content in numbered)
        text += f"    <Map>\n{entries}    </Map>\n"
    return f"  <Maps>\n{text}  </Maps>\n"


def _profile(size: Size, channel: int) -> str:
    middle = (size.edge_px - 1) / 2
    shape = (
        f"Profile: {{Coefficients: [[1.2], [0.01, -0.02], [-1.{4 - channel}, 0.04, -1.4], [-0.03, 0.07, 0.05, 0.01], "
        f"[-0.7, -0.3, 1.7, 0.1, -0.2]], Dims: [{size.edge_px}, {size.edge_px}], Origin: [{middle}, {middle}], "
        f"Scale: [{1 / size.edge_px:.8g}, {1 / size.edge_px:.8g}], Type: Polynomial}}, Quality: 1.0"
    )
    return (
        f"{{Background: {{Character: NonFlat, Mean: {400 + channel}.5, NoiseConst: 3.1, NonFlatness: {{Corrected: 0.05, "
        f"Original: 0.6, Random: 0.03}}, {shape}}}, Channel: {channel + 1}, ChannelName: {STAINS[channel][0]}, Foreground: "
        f"{{Character: NonFlat, NonFlatness: {{Original: 0.7, Random: 0.04}}, {shape}}}, Version: Acapella:2013}}"
    )


def _about_channel(size: Size, channel: int) -> str:
    name, excitation, emission = STAINS[channel]
    return f"""      <ChannelName>{name}</ChannelName>
      <ImageType>Signal</ImageType>
      <AcquisitionType>NonConfocal</AcquisitionType>
      <IlluminationType>Epifluorescence</IlluminationType>
      <ChannelType>Fluorescence</ChannelType>
      <ImageResolutionX Unit="m">{PIXEL_UM}E-06</ImageResolutionX>
      <ImageResolutionY Unit="m">{PIXEL_UM}E-06</ImageResolutionY>
      <ImageSizeX>{size.edge_px}</ImageSizeX>
      <ImageSizeY>{size.edge_px}</ImageSizeY>
      <BinningX>2</BinningX>
      <BinningY>2</BinningY>
      <MaxIntensity>65535</MaxIntensity>
      <CameraType>AndorZylaCam</CameraType>
      <MainExcitationWavelength Unit="nm">{excitation}</MainExcitationWavelength>
      <MainEmissionWavelength Unit="nm">{emission}</MainEmissionWavelength>
      <ObjectiveMagnification Unit="">20</ObjectiveMagnification>
      <ObjectiveNA Unit="">1</ObjectiveNA>
      <ExposureTime Unit="s">0.01</ExposureTime>
      <OrientationMatrix>[[0.979062,0,0,-8.8],[0,-0.979062,0,39.9],[0,0,1.00,5.671]]</OrientationMatrix>
"""


def _harmony_image(size: Size, row: int, column: int, field: int, channel: int, *, about_channel: bool) -> str:
    y, x = size.position_um(field)
    return f"""    <Image Version="1">
      <id>{row:02d}{column:02d}K1F{field}P1R{channel}</id>
      <State>Ok</State>
      <URL>{harmony_name(row, column, field, channel)}</URL>
      <Row>{row}</Row>
      <Col>{column}</Col>
      <FieldID>{field}</FieldID>
      <PlaneID>1</PlaneID>
      <TimepointID>0</TimepointID>
      <ChannelID>{channel}</ChannelID>
      <FlimID>1</FlimID>
{_about_channel(size, channel - 1) if about_channel else ""}      <PositionX Unit="m">{x:.10g}E-06</PositionX>
      <PositionY Unit="m">{y:.10g}E-06</PositionY>
      <PositionZ Unit="m">-4E-06</PositionZ>
      <AbsPositionZ Unit="m">0.134612903</AbsPositionZ>
      <MeasurementTimeOffset Unit="s">0</MeasurementTimeOffset>
      <AbsTime>2026-01-01T12:{field:02d}:29.363-04:00</AbsTime>
    </Image>
"""


# ------------------------------------------------------------------------------------------------------------ other vendors


def write_imagexpress(folder: Path, size: Size) -> Path:
    """Write an HTD and empty images; gives the HTD."""
    names = (f"plate_{letter(row)}{column:02d}_s{field}_w{channel}.TIF" for row, column, field, channel in size.images())
    touch(folder / "TimePoint_1", names)
    wells = set(size.places())
    lines = ['"HTSInfoFile", Version 1.0', '"Description", "benchmark"', '"PlateType", 2', '"TimePoints", 1', '"ZSeries", FALSE']
    lines += ['"ZSteps", 0', '"ZProjection", TRUE', f'"XWells", {size.columns}', f'"YWells", {size.rows}']
    for row in range(size.rows):
        chosen = ", ".join("TRUE" if (row, column) in wells else "FALSE" for column in range(size.columns))
        lines.append(f'"WellsSelection{row + 1}", {chosen}')
    lines += ['"Sites", TRUE', f'"XSites", {size.fields}', '"YSites", 1', '"SiteSelection1"' + ", TRUE" * size.fields]
    lines += ['"Waves", TRUE', f'"NWavelengths", {size.channels}']
    lines += [f'"WaveName{number}", "{STAINS[number - 1][0]}"' for number in range(1, size.channels + 1)]
    lines += [f'"WaveCollect{number}", 1' for number in range(1, size.channels + 1)]
    path = folder / "plate.HTD"
    path.write_text("\r\n".join([*lines, '"EndFile"', ""]), encoding="cp1252", newline="")
    return path


def write_cellvoyager(folder: Path, size: Size) -> Path:
    """Write the .mlf, .mrf and .mes and empty images; gives the .mlf."""
    folder.mkdir(parents=True, exist_ok=True)
    space = 'xmlns:bts="http://www.yokogawa.co.jp/BTS/BTSSchema/1.0"'
    records = [f'<?xml version="1.0" encoding="utf-8"?>\n<bts:MeasurementData bts:Version="1.0" {space}>']
    for row, column, field, channel in size.images():
        y, x = size.position_um(field)
        name = f"benchmark_{letter(row)}{column:02d}_T0001F{field:03d}L01A{channel:02d}Z01C{channel:02d}.tif"
        records.append(
            '<bts:MeasurementRecord bts:Type="IMG" bts:Time="2026-01-01T12:00:00.000+02:00" '
            f'bts:Column="{column}" bts:Row="{row}" bts:TimePoint="1" bts:FieldIndex="{field}" bts:ZIndex="1" '
            f'bts:TimelineIndex="1" bts:ActionIndex="{channel}" bts:Action="2D" bts:X="{x}" bts:Y="{y}" bts:Z="0.0" '
            f'bts:Ch="{channel}">{name}</bts:MeasurementRecord>'
        )
        (folder / name).touch()
    path = folder / "MeasurementData.mlf"
    path.write_text("\n".join([*records, "</bts:MeasurementData>"]), encoding="utf-8")
    numbers = range(1, size.channels + 1)
    channels = "".join(
        f'<bts:MeasurementChannel bts:Ch="{number}" bts:HorizontalPixelDimension="{PIXEL_UM}" '
        f'bts:VerticalPixelDimension="{PIXEL_UM}" bts:ShadingCorrectionSource="SC_BP{STAINS[number - 1][2]}-45_20x.tif" />'
        for number in numbers
    )
    (folder / "MeasurementDetail.mrf").write_text(
        f'<bts:MeasurementDetail bts:Title="benchmark" bts:RowCount="{size.rows}" bts:ColumnCount="{size.columns}" '
        f'bts:MeasurementSettingFileName="run.mes" {space}>{channels}</bts:MeasurementDetail>'
    )
    settings = "".join(f'<bts:Channel bts:Ch="{number}" bts:Fluorophore="{STAINS[number - 1][0]}" />' for number in numbers)
    (folder / "run.mes").write_text(
        f"<bts:MeasurementSetting {space}><bts:ChannelList>{settings}</bts:ChannelList></bts:MeasurementSetting>"
    )
    return path


def write_load_data(folder: Path, size: Size) -> Path:
    """Write a LoadData CSV, a row for each field, and empty images; gives the CSV."""
    touch(folder / "images", (harmony_name(*key) for key in size.images()))
    path = folder / "load_data.csv"
    names = [name.replace(" ", "_") for name, _, _ in STAINS[: size.channels]]
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(
            [f"{what}_{name}" for name in names for what in ("FileName", "PathName")]
            + ["Metadata_Plate", "Metadata_Well", "Metadata_Site", "Metadata_PositionX", "Metadata_PositionY"]
            + ["Metadata_ImageResolutionX", "Metadata_ImageResolutionY"]
        )
        for row, column in size.places():
            for field in range(1, size.fields + 1):
                y, x = size.position_um(field)
                files = [harmony_name(row + 1, column + 1, field, channel) for channel in range(1, size.channels + 1)]
                about = ["benchmark", f"{letter(row + 1)}{column + 1:02d}", field, x * 1e-6, y * 1e-6]
                table.writerow([text for name in files for text in (name, "images/")] + about + [PIXEL_UM * 1e-6] * 2)
    return path


def write_ome_zarr(folder: Path, size: Size, levels: int = 3) -> Path:
    """Write an OME-Zarr 0.4 plate, a file for each group and array, and for each image an empty one; gives the plate."""
    root = folder / "plate.zarr"
    axes = [{"name": "c", "type": "channel"}] + [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    rows, columns = [letter(row + 1) for row in range(size.rows)], [str(column + 1) for column in range(size.columns)]
    wells = [(rows[row], columns[column], row, column) for row, column in size.places()]
    plate = {
        "name": "benchmark",
        "version": "0.4",
        "rows": [{"name": name} for name in rows],
        "columns": [{"name": name} for name in columns],
        "wells": [{"path": f"{row}/{column}", "rowIndex": y, "columnIndex": x} for row, column, y, x in wells],
    }
    _group(root, {"plate": plate})
    omero = {"channels": [{"label": name, "color": "FFFFFF"} for name, _, _ in STAINS[: size.channels]]}
    for row in {row for row, _, _, _ in wells}:
        _group(root / row, {})
    for row, column, _, _ in wells:
        well = root / row / column
        _group(well, {"well": {"version": "0.4", "images": [{"path": str(field)} for field in range(1, size.fields + 1)]}})
        for field in range(1, size.fields + 1):
            y, x = size.position_um(field)
            datasets = []
            for level in range(levels):
                edge = max(1, size.edge_px >> level)
                scale = {"type": "scale", "scale": [1.0, PIXEL_UM * 2**level, PIXEL_UM * 2**level]}
                datasets.append(
                    {
                        "path": str(level),
                        "coordinateTransformations": [scale, {"type": "translation", "translation": [0.0, -y, x]}],
                    }
                )
                array = {
                    **{"zarr_format": 2, "shape": [size.channels, edge, edge], "chunks": [1, edge, edge], "dtype": "<u2"},
                    **{"compressor": None, "fill_value": 0, "order": "C", "filters": None, "dimension_separator": "/"},
                }
                (well / str(field) / str(level)).mkdir(parents=True)
                (well / str(field) / str(level) / ".zarray").write_text(json.dumps(array))
            for channel in range(size.channels):
                touch(well / str(field) / "0" / str(channel) / "0", ["0"])
            image = {"version": "0.4", "axes": axes, "datasets": datasets}
            _group(well / str(field), {"multiscales": [image], "omero": omero})
    return root


def _group(folder: Path, attributes: dict[str, object]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".zgroup").write_text('{"zarr_format": 2}')
    (folder / ".zattrs").write_text(json.dumps(attributes))
