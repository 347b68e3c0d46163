"""Cells of a well: encoded once, kept where asked, left out where asked."""

import contextlib
import json
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch

from napari_mid.cells.slices import FieldSlices
from napari_mid.cli import main
from napari_mid.inference import encoder as encoding
from napari_mid.inference.embedding_cache import EmbeddingCache
from napari_mid.inference.settings import ScoringSettings
from napari_mid.model.folder import load_model, save_model
from napari_mid.model.network import MidModel
from napari_mid.plates import open_plate
from napari_mid.plates.plate import Plate
from napari_mid.workflow.encode_well import Clock, in_batches
from napari_mid.workflow.field_store import FieldStore
from napari_mid.workflow.score_well import score_well


@pytest.fixture
def plate(disc_plate: Path) -> Plate:
    plate = open_plate(disc_plate)
    return plate.with_roles(dict(zip(plate.channel_names, ("nucleus", "ros"), strict=True)))


@pytest.fixture
def model(small_model: MidModel, tmp_path: Path) -> MidModel:
    return load_model(save_model(small_model, tmp_path / "model", card="", metrics={}))


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many slices went through the encoder, call by call."""
    calls: list[int] = []
    run = encoding.Encoder.__call__

    def counted(self: encoding.Encoder, slices: torch.Tensor) -> torch.Tensor:
        calls.append(len(slices))
        return run(self, slices)

    monkeypatch.setattr(encoding.Encoder, "__call__", counted)
    return calls


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_well_that_is_known_is_not_encoded_again(
    plate: Plate, model: MidModel, tmp_path: Path, encoded: list[int], dtype: str
) -> None:
    cache = EmbeddingCache(tmp_path / "cache", dtype)
    plain = score_well(plate["A01"], model)
    first = score_well(plate["A01"], model, cache=cache)
    assert sum(encoded) == 18
    again = score_well(plate["A01"], model, cache=EmbeddingCache(tmp_path / "cache", dtype))
    assert sum(encoded) == 18
    assert again.score == first.score
    assert again.score == pytest.approx(plain.score, abs=1e-3)
    pd.testing.assert_frame_equal(again.cells, first.cells)
    # other sets of the same cells are read from what is kept, too
    score_well(plate["A01"], model, cache=cache, settings=ScoringSettings(seed=5, set_size=4))
    assert sum(encoded) == 18


def test_other_images_models_and_settings_are_encoded(
    plate: Plate, model: MidModel, small_model: MidModel, tmp_path: Path, encoded: list[int], disc_plate: Path
) -> None:
    cache = EmbeddingCache(tmp_path / "cache")
    score_well(plate["A01"], model, cache=cache)
    score_well(plate["A02"], model, cache=cache)
    score_well(plate["A01"], model, cache=cache, settings=ScoringSettings(precision="float32"))
    assert sum(encoded) == 27
    with torch.no_grad():
        small_model.head.weight.mul_(2)
    other = load_model(save_model(small_model, tmp_path / "other", card="", metrics={}))
    score_well(plate["A01"], other, cache=cache)
    assert sum(encoded) == 36
    # a model that is not from a folder may change: it is never looked up
    score_well(plate["A01"], small_model, cache=cache)
    assert sum(encoded) == 45


def test_the_command_keeps_embeddings_and_leaves_cells_out(disc_plate: Path, model: MidModel, tmp_path: Path) -> None:
    for path in disc_plate.glob("discs_A01_*.tif"):
        tifffile.imwrite(path, tifffile.imread(path)[8:, 8:])
    cache = tmp_path / "cache"
    common = [str(disc_plate), "--model", str(model.path), "--roles", "w1=nucleus", "w2=ros", "--wells", "A01"]
    common += ["--plate-map", str(disc_plate / "plate_map.csv")]
    for name, more in (("all", []), ("inner", ["--exclude-border"])):
        assert main(["score", *common, "--out", str(tmp_path / name), "--cache", str(cache), *more]) == 0
    assert len(list(cache.rglob("*.safetensors"))) == 1
    wells = {name: pd.read_csv(tmp_path / name / "wells.csv").iloc[0] for name in ("all", "inner")}
    cells = pd.read_parquet(tmp_path / "inner" / "cells.parquet")
    border = cells["touches_border"].to_numpy()
    assert 0 < border.sum() < 9, "discs at 12 px and slices of 32 px"
    assert (wells["all"]["n_cells"], wells["all"]["n_excluded"]) == (9, 0)
    assert (wells["inner"]["n_cells"], wells["inner"]["n_excluded"]) == (9 - border.sum(), border.sum())
    assert "as asked" in wells["inner"]["warnings"]
    assert np.array_equal(cells["excluded"], border)
    assert cells["relevance"].isna().tolist() == border.tolist()
    record = json.loads((tmp_path / "inner" / "run.json").read_text())["settings"]
    assert record["scoring"]["exclude_border"] is True
    assert record["precision"] == ["as kept"]


def test_fields_are_read_once_and_again_where_they_do_not_fit(plate: Plate, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_mid.workflow import field_store

    read: list[str] = []
    load = field_store.load_field

    def counted(field: object, channels: list[int]) -> np.ndarray:
        read.append(field.key)
        return load(field, channels)

    monkeypatch.setattr(field_store, "load_field", counted)
    with FieldStore(plate["A01"], [1, 0]) as store:
        first = store.pixels(1)
        assert store.pixels(1) is first
    assert len(read) == 1
    assert first.shape == (2, 120, 120)
    assert first[0].mean() != first[1].mean()


@pytest.mark.parametrize("sizes", [[], [0], [3], [5, 5], [2, 0, 9, 1, 4], [12]])
def test_slices_come_in_full_batches(sizes: list[int]) -> None:
    values = iter(range(1, 1 + sum(sizes)))
    rows = [torch.tensor([[[next(values) for _ in range(size)]]], dtype=torch.float32) for size in sizes]
    # each cell's slice is its own pixel
    fields = [FieldSlices(row.reshape(1, 1, -1), [(0, x) for x in range(row.numel())], 1, [0], [100]) for row in rows]
    found = [cut() for cut in list(in_batches(iter(fields), 4))]
    assert all(len(batch) == 4 for batch in found[:-1])
    assert [round(100 * float(value)) for batch in found for value in batch] == list(range(1, 1 + sum(sizes)))


def test_few_cells_in_many_fields_do_not_keep_the_fields_in_memory() -> None:
    alive: list[weakref.ref[FieldSlices]] = []

    def fields() -> Iterator[FieldSlices]:
        for _ in range(6):
            field = FieldSlices(torch.ones((1, 3, 3)), [(1, 1)], 1, [0], [1])
            alive.append(weakref.ref(field))
            yield field

    cut = next(in_batches(fields(), 6))
    assert sum(one() is not None for one in alive) <= 1
    assert cut().shape == (6, 1, 1, 1)


def test_seconds_of_a_step_within_another_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("napari_mid.workflow.encode_well.time.perf_counter", lambda: now[0])
    clock = Clock()
    with clock.time("outer"):
        now[0] += 2
        with clock.time("inner"), contextlib.suppress(ValueError), clock.time("innermost"):
            now[0] += 5
            raise ValueError
        now[0] += 1
    assert clock.seconds == {"innermost": 5.0, "inner": 0.0, "outer": 3.0}
