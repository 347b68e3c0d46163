"""What the README promises is run as it stands there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from napari_mid.cli.main import COMMANDS, main
from napari_mid.model.folder import demo_model_path
from napari_mid.progress import finish
from napari_mid.simulation.plate import simulate_steps
from napari_mid.simulation.settings import SimulationSettings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str = "") -> list[str]:
    """The code blocks of that language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def test_the_python_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finish(simulate_steps(tmp_path, SimulationSettings(wells=12, fields=1, field_px=270)))
    monkeypatch.chdir(tmp_path)
    (example,) = blocks("python")
    example = example.replace('"B03"', "sorted(plate.wells)[0]").replace('"herg_model/"', repr(str(demo_model_path())))
    names: dict[str, Any] = {}
    exec(compile(example, "README.md", "exec"), names)
    result = names["result"]
    assert 0 <= result.score <= 1
    assert len(result.cells) == result.n_cells > 0


def test_the_commands_exist_with_their_options(capsys: pytest.CaptureFixture[str]) -> None:
    text = "\n".join(blocks()).replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith("napari-mid ")]
    assert len(lines) >= 4
    for line in lines:
        _, command, *arguments = shlex.split(line, comments=True)
        assert command in COMMANDS
        with pytest.raises(SystemExit) as stopped:
            main([command, "--help"])
        assert stopped.value.code == 0
        known = capsys.readouterr().out
        for option in (argument for argument in arguments if argument.startswith("--")):
            assert re.search(rf"{option}\b", known), f"{command} has no {option}"


def test_pictures_and_pages_that_it_links_to_are_there() -> None:
    linked = [target for target in re.findall(r"\]\(([^)]+)\)", README) if "://" not in target]
    assert linked
    assert [target for target in linked if not (ROOT / target).is_file()] == []
