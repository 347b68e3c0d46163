"""Whether the chosen model fits the open plate, as a person is told before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_mid.errors import MidError
from napari_mid.plates.plate import Plate

if TYPE_CHECKING:
    from napari_mid.model.network import MidModel


@dataclass(frozen=True, slots=True)
class Contract:
    """How a model fits a plate.

    Parameters
    ----------
    plate
        The plate with the roles that the model knows its channels by, or None where the model does not fit.
    channels
        Indices of the plate's channels in the order of the model's.
    notes
        One-line facts and warnings.
    problem
        Why the model does not fit and what to do; empty where it does.
    """

    plate: Plate | None
    channels: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    problem: str = ""


def check_contract(plate: Plate, model: MidModel) -> Contract:
    """Compare what `model` expects with what `plate` has."""
    from napari_mid.workflow.contract import contract_notes, fit  # it imports torch, which a plate alone does not need

    try:
        found = fit(plate, model)
        return Contract(found.plate, found.channels, tuple(contract_notes(plate, model)))
    except MidError as error:
        return Contract(None, problem=str(error))
