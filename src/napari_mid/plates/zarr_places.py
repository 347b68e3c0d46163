"""Where a Zarr hierarchy lies, a folder or a server, and how its files are read there."""

from __future__ import annotations

import atexit
import os
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from napari_mid.errors import MidError, PlateFormatError, PlateNotFoundError
from napari_mid.plates.urls import is_url

#: Seconds until a server that does not answer is given up: for the connection, and for the next bytes of an answer.
CONNECT_S, ANSWER_S = 10.0, 20.0

#: Files that are asked for at a time, from a disk or share and from a server.
_DISK_THREADS, _REQUESTS = 8, 16

#: Files that are looked for before an image counts as absent, on a disk and on a server.
_MAX_ON_DISK, _MAX_ON_SERVER = 10_000, 256

_SCHEMES = ("http", "https", "s3")

#: Files that tell what the root of a hierarchy is.
ROOT_FILES = ("zarr.json", ".zattrs", ".zgroup")


class RemoteStoreError(MidError):
    """A server cannot be reached, or what reaching it needs is not installed."""


def inner_path(text: object) -> str | None:
    """The path that metadata give for something inside the hierarchy, normalised; None where it leads out or makes no sense."""
    if not isinstance(text, str) or not text or text.startswith("/") or re.search(r"[\\:?#%*\x00-\x1f]", text):
        return None
    parts = [part for part in text.split("/") if part not in ("", ".")]
    return "/".join(parts) if parts and ".." not in parts else None


@dataclass(frozen=True, slots=True)
class ZarrPlace:
    """The root of a Zarr hierarchy.

    Parameters
    ----------
    root
        An absolute folder, or a URL, without a slash at the end.
    anonymous
        Whether S3 is asked without credentials.
    """

    root: str
    anonymous: bool = False

    @property
    def is_remote(self) -> bool:
        """Whether it lies on a server."""
        return is_url(self.root)

    @property
    def name(self) -> str:
        """Its last part without ``.zarr`` or ``.ome.zarr``."""
        last = urlsplit(self.root).path.rsplit("/", 1)[-1] if self.is_remote else Path(self.root).name
        return re.sub(r"(\.ome)?\.zarr$", "", last, flags=re.IGNORECASE) or last or "plate"

    def read(self, keys: Sequence[str]) -> dict[str, bytes | Exception]:
        """The content of the files `keys` that are there, or why it cannot be read; in parallel.

        Raises
        ------
        RemoteStoreError
            If the server cannot be reached.
        """
        if self.is_remote:
            answers = _fetch(self.root, keys, self.anonymous)
        elif len(keys) < _DISK_THREADS:
            answers = [_read_file(self.root, key) for key in keys]
        else:
            with ThreadPoolExecutor(_DISK_THREADS) as pool:
                answers = list(pool.map(lambda key: _read_file(self.root, key), keys))
        found = zip(keys, answers, strict=True)
        return {key: answer for key, answer in found if not isinstance(answer, FileNotFoundError | NotADirectoryError)}

    def holds_any(self, keys: Iterable[str]) -> bool:
        """Whether one of the files `keys` is there; only the first of very many are looked for."""
        if not self.is_remote:
            return any(os.path.lexists(f"{self.root}/{key}") for key in islice(keys, _MAX_ON_DISK))
        keys = islice(keys, _MAX_ON_SERVER)
        while batch := list(islice(keys, _REQUESTS)):
            if any(isinstance(answer, bytes) for answer in self.read(batch).values()):
                return True
        return False

    def leads_out(self, key: str) -> bool:
        """Whether a link on the way to `key` leaves the hierarchy; a server's files cannot."""
        if self.is_remote:
            return False
        home = os.path.realpath(self.root)
        real = os.path.realpath(f"{self.root}/{key}")
        return real != home and not real.startswith(home.rstrip(os.sep) + os.sep)

    def changed(self, key: str) -> int:
        """A number that changes when the file `key` is rewritten; 0 on a server.

        Raises
        ------
        FileNotFoundError
            If it is absent.
        """
        return 0 if self.is_remote else os.stat(f"{self.root}/{key}").st_mtime_ns

    def store(self) -> Any:
        """A read-only store for `zarr`."""
        if self.is_remote:
            return _remote_store(self.root, self.anonymous, CONNECT_S, ANSWER_S)
        from zarr.storage import LocalStore

        return LocalStore(self.root, read_only=True)


def remote_place(url: str) -> ZarrPlace:
    """The place that a URL means; S3 is asked without credentials where those of this computer, if any, open nothing.

    Raises
    ------
    PlateFormatError
        If the URL is none that can be read.
    PlateNotFoundError
        If the URL holds no Zarr metadata.
    RemoteStoreError
        If the server cannot be reached.
    """
    parts = urlsplit(url)
    if parts.scheme.lower() not in _SCHEMES or not parts.netloc:
        raise PlateFormatError(f"{url} cannot be read; a plate on a server is http://, https:// or s3://host/plate.zarr.")
    if parts.query or parts.fragment:
        raise PlateFormatError(f"{url} has a part after ? or #, with which no folder can be opened; give the URL of the .zarr.")
    root = url.rstrip("/")
    if root.rsplit("/", 1)[-1] in (*ROOT_FILES, ".zmetadata"):
        root = root.rsplit("/", 1)[0]
    answers: dict[str, bytes | Exception] = {}
    for anonymous in (False, True) if parts.scheme.lower() == "s3" else (False,):
        place = ZarrPlace(root, anonymous)
        answers = place.read(ROOT_FILES)
        if any(isinstance(answer, bytes) for answer in answers.values()):
            return place
    reasons = [reason_of(answer) for answer in answers.values() if isinstance(answer, Exception)]
    why = f": {reasons[0]}" if reasons else "; expected a zarr.json or .zattrs there"
    raise PlateNotFoundError(f"There is no OME-Zarr plate at {root}{why}.")


def reason_of(error: BaseException) -> str:
    """What went wrong, in one line."""
    text = str(error).splitlines()[0].rstrip(".") if str(error) else ""
    return text[:200] or type(error).__name__


def _read_file(root: str, key: str) -> bytes | Exception:
    path = Path(root, key)
    try:
        # a pipe that somebody calls .zattrs would be waited for
        return path.read_bytes() if path.is_file() else FileNotFoundError(key)
    except (OSError, ValueError) as error:
        return error


def _fetch(root: str, keys: Sequence[str], anonymous: bool) -> list[bytes | Exception]:
    """The answers of the server to all `keys`, many at a time; the first sign that it is gone ends it."""
    import asyncio

    from fsspec.asyn import sync

    system = _file_system(urlsplit(root).scheme.lower(), anonymous, False, CONNECT_S, ANSWER_S)

    async def one(key: str, turn: asyncio.Semaphore) -> bytes | Exception:
        async with turn:
            try:
                content: bytes = await system._cat_file(f"{root}/{key}")
            except (FileNotFoundError, PermissionError) as error:
                return error
            except OSError:
                raise
            except Exception as error:
                return error
            return content

    async def every() -> list[bytes | Exception]:
        turn = asyncio.Semaphore(_REQUESTS)
        tasks = [asyncio.ensure_future(one(key, turn)) for key in keys]
        try:
            return list(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()

    try:
        answers: list[bytes | Exception] = sync(system.loop, every)
    except OSError as error:  # no such host, refused, cut, or no answer in time
        host = urlsplit(root).hostname or root
        raise RemoteStoreError(
            f"{host} cannot be reached ({reason_of(error)}); check the URL {root} and the network connection."
        ) from error
    return answers


@lru_cache(maxsize=8)
def _file_system(scheme: str, anonymous: bool, asynchronous: bool, connect_s: float, answer_s: float) -> Any:
    """The file system of fsspec; `zarr` wants one that works in its own event loop, which `asynchronous` is."""
    import fsspec

    options: dict[str, Any] = {"asynchronous": asynchronous, "skip_instance_cache": True}
    if scheme == "s3":
        options |= {"anon": anonymous, "config_kwargs": {"connect_timeout": connect_s, "read_timeout": answer_s}}
    else:
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_s, sock_read=answer_s)
        options |= {"client_kwargs": {"timeout": timeout, "trust_env": True}, "get_client": _http_client}
    try:
        return fsspec.filesystem(scheme, **options)
    except ImportError as error:
        extra = "napari-mid[s3]" if scheme == "s3" else "napari-mid"
        raise RemoteStoreError(f'Plates at {scheme}:// need a package that is not installed: pip install "{extra}".') from error


async def _http_client(**options: Any) -> Any:
    """A connection that is closed when Python ends; fsspec leaves that to the caller where the event loop is not its own."""
    import asyncio

    from fsspec.implementations.http import HTTPFileSystem, get_client

    session = await get_client(**options)
    atexit.register(HTTPFileSystem.close_session, asyncio.get_running_loop(), session)
    return session


@lru_cache(maxsize=32)
def _remote_store(root: str, anonymous: bool, connect_s: float, answer_s: float) -> Any:
    from zarr.storage import FsspecStore

    system = _file_system(urlsplit(root).scheme.lower(), anonymous, True, connect_s, answer_s)
    return FsspecStore(fs=system, read_only=True, path=system._strip_protocol(root))
