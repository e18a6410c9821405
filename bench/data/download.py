"""Fetch a card's file, and use it only if it is the one the card means."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from urllib import request
from urllib.error import URLError

from bench.data.cards import Card, CardFile
from bench.errors import UserError
from bench.files import atomic_path, file_digest, is_full

_BLOCK = 2**20
_TIMEOUT_S = 60

Progress = Callable[[int, int], None]


def download(
    card: Card, folder: Path, progress: Progress | None = None, *, file: CardFile | None = None
) -> Path:
    """Fetch one file of a card into a folder, unless it lies there already.

    It takes its name only after its size and SHA-256 were found right.

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
        with atomic_path(target) as temporary:
            _fetch(wanted, temporary, progress)
    except (URLError, HTTPException, ssl.SSLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", None) or error
        raise UserError(
            f"{wanted.url} cannot be fetched ({reason}); try again later, or fetch it by other "
            "means and give it with --source PATH."
        ) from error
    except OSError as error:
        why = "the disk is full" if is_full(error) else error.strerror
        raise UserError(
            f"{target} cannot be written ({why}); choose another folder with --data."
        ) from error
    return target


def _fetch(wanted: CardFile, target: Path, progress: Progress | None) -> None:
    digest, done = hashlib.sha256(), 0
    with _opener().open(wanted.url, timeout=_TIMEOUT_S) as answer, target.open("wb") as sink:
        expected = wanted.size or int(answer.headers.get("Content-Length") or 0)
        while block := answer.read(_BLOCK):
            done += len(block)
            if wanted.size is not None and done > wanted.size:
                break
            digest.update(block)
            sink.write(block)
            if progress is not None:
                progress(done, max(expected, done))
    if wanted.size is not None and done != wanted.size:
        raise UserError(
            f"{wanted.url} does not have the {wanted.size:,} bytes it should have; try again later."
        )
    if digest.hexdigest() != wanted.sha256:
        raise UserError(
            f"{wanted.url} is not the file it should be (its SHA-256 differs) and was not kept; "
            "try again, or fetch it by other means and give it with --source PATH."
        )


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
