from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_mid.cli.main import main


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    folder = tmp_path / "my plate"
    folder.mkdir()
    for row in "AB":
        for column in (1, 2):
            for wavelength in (1, 2):
                tifffile.imwrite(folder / f"x_{row}{column:02d}_s1_w{wavelength}.tif", np.zeros((4, 4), np.uint8))
    (folder / "plate_map.csv").write_text("well,compound,concentration,unit,role\nA1,Taxol,5,nM,sample\nA2,,,,negcon\n")
    return folder


def info(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict[str, Any]:
    assert main(["info", *map(str, arguments), "--json"]) == 0
    facts: dict[str, Any] = json.loads(capsys.readouterr().out)
    return facts


def test_json_has_what_the_interface_promises(plate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = info(capsys, plate, "--nucleus-channel", "w2")
    assert (facts["name"], facts["format"], facts["rows"], facts["columns"]) == ("my plate", "File names", 2, 3)
    assert facts["pixel_size_um"] is None
    assert [(channel["name"], channel["role"], channel["wavelength_nm"]) for channel in facts["channels"]] == [
        ("w1", "other", None),
        ("w2", "nucleus", None),
    ]
    assert facts["wells"]["A01"] == {
        "compound": "Taxol",
        "concentration": 5,
        "concentration_um": 0.005,
        "unit": "nM",
        "role": "sample",
        "fields": [1],
    }
    assert facts["wells"]["B02"] == {"fields": [1]}
    assert (facts["n_images"], facts["missing_files"], facts["simulated"]) == (8, [], False)
    assert any("plate_map.csv" in warning for warning in facts["warnings"])


def test_the_summary_is_for_people(plate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(plate)]) == 0
    out, err = capsys.readouterr()
    assert "4 with images: A01-B02" in out
    assert "compounds Taxol" in out
    assert "1 negative control" in out
    assert err.startswith("warning: 2 of the 4 wells")
    assert len(out.splitlines()) < 12


def test_no_pixel_is_read(plate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in plate.glob("*.tif"):
        path.write_bytes(b"not an image")
    assert info(capsys, plate)["n_images"] == 8


def test_a_given_plate_map_and_pattern(plate: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    other = tmp_path / "other.tsv"
    other.write_text("Metadata_Well\tlabel\n" + "".join(f"{well}\tx\n" for well in ("A1", "A2", "B1", "B2")))
    facts = info(capsys, plate, "--plate-map", other, "--pattern", "x_{well}_s{site}_w{channel}.tif")
    assert facts["wells"]["B01"] == {"label": "x", "fields": [1]}
    assert [channel["name"] for channel in facts["channels"]] == ["1", "2"]
    assert facts["warnings"] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["nowhere"],
        ["my plate", "--plate-map", "nowhere.csv"],
        ["my plate", "--roles", "w9=nucleus"],
        ["my plate", "--roles", "w1=nukleus"],
        ["my plate", "--pattern", "{site}"],
        ["."],
    ],
)
def test_bad_input_is_one_line_and_status_1(
    plate: Path, arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(plate.parent)
    (plate.parent / "second").mkdir()
    os.link(plate / "x_A01_s1_w1.tif", plate.parent / "second" / "x_A01_s1_w1.tif")
    assert main(["info", *arguments]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("napari-mid info: ")
    assert err.count("\n") == 1


def test_info_needs_neither_torch_nor_napari(plate: Path) -> None:
    code = (
        "import sys; from napari_mid.cli.main import main; status = main(['info', sys.argv[1], '--json']);"
        "sys.exit(status or sorted({'torch', 'napari', 'qtpy', 'matplotlib', 'skimage'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(plate)], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr


def test_real_plates(real_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = info(capsys, real_data / "harmony_v7_index")
    assert (facts["n_images"], len(facts["missing_files"])) == (7, 7)
    assert facts["wells"] == {"A01": {"fields": [1]}}
    assert facts["channels"][5] == {"name": "HOECHST 33342", "role": "nucleus", "wavelength_nm": 456.0, "excitation_nm": 405.0}
    facts = info(capsys, real_data / "bbbc013")
    assert facts["wells"]["A03"]["compound"] == "Wortmannin"
    assert facts["wells"]["A03"]["fields"] == [1]
