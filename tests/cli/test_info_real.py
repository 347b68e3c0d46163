"""What `napari-mid info --json` says of each folder of real data, beside what lxml, tifffile, zarr and plain text say."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tifffile
from lxml import etree

from napari_mid.cli.main import main

Facts = dict[str, Any]


def harmony(folder: Path) -> Facts:
    tree = etree.parse(next(folder.glob("Index*.xml")))

    def texts(path: str, node: Any = tree) -> list[str]:
        steps = "/".join(f"*[local-name()='{step}']" for step in path.split("/"))
        return [str(found.text) for found in node.xpath(f".//{steps}")]

    channels: dict[int, Facts] = {}
    for tag in ("Entry", "Image"):
        for node in tree.xpath(f"//*[local-name()='{tag}']"):
            names = texts("ChannelName", node)
            if names:
                channel = int(node.get("ChannelID") or texts("ChannelID", node)[0])
                wavelengths = [float(texts(f"Main{kind}Wavelength", node)[0]) for kind in ("Emission", "Excitation")]
                channels[channel] = {
                    "name": names[0],
                    "wavelength_nm": wavelengths[0] or None,
                    "excitation_nm": wavelengths[1],
                    "role": "nucleus" if "HOECHST" in names[0] else "other",
                }
    wells: dict[str, set[int]] = {}
    for row, column, field in zip(*(texts(f"Image/{tag}") for tag in ("Row", "Col", "FieldID")), strict=True):
        wells.setdefault(f"{chr(64 + int(row))}{int(column):02d}", set()).add(int(field))
    urls = texts("URL")
    return {
        "name": texts("Plate/Name")[0],
        "format": "Harmony",
        "rows": int(texts("PlateRows")[0]),
        "columns": int(texts("PlateColumns")[0]),
        "pixel_size_um": pytest.approx(float(texts("ImageResolutionX")[0]) * 1e6),
        "channels": [channels[number] for number in sorted(channels)],
        "wells": {name: sorted(fields) for name, fields in wells.items()},
        "n_images": len(urls),
        "missing_files": [url for url in urls if not (folder / url).exists()],
        "time_points": sorted({int(text) for text in texts("TimepointID")}) if (folder / urls[0]).exists() else [],
    }


def metaseries(path: Path) -> dict[str, str]:
    return dict(re.findall(r'<prop id="([^"]*)"[^>]* value="([^"]*)"', tifffile.tiffcomment(path)))


def imagexpress(folder: Path) -> Facts:
    with next(folder.glob("*.HTD")).open(encoding="latin-1", newline="") as file:
        htd = {row[0]: row[1:] for row in csv.reader(file, skipinitialspace=True)}
    wells = [
        f"{chr(64 + row)}{column:02d}"
        for row in range(1, int(htd["YWells"][0]) + 1)
        for column, flag in enumerate(htd[f"WellsSelection{row}"], 1)
        if flag == "TRUE"
    ]
    sites = list(range(1, int(htd["XSites"][0]) * int(htd["YSites"][0]) + 1))
    numbers = range(1, int(htd["NWavelengths"][0]) + 1)
    times = range(1, int(htd["TimePoints"][0]) + 1)
    there = {path.relative_to(folder).as_posix(): metaseries(path) for path in folder.rglob("*.TIF")}
    site = (lambda number: f"_s{number}") if len(sites) > 1 else (lambda _: "")
    wave = (lambda number: f"_w{number}") if len(numbers) > 1 else (lambda _: "")
    declared = [
        f"TimePoint_{time}/9987_{well}{site(number)}{wave(wavelength)}.TIF"
        for time in times for well in wells for number in sites for wavelength in numbers
    ]  # fmt: skip
    emission = {number: [about for name, about in there.items() if name.endswith(f"{wave(number)}.TIF")] for number in numbers}
    return {
        "name": folder.name,
        "format": "ImageXpress",
        "rows": int(htd["YWells"][0]),
        "columns": int(htd["XWells"][0]),
        "pixel_size_um": float(next(iter(there.values()))["spatial-calibration-x"]),
        "channels": [
            {
                "name": htd[f"WaveName{number}"][0],
                "wavelength_nm": float(emission[number][0]["wavelength"]),
                "excitation_nm": None,
                "role": "nucleus" if htd[f"WaveName{number}"][0] == "DAPI" else "other",
            }
            for number in numbers
            if emission[number]
        ],
        "wells": dict.fromkeys(wells, sites),
        "n_images": len(declared),
        "missing_files": [name for name in declared if name not in there],
        "time_points": sorted({int(name.split("/")[0].split("_")[1]) for name in there}),
    }


def cellvoyager(folder: Path) -> Facts:
    bts = "{http://www.yokogawa.co.jp/BTS/BTSSchema/1.0}"
    detail = etree.parse(folder / "MeasurementDetail.mrf").getroot()
    records = etree.parse(folder / "MeasurementData.mlf").findall(f"{bts}MeasurementRecord")
    settings = {node.get(f"{bts}Ch"): node for node in etree.parse(next(folder.glob("*.mes"))).iter(f"{bts}Channel")}
    wells: dict[str, set[int]] = {}
    for record in records:
        well = f"{chr(64 + int(record.get(f'{bts}Row')))}{int(record.get(f'{bts}Column')):02d}"
        wells.setdefault(well, set()).add(int(record.get(f"{bts}FieldIndex")))
    used = sorted({record.get(f"{bts}Ch") for record in records})
    bands = {number: re.fullmatch(r"BP(\d+)/\d+", settings[number].get(f"{bts}Acquisition")) for number in used}
    return {
        "name": detail.find(f"{bts}MeasurementSamplePlate").get(f"{bts}Name"),
        "format": "CellVoyager",
        "rows": int(detail.get(f"{bts}RowCount")),
        "columns": int(detail.get(f"{bts}ColumnCount")),
        "pixel_size_um": float(detail.find(f"{bts}MeasurementChannel").get(f"{bts}HorizontalPixelDimension")),
        "channels": [
            {
                "name": f"C{int(number):02d}",
                "wavelength_nm": float(band[1]),
                "excitation_nm": float(settings[number].get(f"{bts}Target")),
                # no fluorophore is recorded: the blue one is taken for DNA
                "role": "nucleus" if band[1] == "445" else "other",
            }
            for number, band in bands.items()
            if band is not None
        ],
        "wells": {name: sorted(fields) for name, fields in wells.items()},
        "n_images": len(records),
        "missing_files": [record.text for record in records if not (folder / record.text).exists()],
        "focal_planes": sorted({int(record.get(f"{bts}ZIndex")) for record in records}),
    }


def ome_zarr(folder: Path) -> Facts:
    import zarr

    group = zarr.open_group(folder, mode="r")
    about: Any = group.attrs["plate"]
    wells, n_images = {}, 0
    for well in about["wells"]:
        images: Any = group[well["path"]].attrs["well"]
        wells[well["path"].replace("/", "")] = [int(image["path"]) for image in images["images"]]
        for image in images["images"]:
            n_images += group[f"{well['path']}/{image['path']}/0"].shape[0]
    image = group[f"{about['wells'][0]['path']}/0"]
    multiscale: Any = image.attrs["multiscales"]
    omero: Any = image.attrs["omero"]
    labels = [channel["label"] for channel in omero["channels"]]
    # the third has the name of the first
    names = [label if label not in labels[:index] else f"{label} (C{index + 1:02d})" for index, label in enumerate(labels)]
    return {
        "name": about["name"],
        "format": "OME-Zarr",
        "rows": len(about["rows"]),
        "columns": len(about["columns"]),
        "pixel_size_um": multiscale[0]["datasets"][0]["coordinateTransformations"][0]["scale"][-1],
        "channels": [{"name": name, "role": "other"} for name in names],
        "wells": wells,
        "n_images": n_images,
        "missing_files": [],
    }


def bbbc013(folder: Path) -> Facts:
    parts = [path.stem.split("-") for path in folder.glob("*.tif")]
    return {
        "name": folder.name,
        "format": "File names",
        "rows": 8,
        "columns": 12,
        "pixel_size_um": None,
        "channels": [{"name": name, "role": "other", "wavelength_nm": None} for name in sorted({part[0] for part in parts})],
        "wells": {f"{row}{column}": [1] for row, column in sorted({(part[2], part[3]) for part in parts})},
        "n_images": len(parts),
        "missing_files": [],
    }


def metaxpress_sparse(folder: Path) -> Facts:
    parts = {path: path.stem.split("_")[1:] for path in sorted(folder.glob("*.TIF"))}
    about = {part[2]: metaseries(path) for path, part in parts.items()}
    return {
        "name": folder.name,
        "format": "File names",
        "rows": 2,
        "columns": 3,
        "pixel_size_um": float(about["w1"]["spatial-calibration-x"]),
        "channels": [
            {"name": name, "wavelength_nm": float(about[name]["wavelength"]), "role": role}
            for name, role in (("w1", "nucleus"), ("w3", "other"))
        ],
        "wells": {well: [int(site[1:])] for well, site, _ in parts.values()},
        "n_images": len(parts),
        "missing_files": [],
    }


def cellpainting_nf1(folder: Path) -> Facts:
    parts = [path.stem.split("_") for path in (folder / "images").glob("*.tif")]
    dyes = dict(sorted((int(part[2]), part[4]) for part in parts))
    return {
        "name": folder.name,
        "format": "File names",
        "rows": 8,
        "columns": 12,
        "pixel_size_um": None,
        "channels": [{"name": dye, "role": "nucleus" if dye == "DAPI" else "other"} for dye in dyes.values()],
        "wells": {f"{part[0][0]}{int(part[0][1:]):02d}": [int(part[3])] for part in sorted(parts)},
        "n_images": len(parts),
        "missing_files": [],
    }


def cellpainting_jump(folder: Path) -> Facts:
    names = [path.name for path in sorted(folder.glob("*.tiff"))]
    return {
        "name": folder.name,
        "format": "File names",
        "rows": 2,
        "columns": 3,
        "pixel_size_um": None,
        "channels": [{"name": found[0], "role": "other"} for name in names if (found := re.findall(r"ch\d", name))],
        "wells": {"A01": [1]},
        "n_images": len(names),
        "missing_files": [],
    }


def nuclei_dsb2018(folder: Path) -> Facts:
    images = list((folder / "images").glob("*.png"))
    return {
        "name": folder.name,
        "format": "Loose images",
        "pixel_size_um": None,
        "channels": [{"name": "Channel1"}],
        "wells": {"A01": list(range(1, len(images) + 1))},
        "n_images": len(images),
        "missing_files": [],
    }


FOLDERS: dict[str, tuple[Callable[[Path], Facts], str | None]] = {
    "bbbc013": (bbbc013, None),
    "harmony_phenix_v5": (harmony, "Index.idx.xml"),
    "harmony_v7_index": (harmony, "Index.xml"),
    "imagexpress/9987_Plate_3420": (imagexpress, "9987.HTD"),
    "imagexpress/9987_Plate_3435": (imagexpress, "9987.HTD"),
    "metaxpress_sparse": (metaxpress_sparse, None),
    "yokogawa_cv8000": (cellvoyager, "MeasurementData.mlf"),
    "omezarr_hcs.zarr": (ome_zarr, ".zattrs"),
    "cellpainting_nf1": (cellpainting_nf1, None),
    "cellpainting_jump": (cellpainting_jump, None),
    "nuclei_dsb2018": (nuclei_dsb2018, None),
}


def info(capsys: pytest.CaptureFixture[str], plate: str | Path) -> Facts:
    assert main(["info", str(plate), "--json"]) == 0
    facts: Facts = json.loads(capsys.readouterr().out)
    return facts


@pytest.mark.parametrize("name", FOLDERS)
def test_every_real_folder(
    name: str, real_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    by_other_means, index = FOLDERS[name]
    folder = real_data / name
    facts, expected = info(capsys, folder), by_other_means(folder)
    channels, wells = expected.pop("channels"), expected.pop("wells")
    assert {key: facts[key] for key in expected} == expected
    assert [{key: told[key] for key in channel} for told, channel in zip(facts["channels"], channels, strict=True)] == channels
    assert {well: about["fields"] for well, about in facts["wells"].items()} == wells

    monkeypatch.chdir(folder.parent)
    assert info(capsys, f"{folder.name}/") == facts, "a relative path with a slash at its end"
    if index is not None:
        assert info(capsys, folder / index) == facts, "the index itself"
    (tmp_path / folder.name).symlink_to(folder)
    assert info(capsys, tmp_path / folder.name) == facts, "a link to the folder"
