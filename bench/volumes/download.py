"""Fetch a card's file, and use it only if it is the one the card means.

What was fetched stays in a file of its own, ``NAME.part``, until it is whole: a download that broke
off continues from there. docs/decisions/0012 says why pooch, the library for such files, is not
used.
"""

from __future__ import annotations

import ssl
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib import request
from urllib.error import HTTPError, URLError

from bench.base.errors import UserError
from bench.base.files import file_digest, is_full, locked, probe_folder, take_name
from bench.base.progress import Display, Progress, silent
from bench.volumes.cards import Card, CardFile, load_card

_BLOCK = 2**20
_TIMEOUT_S = 60
_PARTIAL, _BEYOND_THE_END = 206, 416  # answers of HTTP
_BROKEN = (URLError, HTTPException, ssl.SSLError, TimeoutError, ConnectionError)


def download(
    card: Card, folder: Path, progress: Progress = silent, *, file: CardFile | None = None
) -> Path:
    """Fetch one file of a card into a folder, unless it lies there already.

    It takes its name only after its size and SHA-256 were found right. Only one process at a time
    may fetch into a folder.

    Args:
        card: the dataset.
        folder: where the file goes; made if it is not there.
        progress: called with the bytes fetched and the bytes expected (0 if unknown).
        file: which file of the card; the first, from which the dataset is built, by default.

    Returns:
        The path of the file.

    Raises:
        UserError: nothing to fetch, no connection, a wrong file, no room for it, or another
            file of that name already in the folder.
    """
    if not card.files:
        raise UserError(
            f"There is no public address for '{card.name}'; give its volume with --source PATH."
        )
    wanted = file or card.files[0]
    target = folder / wanted.name
    try:
        if target.exists():
            if file_digest(target) == wanted.sha256:
                return target
            raise UserError(
                f"{target} is not the file that '{card.name}' is built from (its SHA-256 differs); "
                "move it away and repeat the command, or build from it with --source under "
                "another name."
            )
        folder.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.part")
        _fetch_right(wanted, part, progress)
        take_name(part, target)
    except _BROKEN as error:
        reason = getattr(error, "reason", None) or error
        raise UserError(
            f"{wanted.url} cannot be fetched ({reason}); repeat the command later, which goes on "
            "from here, or fetch it by other means and give it with --source PATH."
        ) from error
    except OSError as error:
        why = "the disk is full" if is_full(error) else error.strerror
        raise UserError(
            f"{target} cannot be written ({why}); choose another folder with --data."
        ) from error
    return target


def download_volume(name: str, data: Path, display: Display) -> Path:
    """Fetch the volume of a card into the folder of the datasets, checked before use.

    Raises:
        UserError: as ``download``.
    """
    tick = display.stage("download")
    megabyte, folder = 2**20, data / "volumes"
    probe_folder(folder)
    with locked(folder, lambda who: display.note(f"{who} fetches a volume; waiting for it.")):
        return download(
            load_card(name),
            folder,
            lambda done, total, _: tick(done // megabyte, total // megabyte, "MiB"),
        )


def _fetch_right(wanted: CardFile, part: Path, progress: Progress) -> None:
    """Fetch a file, and keep it only if it is the right one."""
    resumed = _bytes_of(part) > 0
    _fetch(wanted, part, progress)
    if resumed and file_digest(part) != wanted.sha256:  # its beginning was of another file
        part.unlink()
        _fetch(wanted, part, progress)
    size_fits = wanted.size in (None, _bytes_of(part))
    if size_fits and file_digest(part) == wanted.sha256:
        return
    part.unlink()
    if not size_fits:
        raise UserError(
            f"{wanted.url} does not have the {wanted.size:,} bytes it should have; try again later."
        )
    raise UserError(
        f"{wanted.url} is not the file it should be (its SHA-256 differs) and was not kept; "
        "try again, or fetch it by other means and give it with --source PATH."
    )


def _fetch(wanted: CardFile, part: Path, progress: Progress) -> None:
    """Fetch all of a file; try again as long as each try brings something."""
    while True:
        before = _bytes_of(part)
        try:
            _fetch_more(wanted, part, progress)
            return
        except _BROKEN:
            if _bytes_of(part) == before:
                raise


def _fetch_more(wanted: CardFile, part: Path, progress: Progress) -> None:
    """Fetch what a file lacks.

    Raises:
        ConnectionError: it broke off.
    """
    done = _bytes_of(part)
    headers = {"Range": f"bytes={done}-"} if done else {}
    asked = request.Request(wanted.url, headers=headers)  # noqa: S310 (see the opener)
    try:
        answer: HTTPResponse = _opener().open(asked, timeout=_TIMEOUT_S)
    except HTTPError as error:
        if error.code != _BEYOND_THE_END or not done:
            raise
        return  # nothing is lacking, or it is the wrong file
    with answer, part.open("ab" if answer.status == _PARTIAL else "wb") as sink:
        done = sink.tell()
        length = answer.headers.get("Content-Length")
        end = done + int(length) if length else 0
        expected = wanted.size or end
        while block := answer.read(_BLOCK):
            sink.write(block)
            done += len(block)
            progress(done, max(expected, done), "bytes")
            if wanted.size is not None and done > wanted.size:
                return  # the wrong file
    if done < end:
        raise ConnectionError(f"it broke off after {done:,} of {end:,} bytes")


def _bytes_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _opener() -> request.OpenerDirector:
    # The certificate of cremi.org is out of date. What vouches for a file is its SHA-256 in
    # the card, so no certificate is asked for; and nothing but http and https is spoken.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler(),
        request.HTTPHandler(),
        request.HTTPSHandler(context=context),
        request.HTTPRedirectHandler(),
        request.HTTPErrorProcessor(),
        request.HTTPDefaultErrorHandler(),
        request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener
