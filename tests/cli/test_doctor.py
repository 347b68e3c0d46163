import json
import subprocess
import sys

import pytest

from napari_mid.cli import doctor
from napari_mid.cli.main import main


@pytest.fixture
def quick(monkeypatch):
    """Leave out what starts another process."""
    monkeypatch.setitem(doctor.CHECKS, "OpenGL", lambda: doctor.Finding("OpenGL", "ok", "4.5"))


def test_json_has_every_check(quick, capsys):
    assert main(["doctor", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert set(facts["checks"]) == set(doctor.CHECKS)
    assert "torch" in facts["checks"]["packages"]["found"]
    assert facts["checks"]["device"]["found"].startswith(("cpu", "cuda", "mps"))
    assert facts["ok"] == (not facts["missing"])
    assert facts["missing"] == [name for name, check in facts["checks"].items() if check["status"] == "missing"]


def test_every_thing_that_is_missing_comes_with_advice(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "QT_BINDINGS", ("NoSuchQt",))
    monkeypatch.setattr(doctor, "PACKAGES", ("numpy", "no-such-package"))
    monkeypatch.setattr(doctor, "_has_display", lambda: False)
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    findings = {finding.name: finding for finding in doctor.examine()}
    for name in ("Qt binding", "packages", "display", "OpenGL"):
        assert findings[name].status == "missing"
    assert all(finding.advice for finding in findings.values() if finding.status != "ok")
    assert "napari-mid[all]" in findings["Qt binding"].advice
    assert "no-such-package" in findings["packages"].advice
    assert "xvfb" in findings["display"].advice
    assert main(["doctor"]) == 0
    assert "missing: packages, Qt binding, display, OpenGL" in capsys.readouterr().out


def test_a_check_that_breaks_becomes_a_finding(quick, monkeypatch):
    def broken():
        raise RuntimeError("driver\nexploded")

    monkeypatch.setitem(doctor.CHECKS, "device", broken)
    finding = next(finding for finding in doctor.examine() if finding.name == "device")
    assert finding.status == "missing"
    assert "RuntimeError: driver exploded" in finding.found


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os; os.abort()", "status -6"),
        ("import sys; sys.exit('libGL.so.1: cannot open shared object file')", "libGL.so.1"),
        ("import time; time.sleep(600)", "no answer"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="a process that aborts has another status on Windows")
def test_a_window_system_that_dies_or_hangs_does_not_take_the_doctor_along(monkeypatch, code, reason):
    if "sleep" in code:
        monkeypatch.setattr(doctor, "PROBE_TIMEOUT_S", 2)
    finding = doctor._opengl_finding([sys.executable, "-c", code], {})
    assert finding.status == "missing"
    assert reason in finding.found
    assert "libgl1" in finding.advice


def test_a_probe_that_answers_is_believed():
    assert doctor._opengl_finding([sys.executable, "-c", "print('4.5, llvmpipe')"], {}).found == "4.5, llvmpipe"


@pytest.mark.parametrize(
    ("built_for", "driver", "reason"),
    [(None, None, "CPU only"), ("12.8", None, "no NVIDIA driver"), ("12.8", "/usr/bin/nvidia-smi", "cannot use it")],
)
def test_why_there_is_no_gpu(monkeypatch, built_for, driver, reason):
    monkeypatch.setattr(doctor.sys, "platform", "linux")
    monkeypatch.setattr(doctor.shutil, "which", lambda name: driver)
    found, advice = doctor._why_no_cuda(built_for)
    assert reason in found
    assert advice


def test_the_doctor_imports_no_qt_itself():
    code = (
        "import sys\n"
        "from napari_mid.cli import doctor\n"
        "del doctor.CHECKS['OpenGL'], doctor.CHECKS['demo model']\n"
        "doctor.examine()\n"
        "assert not [name for name in sys.modules if name.startswith(('qtpy', 'PyQt', 'PySide', 'napari.'))]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
