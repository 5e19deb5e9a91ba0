"""JSON over HTTP, to the hosts that were named and to no other."""

from __future__ import annotations

import http.client
import json
import math
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from shared_core.errors import ConfigError, RouterError, TimedOut


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Redirects are errors: a key must not follow one to a host the user did not name."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def checked_address(address: str) -> str:
    """A server's address, without a slash at its end.

    Raises:
        ConfigError: it is none, or has in it what may be secret; the message does not quote it.
    """
    try:
        parts = urlsplit(address)
    except ValueError:  # which quotes it
        raise ConfigError("a server's address is no URL") from None
    if parts.scheme not in ("http", "https"):
        raise ConfigError("a server's address begins with http:// or https://")
    if "@" in parts.netloc or parts.query:
        raise ConfigError(
            "a server's address has no name, password or query in it: a key is given apart"
        )
    return address.rstrip("/")


def call(
    url: str,
    api_key: str,
    body: Mapping[str, Any] | None = None,
    *,
    failed: type[RouterError],
    timeout: float = 300.0,
) -> dict[str, Any]:
    """GET, or POST of a JSON body; the JSON object that came back.

    Args:
        url: beginning with ``http://`` or ``https://``.
        api_key: sent as a bearer token where not empty, without blanks around it.
        body: what is posted.
        failed: raised where no JSON object came back.
        timeout: seconds to wait for the next bytes, and for the whole body.

    Raises:
        ConfigError: the key or the address is none.

    No message quotes the key, even where the server does.
    """
    checked_address(url)
    headers = {"Content-Type": "application/json", "User-Agent": "llmrouter"}
    if key := api_key.strip():
        if not (key.isascii() and key.isprintable()):
            raise ConfigError("the API key has characters in it that no key has")
        headers["Authorization"] = f"Bearer {key}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers)  # noqa: S310
    try:
        with _opener(url).open(request, timeout=timeout) as response:
            told = json.loads(_body(response, timeout))
    except urllib.error.HTTPError as error:
        raise failed(f"{url} answered {error.code}: {_said(error, timeout, key)}") from error
    except (OSError, ValueError, RecursionError, http.client.HTTPException) as error:
        raise failed(f"no answer from {url}: {error}") from error
    if not isinstance(told, dict):
        raise failed(f"{url} answered with no JSON object")
    return told


def _body(response: Any, timeout: float, most: float = math.inf) -> bytes:
    """What came within the time: the whole, or ``most`` bytes or a little more."""
    held, end = bytearray(), time.monotonic() + timeout
    while len(held) < most and (more := response.read1(1 << 16)):
        held += more
        if time.monotonic() > end:
            raise TimedOut(f"it went on for more than {timeout:g} seconds")
    return bytes(held)


def _said(error: urllib.error.HTTPError, timeout: float, key: str) -> str:
    """The beginning of what came with an error, without the key."""
    try:
        told = _body(error, timeout, 300 + len(key)).decode(errors="replace")
        return (told.replace(key, "[the key]") if key else told)[:300]
    except (OSError, http.client.HTTPException) as unread:
        return f"its message broke off ({type(unread).__name__})"


def _opener(url: str) -> urllib.request.OpenerDirector:
    """Past any proxy for this machine's own addresses."""
    if urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1"):
        return urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(_NoRedirect)
