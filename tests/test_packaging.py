"""What a user gets from the wheel, and how napari finds it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib.metadata import distribution, entry_points
from pathlib import Path

import pytest

import napari_mid

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel built from this checkout."""
    pytest.importorskip("hatchling", reason="the wheel is built with hatchling, of the dev extra")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=300)
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def data_files() -> set[str]:
    """Files of the package that are not code, as git tracks them."""
    done = subprocess.run(["git", "ls-files", "-z", "src"], cwd=ROOT, capture_output=True, text=True, check=True)
    return {name.removeprefix("src/") for name in done.stdout.split("\0") if name and not name.endswith(".py")}


def test_napari_finds_the_manifest_beside_the_package() -> None:
    (entry,) = (entry for entry in entry_points(group="napari.manifest") if entry.name == "napari-mid")
    module, _, name = entry.value.partition(":")
    assert module == "napari_mid"
    assert (Path(napari_mid.__file__).parent / name).read_bytes() == (ROOT / "napari.yaml").read_bytes()


def test_manifest_is_valid_and_its_commands_exist() -> None:
    npe2 = pytest.importorskip("npe2")
    manifest = npe2.PluginManifest.from_distribution("napari-mid")
    manifest.validate_imports()
    assert manifest.contributions.commands
    assert manifest.contributions.readers
    assert manifest.contributions.widgets
    assert manifest.contributions.sample_data


def test_no_qt_binding_is_forced_on_users() -> None:
    required = [requirement for requirement in distribution("napari-mid").requires or [] if "extra ==" not in requirement]
    assert required
    assert [name for name in required if name.lower().startswith(("pyqt", "pyside"))] == []


def test_wheel_holds_the_manifest_and_every_data_file(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    assert wheel.read("napari_mid/napari.yaml") == (ROOT / "napari.yaml").read_bytes()
    assert data_files() - names == set()
    assert "napari_mid/py.typed" in names


def test_wheel_holds_code_and_nothing_else_of_the_checkout(wheel: zipfile.ZipFile) -> None:
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert tops == {"napari_mid", f"napari_mid-{napari_mid.__version__}.dist-info"}
    assert not [name for name in wheel.namelist() if "__pycache__" in name or "/tests/" in name]


def test_wheel_holds_the_demo_models_and_stays_small(wheel: zipfile.ZipFile) -> None:
    models = [info for info in wheel.infolist() if info.filename.endswith("/model.safetensors")]
    assert sorted(info.filename.split("/")[-2] for info in models) == ["demo_model", "demo_model_mitotox", "nucleus_detector"]
    assert max(info.file_size for info in models) <= 11_000_000
    assert sum(info.compress_size for info in wheel.infolist()) < 14_000_000


def test_a_class_of_napari_plugins_and_the_version_agree() -> None:
    metadata = distribution("napari-mid").metadata
    assert "Framework :: napari" in metadata.get_all("Classifier", [])
    assert metadata["Version"] == napari_mid.__version__


def test_the_window_is_imported_without_the_libraries_that_must_wait_for_it() -> None:
    """timm loads Triton, whose LLVM crashes with that of Mesa where the window did not come first (viewer/compat.py)."""
    pytest.importorskip("napari")
    modules = "napari_mid.widgets.window, napari_mid.widgets.open, napari_mid.widgets.train_panel, napari_mid.viewer.layout"
    asked = f"import sys, {modules}; print([name for name in ('timm', 'torchvision', 'triton') if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
