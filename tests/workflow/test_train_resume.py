"""Training of plates in parts: slices that are cut once, stages that are not repeated, folds, and what the card says of it."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_mid.errors import TrainingError
from napari_mid.evaluation.sides import read_split
from napari_mid.model.folder import load_model
from napari_mid.plates import open_plate
from napari_mid.plates.plate import Plate
from napari_mid.progress import Progress, finish
from napari_mid.training.bags import LabelledBags
from napari_mid.training.keeping import read_log
from napari_mid.training.settings import TrainingSettings
from napari_mid.training.slices import Slices
from napari_mid.workflow import train, train_slices
from napari_mid.workflow.train import train_model_steps
from napari_mid.workflow.train_validate import HeldOut, judge

TINY = TrainingSettings(
    slice_size=32, backbone="test_resnet", width=16, heads=2, steps=4, set_size=3, sets_per_step=4, validation=0.4
)


@pytest.fixture
def plate(disc_plate: Path) -> Plate:
    """The plate of discs with a compound in each well, half of them toxic."""
    rows = [f"A0{i + 1},{compound},{'no' if i < 3 else 'yes'}" for i, compound in enumerate("abcdef")]
    (disc_plate / "plate_map.csv").write_text("\n".join(["well,compound,tox", *rows]) + "\n")
    plate = open_plate(disc_plate)
    return plate.with_roles({plate.channel_names[0]: "nucleus"})


def test_a_stopped_training_goes_on_and_gives_the_same_model(plate: Plate, tmp_path: Path) -> None:
    finish(train_model_steps([plate], tmp_path / "whole", label="tox", settings=TINY))
    assert not (tmp_path / "whole.training").exists()
    steps = train_model_steps([plate], tmp_path / "m", label="tox", settings=TINY)
    for progress in steps:
        if (progress.step, progress.done) == ("training", 2):
            break
    steps.close()
    assert not (tmp_path / "m").exists()
    with pytest.raises(TrainingError, match="--resume"):
        next(train_model_steps([plate], tmp_path / "m", label="tox", settings=TINY))
    seen: list[Progress] = []
    finish(train_model_steps([plate], tmp_path / "m", label="tox", settings=TINY, resume=True), seen.append)
    assert [progress.done for progress in seen if progress.step == "training"] == [2, 3, 4]
    ours, theirs = (load_model(tmp_path / name).state_dict() for name in ("m", "whole"))
    for name, value in ours.items():
        assert torch.equal(value, theirs[name]), name
    assert (tmp_path / "m" / "training_log.csv").read_text().splitlines()[0].startswith("stage,step,seconds,loss,learning_rate")


def test_slices_are_cut_once_for_several_trainings(plate: Plate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "slices"
    first = finish(train_model_steps([plate], tmp_path / "one", label="tox", settings=TINY, slice_cache=cache))

    assert len(list(cache.glob("*.npy"))) == 6
    calls: list[str] = []
    real = train_slices.locate_steps

    def counted(well: object, *rest: object, **options: object) -> object:
        calls.append(well.name)  # type: ignore[attr-defined]
        return real(well, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(train_slices, "locate_steps", counted)
    again = finish(train_model_steps([plate], tmp_path / "two", label="tox", settings=TINY, slice_cache=cache))
    assert not calls
    assert again.metrics["scores"] == first.metrics["scores"]
    image = next(plate.path.glob("*A01*w2.tif"))
    image.write_bytes(image.read_bytes() + b" ")
    finish(train_model_steps([plate], tmp_path / "three", label="tox", settings=TINY, slice_cache=cache))
    assert calls == ["A01"], "that image is another"


def test_a_full_disk_is_told_with_what_to_do(plate: Plate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(train_slices, "_save", full)
        with pytest.raises(TrainingError, match=r"No space left on device.*--slice-cache"):
            finish(train_model_steps([plate], tmp_path / "m", label="tox", settings=TINY))
    with monkeypatch.context() as patched:
        patched.setattr(train, "save_model", full)
        with pytest.raises(TrainingError, match=r"cannot be written.*--resume"):
            finish(train_model_steps([plate], tmp_path / "m", label="tox", settings=TINY))
    seen: list[Progress] = []
    finish(train_model_steps([plate], tmp_path / "m", label="tox", settings=TINY, resume=True), seen.append)
    assert [progress.done for progress in seen if progress.step == "training"] == [4], "what was trained is not trained again"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_what_a_full_disk_says_is_kept(tmp_path: Path) -> None:
    slices = np.random.default_rng(0).random((50, 64, 64, 3)).astype(np.float16)
    with pytest.raises(OSError, match="No space left on device") as raised:
        train_slices._save(Path("/dev/full"), slices)
    assert raised.value.errno == 28
    for array in (slices, slices[:0]):
        train_slices._save(tmp_path / "slices.npy", array)
        read = np.load(tmp_path / "slices.npy")
        assert read.dtype == np.float16
        np.testing.assert_array_equal(read, array)


def test_folds_judge_every_compound_by_a_model_that_has_not_seen_it(plate: Plate, tmp_path: Path) -> None:
    settings = dataclasses.replace(TINY, folds=2, steps=3)
    trained = finish(train_model_steps([plate], tmp_path / "m", label="tox", settings=settings))
    # f has no cells
    assert (
        sorted(trained.metrics["scores"]) == ["a nan", "b nan", "c nan", "d nan", "e nan"] or len(trained.metrics["scores"]) == 5
    )
    sides = [read_split(tmp_path / "m" / "folds" / str(fold)) for fold in (1, 2)]
    assert all(side is not None for side in sides)
    held = [side.validation for side in sides if side is not None]
    assert held[0] | held[1] == set("abcdef")
    assert not held[0] & held[1]
    load_model(tmp_path / "m" / "folds" / "2")
    model = load_model(tmp_path / "m")
    assert "every compound once, in 2 folds" in model.card
    assert "No temperature was fitted (fewer than 10 held-out bags" in model.card
    record = json.loads((tmp_path / "m" / "metrics.json").read_text())["split"]
    assert record["train"] == list("abcdef")


def held_out_bags_of(n_classes: int, n: int = 24) -> tuple[LabelledBags, HeldOut]:
    labels = np.arange(n) % n_classes
    names = tuple(f"b{number}" for number in range(n))
    classes = ("no", "unclear", "yes")[-n_classes:]
    bags = LabelledBags(Slices([]), np.empty(0, np.int64), names, names, labels, classes, "compound")
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 4, (n, 1, n_classes)) + 6 * np.eye(n_classes)[labels][:, None]
    return bags, HeldOut(np.arange(n), tuple(logits), np.zeros(n, dtype=np.int64))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_metrics_have_intervals_and_calibration(n_classes: int) -> None:
    bags, held_out = held_out_bags_of(n_classes)
    judged = judge(bags, held_out, 0.5, calibrate=True, seed=0)
    metrics = judged.metrics
    assert metrics["n"] == metrics["groups"] == 24
    assert metrics["intervals"]["balanced_accuracy"]["low"] < metrics["balanced_accuracy"] <= 1
    assert sum(metrics["classes"].values()) == 24
    assert judged.temperature > 1, "these logits are far too sure"
    calibration = metrics["calibration"]
    assert calibration["after"]["brier"] < calibration["before"]["brier"]
    assert not calibration["cross_fitted"]
    assert ("probabilities" in metrics) == (n_classes == 3)
    json.dumps(metrics, allow_nan=False)
    plain = judge(bags, held_out, 0.5, calibrate=False, seed=0)
    assert plain.temperature == 1
    assert "after" not in plain.metrics["calibration"]


def test_nothing_held_out_is_no_metric() -> None:
    bags, _ = held_out_bags_of(2)
    judged = judge(bags, HeldOut(np.empty(0, np.int64), (), np.empty(0, np.int64)), 0.5, calibrate=True, seed=0)
    assert judged.metrics["n"] == 0
    assert judged.metrics["accuracy"] is None
    json.dumps(judged.metrics, allow_nan=False)


def test_an_ensemble_is_its_seeds_trained_on_the_same_compounds_and_goes_on_where_it_was_stopped(
    plate: Plate, tmp_path: Path
) -> None:
    both = dataclasses.replace(TINY, ensemble=2)
    steps = train_model_steps([plate], tmp_path / "both", label="tox", settings=both)
    for progress in steps:
        if (progress.step, progress.done) == ("training, network 2 of 2", 2):
            break
    steps.close()
    trained = finish(train_model_steps([plate], tmp_path / "both", label="tox", settings=both, resume=True))
    model = load_model(tmp_path / "both")
    assert model.config.networks == 2
    assert "2 networks read together, each test_resnet, D = 16" in model.card
    # the first is the one that is trained alone, and what was held out is the same
    alone = finish(train_model_steps([plate], tmp_path / "alone", label="tox", settings=TINY))
    weights = model.state_dict()
    for name, value in load_model(tmp_path / "alone").state_dict().items():
        assert torch.equal(weights[f"networks.0.{name}"], value), name
    assert not torch.equal(weights["networks.0.head.weight"], weights["networks.1.head.weight"])
    assert list(trained.metrics["scores"]) == list(alone.metrics["scores"])
    assert read_split(tmp_path / "both") == read_split(tmp_path / "alone")
    stages = [row["stage"] for row in read_log(tmp_path / "both" / "training_log.csv")]
    assert list(dict.fromkeys(stages)) == ["training, network 1 of 2", "training, network 2 of 2"]
