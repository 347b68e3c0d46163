from __future__ import annotations

import functools
import gc
import http.server
import json
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest
import zarr
from fsspec.implementations.http import HTTPFileSystem

from napari_mid.cli.main import main
from napari_mid.errors import ImageReadError, MidError, PlateFormatError, PlateNotFoundError
from napari_mid.plates import open_plate, zarr_places
from napari_mid.plates.zarr_places import RemoteStoreError

from .zarr_plates import write_plate


class Server(http.server.ThreadingHTTPServer):
    """Serves a folder and keeps the paths that were asked for."""

    request_queue_size = 64

    def __init__(self, folder: Path) -> None:
        server = self
        self.asked: list[str] = []

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                super().do_GET()

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    running = Server(tmp_path)
    yield running
    running.stop()


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_plate_on_a_server_is_the_plate_on_disk(tmp_path: Path, server: Server, zarr_format: int) -> None:
    root = write_plate(tmp_path / "a.zarr", zarr_format, wells=["A/1", "A/2", "B/3"], translation=(1.0, 2.0), levels=3)
    shutil.rmtree(root / "A/2")
    here, there = open_plate(root), open_plate(f"{server.url}/a.zarr/")
    assert not [path for path in server.asked if "/c/" in path or path.endswith("0/0")]  # no pixels for the index
    assert there.path == f"{server.url}/a.zarr"
    for name in ("name", "rows", "columns", "channels", "n_images", "missing_files", "warnings", "pixel_size_um"):
        assert getattr(there, name) == getattr(here, name), name
    assert list(there.wells) == list(here.wells)
    for well in here.wells.values():
        for number, field in well.fields.items():
            other = there[well.name].fields[number]
            assert other.position_um == field.position_um
            assert np.array_equal(other.load(), field.load())
            assert np.array_equal(other.load_channel(1, level=2), field.load_channel(1, level=2))


def test_the_command_line_takes_a_url(tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    write_plate(tmp_path / "a.zarr")
    assert main(["info", f"{server.url}/a.zarr", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["name"], facts["n_images"], list(facts["wells"])) == ("my plate", 8, ["A01", "B03"])
    assert main(["info", f"{server.url}/b.zarr"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_consolidated_metadata_spare_requests(tmp_path: Path, server: Server, zarr_format: int) -> None:
    root = write_plate(tmp_path / "a.zarr", zarr_format)
    zarr.consolidate_metadata(str(root), zarr_format=3 if zarr_format == 3 else 2)
    plate = open_plate(f"{server.url}/a.zarr")
    assert plate.n_images == 8
    assert len(server.asked) <= 8
    assert np.array_equal(plate["B03"].fields[1].load(), open_plate(root)["B03"].fields[1].load())


def test_chunks_that_the_server_has_not(tmp_path: Path, server: Server) -> None:
    root = write_plate(tmp_path / "a.zarr")
    plate = open_plate(f"{server.url}/a.zarr")
    shutil.rmtree(root / "A/1/0/0/c/1")
    shutil.rmtree(root / "A/1/1/0/c")
    field = plate["A01"].fields[0]
    assert field.load_channel(0).any()
    for one, channel in ((field, 1), (plate["A01"].fields[1], 0)):
        with pytest.raises(ImageReadError, match="does not exist"):
            one.load_channel(channel)


@pytest.mark.timeout(120)  # an answer that is waited for without end would take longer
def test_a_server_that_dies(tmp_path: Path, server: Server) -> None:
    write_plate(tmp_path / "a.zarr")
    plate = open_plate(f"{server.url}/a.zarr")
    plate["A01"].fields[0].load()
    server.stop()
    for number in (0, 1):
        with pytest.raises(ImageReadError, match=r"a\.zarr/A/1/\d/0 \(c 0\) cannot be read"):
            plate["A01"].fields[number].load()
    with pytest.raises(RemoteStoreError, match="cannot be reached"):
        open_plate(f"{server.url}/a.zarr")


@pytest.mark.timeout(120)
def test_a_server_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(zarr_places, "ANSWER_S", 0.3)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(RemoteStoreError, match="cannot be reached"):
            open_plate(f"http://127.0.0.1:{silent.getsockname()[1]}/a.zarr")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("gs://bucket/a.zarr", "http://, https:// or s3://"),
        ("http:///a.zarr", "cannot be read"),
        ("https://host/a.zarr?key=1", "after ?"),
    ],
)
def test_urls_that_cannot_be_read(url: str, says: str) -> None:
    with pytest.raises(PlateFormatError) as caught:
        open_plate(url)
    assert says in str(caught.value)


def test_a_pattern_is_for_folders(server: Server) -> None:
    with pytest.raises(PlateFormatError, match="leave the pattern out"):
        open_plate(f"{server.url}/a.zarr", pattern="{well}.tif")


def test_s3_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    zarr_places._file_system.cache_clear()
    with pytest.raises(MidError, match=r'pip install "napari-mid\[s3\]"'):
        open_plate("s3://bucket/a.zarr")


def test_s3_is_asked_without_credentials_where_those_open_nothing(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Bucket(HTTPFileSystem):
        """An S3 of the test's own: the files of the server, for those who ask anonymously."""

        protocol = "s3"

        def __init__(self, anon: bool, config_kwargs: dict[str, float], **options: object) -> None:
            super().__init__(**options)
            self.anon = anon

        async def _cat_file(self, path: str, start: int | None = None, end: int | None = None, **options: object) -> bytes:
            if not self.anon:
                raise PermissionError("Access Denied")
            content: bytes = await super()._cat_file(path.replace("s3://bucket", server.url), start, end, **options)
            return content

    write_plate(tmp_path / "a.zarr")
    monkeypatch.setattr(fsspec, "filesystem", lambda scheme, **options: Bucket(**options))
    zarr_places._file_system.cache_clear()
    zarr_places._remote_store.cache_clear()
    try:
        plate = open_plate("s3://bucket/a.zarr")
        assert plate.path == "s3://bucket/a.zarr"
        assert np.array_equal(plate["A01"].fields[0].load(), open_plate(tmp_path / "a.zarr")["A01"].fields[0].load())
        with pytest.raises(PlateNotFoundError, match=r"s3://bucket/b\.zarr"):
            open_plate("s3://bucket/b.zarr")
    finally:
        zarr_places._file_system.cache_clear()
        zarr_places._remote_store.cache_clear()
        gc.collect()


def test_nothing_is_left_open_when_python_ends(tmp_path: Path, server: Server) -> None:
    write_plate(tmp_path / "a.zarr")
    code = f"import napari_mid as nm; print(nm.open_plate('{server.url}/a.zarr')['A01'].fields[0].load().shape)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(2, 16, 24)"
    assert done.stderr == ""
