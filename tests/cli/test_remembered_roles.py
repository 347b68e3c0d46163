"""Roles that were corrected once are used again, are said, and can be overruled."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from napari_mid import preferences
from napari_mid.cli import main


def roles(plate: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[dict[str, str], str]:
    capsys.readouterr()
    assert main(["info", str(plate), "--json", *options]) == 0
    said = capsys.readouterr()
    return {channel["name"]: channel["role"] for channel in json.loads(said.out)["channels"]}, said.err


def test_roles_are_kept_only_when_asked(disc_plate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert roles(disc_plate, capsys, "--roles", "w1=nucleus") == ({"w1": "nucleus", "w2": "other"}, "")
    assert roles(disc_plate, capsys) == ({"w1": "other", "w2": "other"}, "")
    roles(disc_plate, capsys, "--roles", "w1=nucleus", "w2=ros", "--remember-roles")
    found, said = roles(disc_plate, capsys)
    assert found == {"w1": "nucleus", "w2": "ros"}
    assert "w1=nucleus, w2=ros" in said


def test_given_roles_go_before_kept_ones(disc_plate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    roles(disc_plate, capsys, "--roles", "w1=nucleus", "--remember-roles")
    found, _ = roles(disc_plate, capsys, "--nucleus-channel", "w2")
    assert found == {"w1": "other", "w2": "nucleus"}


def test_a_damaged_file_of_choices_holds_nothing(disc_plate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    roles(disc_plate, capsys, "--roles", "w1=nucleus", "--remember-roles")
    for content in ("", "[1]", '{"x": 3}', "\0", json.dumps({str(disc_plate): {"roles": {"w1": "nonsense"}}})):
        (preferences.config_folder() / "plates.json").write_text(content)
        assert roles(disc_plate, capsys)[0] == {"w1": "other", "w2": "other"}
