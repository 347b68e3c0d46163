"""The benchmarks run, on plates so small that their times say nothing; how much they measure is looked at by people."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def plates(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """``benchmarks/plates.py``, which finds its parts beside it."""
    pytest.importorskip("lxml")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("plates")


@pytest.fixture
def scale(plates: ModuleType) -> object:
    size = plates.Size
    return plates.Scale(
        plate=size(13, 2, 2, 16),
        wells=(size(15, 2, 2, 96), size(15, 1, 2, 64)),
        overview=size(30, 1, 2, 32),
        grown=size(2, 1, 3, 144),
        scored=size(2, 1, 4, 144),
        n_wells=(1, 2),
        turns=1,
    )


@pytest.mark.parametrize(
    ("section", "n_rows"), [("info", 12), ("formats", 4), ("first pixels", 15), ("seen", 2), ("overview", 4)]
)
def test_every_section_runs(plates: ModuleType, scale: object, tmp_path: Path, section: str, n_rows: int) -> None:
    rows = list(plates.measure(section, tmp_path, scale))
    assert len(rows) == n_rows
    for row in rows:
        assert row.value >= 0
        assert row.unit in plates.line(row)
    counts = [row for row in rows if row.unit in ("times", "files")]
    assert all(row.within for row in counts)


def test_a_process_of_its_own_tells_its_memory(plates: ModuleType) -> None:
    measuring = importlib.import_module("_measuring")
    peak = measuring.in_own_process("kept = b'x' * 2**20", "kept = b'x' * (50 * 2**20); result = arguments", "a", 1)
    assert 45 < peak.above_start_mb < 75
    assert peak.result == ["a", "1"]
    with pytest.raises(RuntimeError, match="no such thing"):
        measuring.in_own_process("", "raise ValueError('no such thing')")


def test_noise_lies_far_from_the_training_cells(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setattr(sys, "argv", ["distance.py", "--wells", "6"])
    assert importlib.import_module("distance").main() == 0
    said = dict(line.strip().split(": ", 1) for line in capsys.readouterr().out.splitlines() if ": " in line)
    assert said["random noise"].endswith(" 100 % are far")
    assert float(said["as they are"].split(",")[0]) < 2
