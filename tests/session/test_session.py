"""What the user looks at: what is upstream clears what is downstream, and late results are dropped."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from napari_mid.cells.kept import well_key
from napari_mid.cells.nuclei import Nuclei
from napari_mid.images.intensity import IntensityRange
from napari_mid.images.layout import WellLayout
from napari_mid.images.well_images import WellImages
from napari_mid.inference.result import CELL_COLUMNS, WellResult
from napari_mid.plates.field import Channel
from napari_mid.plates.plate import Plate, Well
from napari_mid.session import Session


def make_plate(name: str = "plate") -> Plate:
    wells = {well: Well(name, well) for well in ("A01", "A02")}
    return Plate(name, Path(name), "test", 2, 3, (Channel("Hoechst", "nucleus"), Channel("ROS", "ros")), wells)


def make_images(well: str) -> WellImages:
    return WellImages("plate", well, {1: np.zeros((2, 8, 8))}, WellLayout({1: (0, 0)}, {1: (8, 8)}, from_stage=False))


def make_result(well: str) -> WellResult:
    cells = pd.DataFrame(columns=list(CELL_COLUMNS))
    empty = np.empty(0)
    return WellResult("plate", well, 0.5, 0.4, 0.6, "toxic", ("a", "toxic"), empty, cells, np.empty((0, 4), np.float32), empty)


def make_nuclei(well: str) -> dict[int, Nuclei]:
    return {1: Nuclei(well, 1, np.zeros((1, 2)), np.ones(1), np.ones(1), "test")}


@pytest.fixture
def session() -> Session:
    made = Session()
    made.plate = make_plate()
    made.well = "A01"
    made.offer_images(made.image_key("A01"), make_images("A01"))
    made.offer_nuclei(made.image_key("A01"), make_nuclei("A01"))
    made.offer_result(made.result_key("A01"), make_result("A01"))
    made.cell = 0
    made.offer_intensity(made.plate_key(), IntensityRange((0.0, 0.0), (1.0, 1.0)))
    return made


class Heard:
    """Counts the events of a session."""

    def __init__(self, session: Session) -> None:
        self.counts: dict[str, int] = {}
        for name in session.events:
            session.events[name].connect(self._counter(name))

    def _counter(self, name: str) -> Any:
        def count(*_: object) -> None:
            self.counts[name] = self.counts.get(name, 0) + 1

        return count


@pytest.fixture
def heard(session: Session) -> Iterator[dict[str, int]]:
    ears = Heard(session)
    yield ears.counts
    session.events.told.disconnect()


def test_edited_nuclei_come_back_with_their_well_and_their_plate_and_cost_only_its_result(session: Session) -> None:
    key, edited = well_key(session.plate, "A01"), make_nuclei("A01")
    edited[1] = dataclasses.replace(edited[1], settings={"edited": {"added": 1, "deleted": 0, "moved": 0}})
    session.well = "A02"
    session.offer_result(session.result_key("A02"), make_result("A02"))
    session.keep_edited(key, edited)  # an edit that ends with the change of the well
    assert set(session.results) == {"A02"}
    assert session.nuclei is None
    session.plate = make_plate("other")
    session.well = "A01"
    assert session.nuclei is None
    session.plate = make_plate()
    session.well = "A01"
    assert session.nuclei == edited
    assert session.kept.of_plate(session.plate) == {"A01": edited}
    messages: list[str] = []
    session.events.told.connect(lambda message: messages.append(message.text))
    session.offer_nuclei(session.image_key("A01"), make_nuclei("A01"), ["few"])
    assert session.nuclei_warnings == ("few",)
    assert session.can_restore
    assert "Restore edits" in messages[0]
    session.restore_nuclei()
    assert session.nuclei == edited
    assert not session.can_restore
    session.events.told.disconnect()


def test_a_new_plate_clears_everything_below(session: Session, heard: dict[str, int]) -> None:
    session.plate = make_plate("other")
    assert (session.well, session.images, session.nuclei, session.result, session.cell, session.intensity) == (None,) * 6
    assert session.results == {}
    assert {"plate_changed", "well_changed", "images_changed", "nuclei_changed", "result_changed"} <= set(heard)


def test_a_new_well_clears_its_own_things_and_keeps_the_results(session: Session) -> None:
    session.well = "A02"
    assert (session.images, session.nuclei, session.result, session.cell) == (None,) * 4
    assert set(session.results) == {"A01"}
    assert session.intensity is not None
    session.well = "A01"
    assert session.result is not None


def test_the_same_well_again_changes_nothing(session: Session, heard: dict[str, int]) -> None:
    session.well = "A01"
    assert heard == {}
    assert session.images is not None


def test_another_model_clears_all_results(session: Session) -> None:
    session.model = None
    assert session.results == {}
    assert session.cell is None
    assert session.images is not None


def test_other_roles_clear_results_but_not_images(session: Session) -> None:
    assert session.plate is not None
    session.update_plate(session.plate.with_roles({"ROS": "mmp"}))
    assert session.results == {}
    assert session.images is not None
    assert session.intensity is not None


def test_new_nuclei_clear_the_result_of_the_well(session: Session) -> None:
    assert session.offer_nuclei(session.image_key("A01"), make_nuclei("A01"))
    assert session.result is None
    assert session.cell is None


def test_what_comes_late_is_dropped(session: Session) -> None:
    images, result = session.image_key("A01"), session.result_key("A01")
    session.well = "A02"
    assert not session.offer_images(images, make_images("A01"))
    assert session.images is None
    intensity = session.plate_key()
    session.plate = make_plate()  # the same path opened again is another plate
    session.well = "A01"
    assert not session.offer_images(images, make_images("A01"))
    assert not session.offer_result(result, make_result("A01"))
    assert not session.offer_intensity(intensity, IntensityRange((0.0,), (1.0,)))


def test_a_result_for_other_nuclei_is_dropped(session: Session) -> None:
    key = session.result_key("A01")
    session.offer_nuclei(session.image_key("A01"), make_nuclei("A01"))
    assert not session.offer_result(key, make_result("A01"))
    assert session.result is None


def test_a_result_of_another_well_is_kept_for_the_map(session: Session, heard: dict[str, int]) -> None:
    assert session.offer_result(session.result_key("A02"), make_result("A02"))
    assert set(session.results) == {"A01", "A02"}
    assert heard == {"results_changed": 1}


def test_a_model_that_does_not_fit_says_why(session: Session, small_model: Any) -> None:
    assert session.contract is None
    session.model = small_model
    assert session.contract is not None
    assert session.contract.channels == (0, 1)
    assert session.contract.problem == ""
    assert session.plate is not None
    session.update_plate(session.plate.with_roles({"ROS": "dead"}))
    # by name the channel is there, but it shows something else
    assert session.contract is not None
    assert session.contract.plate is not None or "ROS" in session.contract.problem
