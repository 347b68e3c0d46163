from __future__ import annotations

import re

import pytest

from napari_mid.plates.field import ROLES, Channel
from napari_mid.plates.roles import ROLE_COLOURS, channel_colours, guess_role, is_transmitted


@pytest.mark.parametrize(
    ("name", "role"),
    [
        *[(name, "nucleus") for name in ("HOECHST 33342", "Hoechst33342", "dapi", "DRAQ5", "DNA", "Nuclei", "nuc_blue")],
        *[(name, "mmp") for name in ("TMRM", "TMRE", "JC-1", "MMP", "Mitochondrial membrane potential (TMRM)")],
        *[(name, "mito") for name in ("MitoTracker Deep Red", "Mito", "mitochondria")],
        *[(name, "ros") for name in ("H2DCFDA", "CM-H2DCFDA", "CellROX Green", "ROS", "MitoSOX")],
        *[(name, "dead") for name in ("YOYO-3", "PI", "Propidium Iodide", "Dead", "SYTOX Green", "DRAQ7")],
        *[(name, "actin") for name in ("Phalloidin 568", "F-actin")],
        *[(name, "agp") for name in ("AGP", "WGA", "Golgi")],
        *[(name, "er") for name in ("ER", "ConA", "Concanavalin A-488", "endoplasmic reticulum")],
        *[(name, "rna") for name in ("RNA", "SYTO 14", "SYTO14")],
        *[(name, "other") for name in ("Channel2", "Alexa 488", "GFP", "Brightfield", "w1", "Pink", "Composite", "Terrain", "")],
    ],
)
def test_roles_from_names(name: str, role: str) -> None:
    assert guess_role(name) == role


def test_blue_counts_only_where_the_name_says_nothing() -> None:
    assert guess_role("Channel 1", 456) == "nucleus"
    assert guess_role("Channel 1", 522) == "other"
    assert guess_role("CFP", 475) == "other"
    assert guess_role("Alexa 405", 450) == "other"


def test_every_role_has_its_own_colour() -> None:
    assert set(ROLE_COLOURS) == set(ROLES)
    assert len(set(ROLE_COLOURS.values())) == len(ROLES)
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in ROLE_COLOURS.values())


@pytest.mark.parametrize(
    "channels",
    [
        [Channel("a", "nucleus"), Channel("b", "nucleus"), Channel("c")],
        [Channel(str(n), "other", 522.0) for n in range(5)],
        [Channel(str(n), "other", n * 30.0) for n in range(40)],
        [Channel(str(n), ROLES[n % 10]) for n in range(30)],
    ],
)
def test_no_two_channels_share_a_colour(channels: list[Channel]) -> None:
    colours = channel_colours(channels)
    assert len(set(colours)) == len(channels)
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in colours)


def test_a_role_has_its_colour_and_wavelengths_look_like_themselves() -> None:
    green, nucleus, red = channel_colours(
        [Channel("a", "other", 522.0), Channel("b", "nucleus", 456.0), Channel("c", "other", 640.0)]
    )
    assert nucleus == ROLE_COLOURS["nucleus"]
    assert max(range(3), key=lambda i: green[1 + 2 * i : 3 + 2 * i]) == 1
    assert max(range(3), key=lambda i: red[1 + 2 * i : 3 + 2 * i]) == 0


def test_brightfield_of_cellprofiler_is_known_as_such() -> None:
    assert is_transmitted(Channel("OrigBrightfield"))
    assert is_transmitted(Channel("Phase contrast"))
    assert not is_transmitted(Channel("OrigDNA", "nucleus"))
    assert not is_transmitted(Channel("GFP"))
