"""Puts the root's napari.yaml inside the package, for wheels and editable installs alike."""

import shutil
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ManifestHook(BuildHookInterface):
    """Copies the manifest before the build; napari looks for it beside ``napari_mid/__init__.py``."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        source = Path(self.root) / "napari.yaml"
        target = Path(self.root) / "src" / "napari_mid" / "napari.yaml"
        if source.is_file():  # absent when a wheel is built from an sdist, which already holds the copy
            shutil.copyfile(source, target)
        build_data["artifacts"].append("src/napari_mid/napari.yaml")
