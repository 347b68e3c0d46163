"""What a person chose before, kept in the user's configuration folder: roles of a plate's channels, options of the window."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_mid.files import write_json

#: Plates whose roles are kept; the one that was opened longest ago goes first.
MAX_PLATES = 500


def config_folder() -> Path:
    """The platform's folder for what users chose."""
    import platformdirs

    return Path(platformdirs.user_config_dir("napari-mid", appauthor=False))


def remembered_roles(plate: Path | str, channels: tuple[str, ...]) -> dict[str, str]:
    """The roles that were chosen for the plate at `plate`; empty where its channels are no longer called the same."""
    known = _read("plates.json").get(_key(plate))
    roles = known.get("roles") if isinstance(known, dict) else None
    if not isinstance(roles, dict) or not set(roles) <= set(channels):
        return {}
    return {str(channel): str(role) for channel, role in roles.items()}


def remember_roles(plate: Path | str, roles: Mapping[str, str]) -> bool:
    """Keep the roles of the channels of the plate at `plate`; False where the folder cannot be written."""
    plates = _read("plates.json")
    plates.pop(_key(plate), None)
    if roles:
        plates[_key(plate)] = {"roles": dict(roles)}
    return _write("plates.json", dict(list(plates.items())[-MAX_PLATES:]))


def remembered_options(name: str) -> dict[str, Any]:
    """The options that were kept under `name`."""
    found = _read("options.json").get(name)
    return found if isinstance(found, dict) else {}


def remember_options(name: str, options: Mapping[str, Any]) -> bool:
    """Keep `options` under `name`; False where the folder cannot be written."""
    return _write("options.json", {**_read("options.json"), name: dict(options)})


def _key(plate: Path | str) -> str:
    """A plate is known by its folder, whether that or the index in it was opened."""
    if isinstance(plate, str) and "://" in plate:
        return plate
    path = Path(plate).absolute()
    return str(path if path.is_dir() else path.parent)


def _read(name: str) -> dict[str, Any]:
    """The content of a file of ours; one that is absent or damaged holds nothing that could not be chosen again."""
    with contextlib.suppress(OSError, ValueError):
        content = json.loads((config_folder() / name).read_text(encoding="utf-8"))
        if isinstance(content, dict):
            return content
    return {}


def _write(name: str, content: dict[str, Any]) -> bool:
    try:
        write_json(config_folder() / name, content)
    except OSError:
        return False
    return True
