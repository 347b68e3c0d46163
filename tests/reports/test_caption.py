import datetime

import pytest

from napari_mid.reports.caption import DEMO_MODEL, SIMULATED_IMAGES, Caption, condition_text, score_text

NAN = float("nan")


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        ({"compound": "Alfuzosin", "concentration": 3.33, "unit": "uM", "role": "sample"}, "Alfuzosin 3.33 µM"),
        (
            {"compound": "Wortmannin", "concentration": 150, "unit": "nM", "role": "positive_control"},
            "Wortmannin 150 nM, positive control",
        ),
        ({"compound": None, "concentration": 0, "unit": "nM", "role": "negative_control"}, "negative control"),
        ({"compound": NAN, "concentration": NAN, "unit": NAN, "role": NAN}, ""),
        ({"compound": "DMSO", "concentration": None}, "DMSO"),
        ({"compound": "X", "concentration": "1e-3", "unit": None}, "X 0.001"),
        ({"compound": "X", "concentration": "low"}, "X"),
        ({"genotype": "WT"}, "genotype WT"),
        ({}, ""),
    ],
)
def test_condition(condition, text):
    assert condition_text(condition) == text


def test_score_comes_with_its_interval_and_call():
    assert score_text(0.874, 0.82, 0.913, "positive", "toxic") == "score 0.87 for toxic (95 % interval 0.82–0.91), call positive"
    assert score_text(0.9634, 0.9612, 0.9648, "positive") == "score 0.963 (95 % interval 0.961–0.965), call positive"
    assert score_text(0.5, NAN, NAN, "") == "score 0.50"
    assert score_text(NAN, NAN, NAN, "no cells") == "no cells"


def _text(caption: Caption) -> str:
    return "\n".join(line.text for line in caption.lines())


def test_lines_name_plate_well_condition_score_model_and_date():
    caption = Caption(
        plate="0412",
        well="B05",
        condition={"compound": "Alfuzosin", "concentration": 3.33, "unit": "µM"},
        task="hERG inhibition",
        score=0.87,
        score_low=0.82,
        score_high=0.91,
        call="positive",
        n_cells=3912,
        model_name="hERG v1",
        model_hash="a1b2c3d4e5f6",
        date=datetime.date(2026, 11, 22),
        region="part of the well",
    )
    assert _text(caption) == (
        "Plate 0412 · well B05 · Alfuzosin 3.33 µM · part of the well\n"
        "hERG inhibition: score 0.87 (95 % interval 0.82–0.91), call positive · 3,912 cells\n"
        "model hERG v1, version a1b2c3d4 · 2026-11-22"
    )


def test_simulated_model_and_plate_are_said_in_a_line_that_stands_out():
    caption = Caption("P", "A01", score=0.5, model_simulated=True, plate_simulated=True)
    assert [line.text for line in caption.lines() if line.kind == "caution"] == [f"{DEMO_MODEL} · {SIMULATED_IMAGES}"]
    assert DEMO_MODEL == "Demo model, simulated cells"
    assert not [line for line in Caption("P", "A01", score=0.5).lines() if line.kind == "caution"]


def test_wells_without_cells_or_score_show_no_number():
    assert "no cells" in _text(Caption("P", "A01", score=NAN, call="no cells"))
    assert "nan" not in _text(Caption("P", "A01", score=NAN, call="no cells"))
    assert "not scored" in _text(Caption("P", "A01"))


def test_own_columns_of_the_plate_map_speak_where_there_is_no_compound() -> None:
    assert condition_text({"genotype": "Null", "well": "B07", "note": None}) == "genotype Null"
    assert condition_text({"genotype": "Null", "compound": "DMSO"}) == "DMSO"


def test_a_model_that_is_called_one_is_not_called_so_twice() -> None:
    assert "model demo model" not in _text(Caption("P", "A01", score=0.5, model_name="demo model (cardiotox), simulated cells"))
    assert "model herg_model" in _text(Caption("P", "A01", score=0.5, model_name="herg_model"))


def test_a_well_that_is_not_called_is_said_to_be_so_once():
    assert score_text(0.69, 0.16, 1.0, "no call") == "score 0.69 (95 % interval 0.16–1.00), no call"
    assert score_text(0.69, 0.6, 0.8, "positive").endswith(", call positive")
