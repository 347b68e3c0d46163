from __future__ import annotations

from pathlib import Path

import pytest

from napari_mid.progress import finish
from napari_mid.simulation.plate import simulate_steps
from napari_mid.simulation.settings import SimulationSettings


@pytest.fixture(scope="session")
def small_settings() -> SimulationSettings:
    return SimulationSettings(wells=8, fields=3, field_px=160, seed=3, placement="in_order")


@pytest.fixture(scope="session")
def small_plate(tmp_path_factory: pytest.TempPathFactory, small_settings: SimulationSettings) -> Path:
    """A plate of 8 wells and 3 small fields each."""
    return finish(simulate_steps(tmp_path_factory.mktemp("simulated") / "plate", small_settings))
