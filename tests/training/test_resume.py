"""A training that is stopped and gone on with is the training that was not stopped."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_mid.errors import TrainingError
from napari_mid.model.network import MidModel
from napari_mid.progress import finish
from napari_mid.training import keeping
from napari_mid.training.bags import LabelledBags
from napari_mid.training.keeping import Work, read_log
from napari_mid.training.loop import History, train_steps
from napari_mid.training.settings import TrainingSettings

MakeBags = Callable[..., LabelledBags]

CPU = torch.device("cpu")
TINY = TrainingSettings(set_size=3, sets_per_step=4, steps=12, learning_rate=3e-3, validate_every=4)
TRAIN = np.array([True] * 4 + [False] * 2)


def weights(model: MidModel) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def trained(model: MidModel, start: dict[str, torch.Tensor], bags: object, folder: Path, stop_at: int | None = None) -> History:
    model.load_state_dict(start)
    work = Work(folder)
    work.begin({"steps": 12}, resume=True)
    steps = train_steps(model, bags, TRAIN, TINY, CPU, watched=~TRAIN, keeper=work.keeper("training"))  # type: ignore[arg-type]
    if stop_at is None:
        return finish(steps)
    for progress in steps:
        if progress.done == stop_at:
            break
    steps.close()
    return History((), 0, 0)


def test_stopped_and_gone_on_with_gives_the_same_model(small_model: MidModel, make_bags: MakeBags, tmp_path: Path) -> None:
    bags = make_bags([0, 1] * 3, list("abcdef"))
    start = weights(small_model)
    whole = trained(small_model, start, bags, tmp_path / "whole")
    wanted = weights(small_model)
    trained(small_model, start, bags, tmp_path / "parts", stop_at=5)
    trained(small_model, start, bags, tmp_path / "parts", stop_at=9)
    small_model.load_state_dict(start)
    parts = trained(small_model, start, bags, tmp_path / "parts")
    assert parts.losses == whole.losses
    assert parts.looks == whole.looks
    for name, value in small_model.state_dict().items():
        assert torch.equal(value, wanted[name]), name
    rows = [read_log(tmp_path / name / "log.csv") for name in ("whole", "parts")]
    assert [row["step"] for row in rows[0]] == [row["step"] for row in rows[1]] == ["1", "4", "8", "10", "12"]
    assert [row["loss"] for row in rows[0]] == [row["loss"] for row in rows[1]]
    assert [bool(row["validation_auroc"]) for row in rows[0]] == [False, True, True, False, True]
    again = trained(small_model, start, bags, tmp_path / "parts")
    assert again.losses == whole.losses, "what was finished is not trained again"


def test_an_unfinished_training_is_neither_thrown_away_nor_mixed_with_another(tmp_path: Path) -> None:
    work = Work(tmp_path / "w")
    work.begin({"steps": 12, "seed": 0}, resume=False)
    work.same_cells("aaaa")
    work.begin({"steps": 13, "seed": 0}, resume=False)  # nothing was trained yet
    work.same_cells("bbbb")
    work.keeper("training").save({"step": 3})
    with pytest.raises(TrainingError, match=r"not finished.*--resume"):
        work.begin({"steps": 13, "seed": 0}, resume=False)
    with pytest.raises(TrainingError, match="seed was 0 and is 1"):
        work.begin({"steps": 13, "seed": 1}, resume=True)
    work.begin({"steps": 13, "seed": 0}, resume=True)
    work.same_cells("bbbb")
    with pytest.raises(TrainingError, match="no longer those"):
        work.same_cells("aaaa")
    work.finish(keep=True)
    work.begin({"steps": 1, "seed": 0}, resume=False)
    work.finish(keep=False)
    assert not (tmp_path / "w").exists()


def test_a_full_disk_keeps_the_checkpoint_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work(tmp_path / "w")
    work.begin({}, resume=False)
    assert "could not be kept" in work.what_is_kept()
    keeper = work.keeper("training")
    keeper.save({"step": 3})
    assert "--resume" in work.what_is_kept()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keeping.torch, "save", full)
    keeper.save({"step": 6})
    keeper.save({"step": 6})
    state = work.keeper("training").load()
    assert state == {"step": 3}
    assert len(work.warnings) == 1
    assert "step 6 could not be written (" in work.warnings[0]
    assert not list((tmp_path / "w").glob(".*")), "nothing half-written is left"


def test_a_damaged_checkpoint_is_told(tmp_path: Path) -> None:
    work = Work(tmp_path / "w")
    work.begin({}, resume=False)
    (tmp_path / "w" / "training.pt").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(TrainingError, match=r"training\.pt is damaged"):
        work.keeper("training").load()


def test_checkpoints_are_written_now_and_then(
    small_model: MidModel, make_bags: MakeBags, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "CHECKPOINT_SECONDS", 0.0)
    work = Work(tmp_path / "w")
    work.begin({}, resume=False)
    bags = make_bags([0, 1] * 3, list("abcdef"))
    settings = dataclasses.replace(TINY, steps=3)
    steps = train_steps(small_model, bags, TRAIN, settings, CPU, keeper=work.keeper("training"))
    for progress in steps:
        if progress.done == 2:
            state = work.keeper("training").load()  # what a kill would leave
            break
    assert state is not None
    assert state["step"] == 2
    steps.close()


def test_the_best_weights_are_kept_where_training_may_stop_early(small_model: MidModel, make_bags: MakeBags) -> None:
    from napari_mid.training.validation import Validation

    bags = make_bags([0, 1] * 3, list("abcdef"))
    # far too fast, so that the loss on held-out bags goes up and down
    settings = dataclasses.replace(TINY, steps=40, learning_rate=0.1, validate_every=2, patience=2, precision="float32")
    found = finish(train_steps(small_model, bags, TRAIN, settings, CPU, watched=~TRAIN))
    best = min(found.looks, key=lambda look: look.loss)
    assert found.kept_step == best.step
    assert len(found.losses) == min(40, best.step + 4)
    look = Validation(bags, ~TRAIN, settings.seed, "float32").look(small_model, 0, CPU)
    assert look.loss == pytest.approx(best.loss, abs=1e-6)
