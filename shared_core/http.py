"""JSON over HTTP, to the hosts that were named and to no other."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from shared_core.errors import RouterError


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Redirects are errors: a key must not follow one to a host the user did not name."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


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
        api_key: sent as a bearer token where not empty.
        body: what is posted.
        failed: raised where no JSON object came back.
        timeout: seconds.
    """
    headers = {"Content-Type": "application/json", "User-Agent": "llmrouter"}
    if api_key:
        headers["Authorization"] = f"Bearer {api_key}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers)  # noqa: S310
    try:
        with _opener(url).open(request, timeout=timeout) as response:
            told = json.load(response)
    except urllib.error.HTTPError as error:
        said = error.read(300).decode(errors="replace")
        raise failed(f"{url} answered {error.code}: {said}") from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise failed(f"no answer from {url}: {error}") from error
    if not isinstance(told, dict):
        raise failed(f"{url} answered with no JSON object")
    return told


def _opener(url: str) -> urllib.request.OpenerDirector:
    """Past any proxy for this machine's own addresses."""
    if urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1"):
        return urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(_NoRedirect)
