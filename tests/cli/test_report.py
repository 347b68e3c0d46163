"""The whole way from image files to the report, on a small plate and with a small untrained model."""

import imageio.v3 as iio
import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_mid.cli.main import main

NUCLEI = [(20, 30), (60, 70), (100, 40), (30, 100), (110, 110)]


def _write_plate(folder):
    """Three wells of two channels, 128 x 128 px; A02 shows no cell, and A03 cannot be read."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    yy, xx = np.mgrid[:128, :128]
    for number in (1, 2, 3):
        image = rng.integers(8, 12, (2, 128, 128)).astype(np.uint8)
        for y, x in NUCLEI if number != 2 else []:
            image[1] += (180 * np.exp(-((yy - y) ** 2 + (xx - x) ** 2) / 30)).astype(np.uint8)
            image[0] += (60 * np.exp(-((yy - y) ** 2 + (xx - x) ** 2) / 90)).astype(np.uint8)
        for channel in (1, 2):
            path = folder / f"Channel{channel}-{number:02d}-A-{number:02d}.tif"
            tifffile.imwrite(path, image[channel - 1])
            if number == 3:
                path.write_bytes(path.read_bytes()[:500])
    (folder / "plate_map.csv").write_text(
        "well,compound,concentration,unit,role\nA1,Alfuzosin,3.33,uM,sample\nA2,,0,uM,negative_control\n"
    )
    return folder


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory):
    import torch

    from napari_mid.model.config import ModelChannel, ModelConfig
    from napari_mid.model.folder import save_model
    from napari_mid.model.network import MidModel

    torch.manual_seed(0)
    config = ModelConfig(
        "tiny",
        "hERG inhibition",
        ("safe", "toxic"),
        (ModelChannel("Channel1", "other"), ModelChannel("Channel2", "nucleus")),
        slice_px=32,
        nucleus_channel="Channel2",
        backbone="resnet10t",
        width=16,
        heads=8,
        simulated=True,
    )
    card, folder = "# Tiny\nKnows nothing.\n\n![calibration](plot.png)\n", tmp_path_factory.mktemp("model") / "tiny"
    return save_model(MidModel(config), folder, card=card, metrics={}, files={"plot.png": b"a picture"})


@pytest.fixture(scope="module")
def plate_folder(tmp_path_factory):
    return _write_plate(tmp_path_factory.mktemp("plate") / "images")


def _run(plate, model, out, *more):
    return main(["report", str(plate), "--model", str(model), "--out", str(out), "--device", "cpu", "--width-px", "500", *more])


@pytest.fixture(scope="module")
def written(plate_folder, model_folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "report"
    status = _run(plate_folder, model_folder, out, "--wells", "A01,A02,A03", "--plate-map", str(plate_folder / "plate_map.csv"))
    assert status == 0
    return out


def test_every_file_is_there_and_nothing_half_written(written):
    assert sorted(path.name for path in written.iterdir()) == [
        "A01_annotated.png",
        "A01_card.png",
        "A01_gallery.png",
        "A02_annotated.png",
        "A02_card.png",
        "A02_gallery.png",
        "plate_scores.png",
        "report.html",
        "report.pdf",
        "wells.csv",
    ]
    for path in written.glob("*.png"):
        assert iio.imread(path).shape[1] == 500
    pdf = (written / "report.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    drawn, in_words = 7, 2
    assert pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") == drawn + in_words


def test_the_table_has_a_row_per_well(written):
    table = pd.read_csv(written / "wells.csv").set_index("Metadata_Well")
    assert table.loc["A01", "n_cells"] == len(NUCLEI)
    assert 0 <= table.loc["A01", "score"] <= 1
    assert table.loc["A01", "compound"] == "Alfuzosin"
    assert table.loc["A02", "call"] == "no cells"
    assert np.isnan(table.loc["A02", "score"])
    assert "Channel1-03-A-03.tif" in table.loc["A03", "warnings"]


def test_the_report_says_what_must_be_said(written):
    html = (written / "report.html").read_text(encoding="utf-8")
    for words in (
        "Research use only",
        "Demo model, simulated cells",
        "Alfuzosin 3.33 µM",
        "no cells",
        "Knows nothing.",
        'alt="calibration"',
        "tiny",
        "Channel1-03-A-03.tif",
    ):
        assert words in html


def test_dots_lie_on_the_cells(plate_folder, model_folder):
    from napari_mid.images.intensity import estimate_intensity_range
    from napari_mid.images.well_images import load_well
    from napari_mid.model.folder import load_model
    from napari_mid.plates import open_plate
    from napari_mid.progress import finish
    from napari_mid.reports.settings import ReportSettings
    from napari_mid.workflow.contract import fit
    from napari_mid.workflow.report_pictures import PictureSource, well_view
    from napari_mid.workflow.score_well import score_well

    model = load_model(model_folder)
    plate = open_plate(plate_folder, roles={"Channel2": "nucleus"})
    result = score_well(plate["A01"], model, device="cpu")
    intensity = finish(estimate_intensity_range(plate))
    source = PictureSource.of(fit(plate, model), model, intensity, ReportSettings())
    view = well_view(source, result, finish(load_well(plate["A01"])))
    assert np.abs(view.points[np.lexsort(view.points.T[::-1])] - sorted(NUCLEI)).max() < 1
    assert np.array_equal(view.relevance, result.cells["relevance"])
    assert view.channels == (("Channel1", source.colours[0]), ("Channel2", source.colours[1]))


def test_pdf_can_be_left_out(plate_folder, model_folder, tmp_path):
    assert _run(plate_folder, model_folder, tmp_path / "out", "--wells", "A01", "--no-pdf", "--gallery-rows", "2") == 0
    assert not (tmp_path / "out" / "report.pdf").exists()
    assert (tmp_path / "out" / "report.html").exists()


def test_errors_are_one_line_and_leave_nothing(plate_folder, model_folder, tmp_path, capsys):
    out = tmp_path / "out"
    assert _run(plate_folder, tmp_path / "nowhere", out, "--wells", "A01") == 1
    assert _run(plate_folder, model_folder, out, "--wells", "A03") == 1
    assert _run(plate_folder, model_folder, out, "--wells", "H12") == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("napari-mid report:")]
    assert len(errors) == 3
    assert "Traceback" not in "".join(errors)
    assert not out.exists()


def test_the_size_of_the_figures_is_checked(plate_folder, model_folder, tmp_path, capsys):
    arguments = [
        "report",
        str(plate_folder),
        "--model",
        str(model_folder),
        "--out",
        str(tmp_path),
        "--wells",
        "A01",
        "--width-px",
        "20",
    ]
    assert main(arguments) == 1
    assert "width_px is 20" in capsys.readouterr().err


def test_stopping_half_way_leaves_no_half_written_file(plate_folder, model_folder, tmp_path):
    from napari_mid.model.folder import load_model
    from napari_mid.plates import open_plate
    from napari_mid.reports.settings import ReportSettings
    from napari_mid.workflow.report import report_steps

    plate = open_plate(plate_folder, roles={"Channel2": "nucleus"})
    steps = report_steps(
        plate,
        plate.select_wells("A01,A02"),
        load_model(model_folder),
        tmp_path,
        settings=ReportSettings(width_px=500),
        device="cpu",
    )
    while not (tmp_path / "A01_gallery.png").exists():
        next(steps)
    steps.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "A01_annotated.png",
        "A01_card.png",
        "A01_gallery.png",
        "plate_scores.png",
    ]


def test_plate_maps_and_controls_are_options(plate_folder, model_folder, tmp_path, capsys):
    arguments = ["--wells", "A01", "--plate-map", str(plate_folder / "plate_map.csv"), "--no-pdf"]
    assert _run(plate_folder, model_folder, tmp_path / "with", *arguments, "--plate-maps", "score", "role", "cell count") == 0
    assert "1 of 1 wells, 1 beside them to compare with" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "with").glob("plate_*")} == {
        "plate_scores.png",
        "plate_role.png",
        "plate_cell_count.png",
    }
    assert _run(plate_folder, model_folder, tmp_path / "without", *arguments, "--no-controls") == 0
    assert "1 of 1 wells:" in capsys.readouterr().out
    assert len(pd.read_csv(tmp_path / "without" / "wells.csv")) == 1
