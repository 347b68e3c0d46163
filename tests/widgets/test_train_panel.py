"""The panel `Train model`: a real window, the real command beside it."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_mid.cli.main import _one_role_each, _parser
from napari_mid.plates import open_plate
from napari_mid.plates.plate import Plate
from napari_mid.settings import from_options
from napari_mid.training.settings import PRESETS, PRETRAINED_RATE, TrainingSettings
from napari_mid.widgets.train_plan import TrainingPlan, check_plan, class_counts, given_map, label_columns, preset_settings
from napari_mid.widgets.train_process import ending, progress_of
from napari_mid.widgets.train_progress import duration

Wait = Callable[[Callable[[], bool]], None]
TINY = dataclasses.replace(
    preset_settings("fast"), slice_size=32, backbone="test_resnet", width=16, heads=2, set_size=3, sets_per_step=4, steps=12
)
#: steps of a training that goes on until it is stopped
ENDLESS = 100_000


@pytest.fixture
def discs(disc_plate: Path) -> Plate:
    plate = open_plate(disc_plate)
    return plate.with_roles({plate.channel_names[0]: "nucleus"})


def plan_of(plate: Plate, out: Path, /, **changes: Any) -> TrainingPlan:
    plan = TrainingPlan(
        plates=(str(plate.path),),
        label="role",
        classes=("negative_control", "positive_control"),
        channels=plate.channel_names,
        roles=((plate.channel_names[0], "nucleus"),),
        settings=TINY,
    )
    return dataclasses.replace(plan, **{"out": str(out), **changes})


# -- the command line -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("preset", "changes"),
    [
        ("fast", {}),
        ("paper", {}),
        ("fast", {"slice_size": 48, "calibrate": False, "split": "plate", "folds": 5, "learning_rate": 0.002}),
        ("paper", {"backbone": "resnet10t", "width": 128, "steps": 120}),
        ("paper", {"pretrained": True, "learning_rate": PRETRAINED_RATE}),
        ("fast", {"pretrained": True, "learning_rate": 1e-3}),
    ],
)
def test_the_command_understands_the_plan_as_it_was_meant(discs: Plate, tmp_path: Path, preset: str, changes: Any) -> None:
    settings = dataclasses.replace(preset_settings(preset), **changes)
    plan = plan_of(discs, tmp_path / "m", preset=preset, settings=settings, classes=("a b", "-1"), reading=("--time-point", "1"))
    options = _parser("train").parse_args(_one_role_each(plan.arguments(resume=True)))
    given = dict(PRESETS[options.preset]) | ({"learning_rate": PRETRAINED_RATE} if options.pretrained else {})
    assert from_options(TrainingSettings, options, **given) == settings
    assert (options.plates, options.label, options.classes) == ([discs.path], "role", ["a b", "-1"])
    assert (options.roles, options.time_point, options.resume) == ([f"{discs.channel_names[0]}=nucleus"], 1, True)
    assert options.out == tmp_path / "m"


def test_a_plan_is_kept_and_comes_back(discs: Plate, tmp_path: Path) -> None:
    import json

    plan = plan_of(discs, tmp_path / "m", reading=("--flat-field", "off"))
    assert TrainingPlan.of_facts(json.loads(json.dumps(plan.facts()))) == plan
    assert TrainingPlan.of_facts({}) is None
    assert TrainingPlan.of_facts({**plan.facts(), "settings": {"no_such": 1}}) is None


# -- what is wrong --------------------------------------------------------------------------------------------------------------


def test_nothing_is_wrong_with_controls_but_their_place_is_told(discs: Plate, tmp_path: Path) -> None:
    found = check_plan(plan_of(discs, tmp_path / "m"), [discs])
    assert found.problem == ""


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"classes": ("negative_control",)}, "Check two values"),
        ({"classes": ("negative_control", "no_such")}, "no_such"),
        ({"channels": ()}, "Check a channel"),
        ({"out": ""}, "Choose the folder"),
        ({"label": ""}, "nothing to learn"),
        ({"settings": dataclasses.replace(TINY, folds=5)}, "too few for 5 folds"),
        ({"settings": dataclasses.replace(TINY, heads=3)}, "not divisible"),
    ],
)
def test_what_is_wrong_is_told_in_one_sentence(discs: Plate, tmp_path: Path, changes: Any, told: str) -> None:
    problem = check_plan(plan_of(discs, tmp_path / "m", **changes), [discs]).problem
    assert told in problem
    assert "\n" not in problem


def test_places_that_are_taken_or_not_there_are_told(discs: Plate, tmp_path: Path) -> None:
    assert "not a model folder" in check_plan(plan_of(discs, Path(discs.path)), [discs]).problem
    assert "is not there" in check_plan(plan_of(discs, tmp_path / "no" / "m"), [discs]).problem
    assert "Open a plate" in check_plan(plan_of(discs, tmp_path / "m"), []).problem
    without = dataclasses.replace(discs, plate_map=None)
    assert "no plate map" in check_plan(plan_of(discs, tmp_path / "m"), [without]).problem


def test_replicates_on_both_sides_are_refused_before_a_start(discs: Plate, tmp_path: Path) -> None:
    table = tmp_path / "map.csv"
    table.write_text(
        "well,toxicity,compound\n" + "".join(f"A0{n},{'yes' if n > 3 else 'no'},{'PQ'[n > 3]}\n" for n in range(1, 7))
    )
    plate = open_plate(discs.path, plate_map=table, roles={discs.channel_names[0]: "nucleus"})
    plan = plan_of(plate, tmp_path / "m", label="toxicity", classes=("no", "yes"), plate_map=str(table))
    assert "one compound only" in check_plan(plan, [plate]).problem


def test_columns_and_classes_are_counted_over_the_wells_with_images(discs: Plate) -> None:
    counts = {count.name: (count.wells, count.compounds) for count in class_counts([discs], "role")}
    assert counts == {"negative_control": (3, 0), "positive_control": (3, 0)}
    assert label_columns([discs])[0] == "role"


def test_a_map_counts_as_given_where_the_command_would_not_find_it(discs: Plate, tmp_path: Path) -> None:
    beside = Path(discs.path) / "plate_map.csv"
    assert given_map(discs) == ""
    assert given_map(open_plate(discs.path, plate_map=beside)) == ""
    for elsewhere in (tmp_path / "plate_map.csv", Path(discs.path) / "plate_map.tsv"):
        elsewhere.write_bytes(beside.read_bytes().replace(b",", b"\t" if elsewhere.suffix == ".tsv" else b","))
        assert given_map(open_plate(discs.path, plate_map=elsewhere)) == str(elsewhere)
        assert given_map(open_plate(discs.path)) == ""


# -- how the command ends -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "lines", "asked", "how", "sentence"),
    [
        (0, ["warning: few cells", "validation on 4 wells: accuracy 1.00", "trained in 3 s: m"], False, "done", "accuracy 1.00"),
        (130, ["napari-mid train: stopped; the same command"], True, "stopped", "Stopped; starting it again"),
        (-15, [], True, "stopped", "Stopped; starting it again"),
        (-9, [], False, "failed", "memory"),
        (1, ["note: x", "napari-mid train: No plate here."], False, "failed", "No plate here."),
        (2, ["usage: napari-mid", "napari-mid train: error: no such option"], False, "failed", "no such option"),
        (1, ["Traceback (most recent call last):", "ValueError: odd"], False, "failed", "ValueError: odd"),
        (1, [], False, "failed", "exit status 1"),
    ],
)
def test_how_a_command_ended(status: int, lines: list[str], asked: bool, how: str, sentence: str) -> None:
    ended = ending(status, lines, asked=asked)
    assert ended.how == how
    assert sentence in ended.sentence
    assert "\n" not in ended.sentence
    assert ended.warnings == (("few cells",) if status == 0 else ())


def test_lines_that_are_no_progress_are_left_alone() -> None:
    assert progress_of('{"stage": "s", "done": 1, "total": 2, "detail": "d"}').done == 1  # type: ignore[union-attr]
    for line in ("", "text", "{", '{"stage": 1}', "[1]", '{"stage": "s", "done": null, "total": 2, "detail": ""}'):
        assert progress_of(line) is None
    assert [duration(seconds) for seconds in (5, 100, 7200)] == ["5 s", "2 min", "2.0 h"]


# -- the window -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def panel(window: Any, discs: Plate, tmp_path: Path, wait: Wait) -> Any:
    """The dock on the disc plate, ready to start a tiny training."""
    dock, panel = window.viewer.window.add_plugin_dock_widget("napari-mid", "Train model")
    panel.dock = dock
    window.actions.show_plate(discs)
    wait(lambda: bool(panel.data.plates))
    panel.form.take("fast", TINY)
    panel.out.setText(str(tmp_path / "made"))
    wait(panel.start_button.isEnabled)
    return panel


def test_a_training_that_is_stopped_is_offered_again(panel: Any, wait: Wait) -> None:
    panel.form.often.set_value("steps", ENDLESS)
    wait(panel.start_button.isEnabled)
    panel.start_button.click()
    assert not panel.data.isEnabled()
    wait(lambda: panel.progress.curves.last_step >= 10)
    assert "loss" in panel.progress.stage.text()
    panel.stop_button.click()
    assert not panel.stop_button.isEnabled()
    wait(lambda: not panel.training.running)
    wait(panel.start_button.isEnabled)
    assert panel.start_button.text() == "Resume training"
    assert "--resume" in panel.command.toPlainText()
    assert "Stopped" in panel.progress.outcome.text()
    # other options cannot go on with it: the command's own words are shown, and nothing is lost
    panel.form.take("fast", TINY)
    wait(panel.start_button.isEnabled)
    panel.start_button.click()
    wait(lambda: not panel.training.running)
    assert f"steps was {ENDLESS} and is {TINY.steps}" in panel.progress.outcome.text()
    assert panel.plan.unfinished
    panel.out.setText(f"{panel.plan.out} anew")
    wait(panel.start_button.isEnabled)
    assert panel.start_button.text() == "Start training"


def test_a_training_is_followed_to_its_end_and_the_model_is_loaded(panel: Any, window: Any, wait: Wait) -> None:
    assert panel.start_button.text() == "Start training"
    panel.start_button.click()
    assert not panel.data.isEnabled()
    wait(lambda: not panel.training.running)
    wait(lambda: window.session.model.config.name == "made")
    assert "is trained and loaded" in panel.progress.outcome.text()
    assert "made" in panel.progress.card.toPlainText()
    assert panel.progress.curves.last_step == TINY.steps
    assert not panel.plan.unfinished


def test_a_command_that_fails_says_why(panel: Any, discs: Plate, wait: Wait) -> None:
    shutil.rmtree(discs.path)
    panel.start_button.click()
    assert panel.training.running
    wait(lambda: not panel.training.running)
    assert "There is no plate at" in panel.progress.outcome.text()
    assert not panel.progress.more.isHidden()
    assert panel.data.isEnabled()


def test_a_choice_that_nobody_told_of_is_checked_before_a_start(panel: Any, window: Any, wait: Wait) -> None:
    told: list[Any] = []
    window.session.events.told.connect(told.append)
    window.session.device = "cpu"
    panel.start_button.click()
    assert not panel.training.running
    assert "checked again" in told[0].text
    assert not panel.start_button.isEnabled()
    wait(panel.start_button.isEnabled)
    assert "--device cpu" in panel.command.toPlainText()
    assert panel._checked == panel.plan


def test_closing_the_dock_stops_the_training_and_the_next_one_offers_it(panel: Any, window: Any, wait: Wait) -> None:
    panel.form.often.set_value("steps", ENDLESS)
    wait(panel.start_button.isEnabled)
    panel.start_button.click()
    wait(lambda: panel.progress.curves.last_step >= 10)
    command, plan = panel.training._command, panel.plan
    window.viewer.window.remove_dock_widget(panel.dock)
    panel.deleteLater()
    wait(lambda: command.status is not None)
    assert command.status == 130
    assert plan.unfinished
    assert not Path(plan.out).exists()
    _, again = window.viewer.window.add_plugin_dock_widget("napari-mid", "Train model")
    assert not again.last.isHidden()
    again.restore_button.click()
    wait(again.start_button.isEnabled)
    assert again.plan == plan
    assert again.start_button.text() == "Resume training"


def test_every_control_says_what_it_is_for(panel: Any) -> None:
    from qtpy.QtWidgets import QAbstractButton, QAbstractItemView, QAbstractSpinBox, QComboBox, QLineEdit, QPlainTextEdit

    for kind in (QAbstractButton, QAbstractItemView, QAbstractSpinBox, QComboBox, QLineEdit, QPlainTextEdit):
        for control in panel.widget().findChildren(kind):
            inner = control.objectName().startswith("qt_") or isinstance(control.parent(), QComboBox | QAbstractSpinBox)
            of_table = isinstance(control.parent(), QAbstractItemView) or type(control).__name__ in (
                "QComboBoxListView",
                "QHeaderView",
            )
            of_list = control.parent() is not None and isinstance(control.parent().parent(), QComboBox)
            assert inner or of_table or of_list or control.toolTip(), control


def test_classes_can_be_unchecked_and_the_slice_is_drawn(panel: Any, window: Any, wait: Wait) -> None:
    from qtpy.QtCore import Qt

    panel.data.positive.setCurrentText("negative_control")
    assert panel.plan.classes == ("positive_control", "negative_control")
    panel.data.classes.item(0, 0).setCheckState(Qt.CheckState.Unchecked)
    wait(lambda: "two values" in panel.problem.text())
    assert not panel.start_button.isEnabled()
    wait(lambda: window.session.images is not None)
    panel.form.box.setChecked(True)
    layer = window.viewer.layers["slice size"]
    assert float(layer.size[0]) == 32
    panel.form.often.set_value("slice_size", 48)
    assert float(layer.size[0]) == 48
    panel.form.box.setChecked(False)
    assert "slice size" not in window.viewer.layers


def test_it_shares_the_place_of_the_panel_mid_and_what_was_opened_last_is_in_front(
    make_napari_viewer: Any, qtbot: Any, wait: Wait
) -> None:
    from qtpy.QtWidgets import QDockWidget

    from napari_mid.viewer.compat import main_window
    from napari_mid.widgets.open import open_layout

    for names in (("Train model", "MID"), ("MID", "Train model"), ("Train model", None)):
        viewer = make_napari_viewer(show=True)
        first, *second = [viewer.window.add_plugin_dock_widget("napari-mid", name)[0] for name in names if name]
        if not second:
            open_layout(viewer)
        wait(lambda first=first, viewer=viewer: bool(main_window(viewer).tabifiedDockWidgets(first)))  # type: ignore[misc]
        (other,) = main_window(viewer).tabifiedDockWidgets(first)
        assert isinstance(other, QDockWidget)
        wait(lambda first=first, other=other: first.visibleRegion().isEmpty() and not other.visibleRegion().isEmpty())  # type: ignore[misc]


def test_the_figure_of_a_card_is_no_wider_than_there_is_room(qtbot: Any) -> None:
    from napari_mid.model.folder import DEMO_MODELS
    from napari_mid.widgets.card_view import CardView

    folder = DEMO_MODELS["demo"]
    view = CardView()
    qtbot.addWidget(view)
    view.resize(330, 300)
    view.show()
    view.show_card((folder / "card.md").read_text(encoding="utf-8"), folder)
    for width in (330, 250, 900):
        view.resize(width, 300)
        assert view.horizontalScrollBar().maximum() == 0
        figure = view.document().find("\ufffc").charFormat().toImageFormat()
        assert figure.width() == (396 if width == 900 else view.viewport().width() - 60)
