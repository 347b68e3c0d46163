import numpy as np
import pytest
import torch

from napari_mid.errors import TrainingError
from napari_mid.model.network import MidModel
from napari_mid.plates.plate import Well
from napari_mid.progress import finish
from napari_mid.training.augment import augment
from napari_mid.training.bags import LabelledBags, assign, split_unit_of
from napari_mid.training.loop import train_steps
from napari_mid.training.settings import TrainingSettings
from napari_mid.training.slices import Slices
from napari_mid.training.splits import held_out_bags


def well(name: str, **condition: object) -> Well:
    return Well("P", name, condition=condition)


def bags_of(labels: list[int], groups: list[str], cells_each: int = 30, size: int = 32) -> LabelledBags:
    """Bags in which a third of the positive bags' cells have a bright second channel."""
    rng = np.random.default_rng(0)
    slices = rng.uniform(0, 0.3, (len(labels) * cells_each, 2, size, size)).astype(np.float16)
    for bag, label in enumerate(labels):
        if label == 1:
            slices[bag * cells_each : bag * cells_each + cells_each // 3, 1] += 0.6
    return LabelledBags(
        Slices([slices.transpose(0, 2, 3, 1)]),
        np.repeat(np.arange(len(labels)), cells_each),
        tuple(f"bag {i}" for i in range(len(labels))),
        tuple(groups),
        np.array(labels),
        ("nontoxic", "toxic"),
        "compound",
    )


def test_no_group_is_on_both_sides_of_the_split() -> None:
    groups = [f"compound {i // 3}" for i in range(30)]
    labels = [i // 3 % 2 for i in range(30)]
    for seed in range(5):
        held = held_out_bags(bags_of(labels, groups, 1), 0.2, seed)
        held_groups = {group for group, out in zip(groups, held, strict=True) if out}
        assert not held_groups & {group for group, out in zip(groups, held, strict=True) if not out}
        held_labels = {label for label, out in zip(labels, held, strict=True) if out}
        assert held_labels == {0, 1}


def test_a_class_with_one_group_keeps_it_for_training() -> None:
    held = held_out_bags(bags_of([0, 0, 0, 1], ["a", "b", "c", "d"], 1), 0.5, 0)
    assert not held[3]


def test_doses_of_a_compound_are_one_group_and_several_bags() -> None:
    one = assign(
        well("A01", compound="X", concentration=1.0, unit="uM", tox="yes"), "tox", ["no", "yes"], "compound_dose", "compound"
    )
    two = assign(
        well("A02", compound="X", concentration=3.0, unit="uM", tox="yes"), "tox", ["no", "yes"], "compound_dose", "compound"
    )
    assert one is not None
    assert two is not None
    assert one.group == two.group == "X"
    assert one.bag != two.bag
    assert one.label == 1
    assert assign(well("A03", tox="maybe"), "tox", ["no", "yes"], "compound_dose", "compound") is None


def test_control_roles_are_split_by_well_and_compounds_by_compound() -> None:
    controls = [well("A01", role="negative_control"), well("A02", role="positive_control", compound="W")]
    assert split_unit_of(controls, "role", ["negative_control", "positive_control"]) == "well"
    screen = [well(f"A0{i}", compound=f"C{i}", tox="yes" if i < 3 else "no") for i in range(1, 6)]
    assert split_unit_of(screen, "tox", ["no", "yes"]) == "compound"
    assert split_unit_of(screen[1:3], "tox", ["no", "yes"]) == "well"


def test_augmentation_turns_slices_and_keeps_what_is_in_them() -> None:
    sets = torch.rand(2, 3, 2, 8, 8) * 0.5
    changed = augment(sets, 0.0, torch.Generator().manual_seed(0))
    assert not torch.equal(changed, sets)
    torch.testing.assert_close(changed.flatten(3).sort(-1).values, sets.flatten(3).sort(-1).values)
    gained = augment(torch.full((1, 4, 2, 8, 8), 0.5), 0.1, torch.Generator().manual_seed(0))
    assert gained.amin() >= 0.45
    assert gained.amax() <= 0.55
    assert len(gained.unique()) == 2, "one gain per channel of a set"


def test_training_learns_and_repeats_with_its_seed(small_model: MidModel) -> None:
    bags = bags_of([0, 1] * 3, list("abcdef"))
    settings = TrainingSettings(steps=25, sets_per_step=8, set_size=6, learning_rate=3e-3)
    start = {name: value.clone() for name, value in small_model.state_dict().items()}
    runs = []
    for _ in range(2):
        small_model.load_state_dict(start)
        torch.manual_seed(0)
        runs.append(finish(train_steps(small_model, bags, np.ones(6, bool), settings, torch.device("cpu"))).losses)
    assert np.mean(runs[0][-5:]) < 0.8 * np.mean(runs[0][:5])
    assert runs[0] == runs[1]
    assert not small_model.training


def test_a_class_without_cells_is_refused(small_model: MidModel) -> None:
    bags = bags_of([0, 1], ["a", "b"])
    with pytest.raises(TrainingError, match="'toxic'"):
        finish(train_steps(small_model, bags, np.array([True, False]), TrainingSettings(steps=1), torch.device("cpu")))
