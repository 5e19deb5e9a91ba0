"""Calls of model servers that answer junk, break off or drip; keys that stay untold."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from shared_core import ConfigError, LlamaCppLikelihood
from shared_core.demo.live import LiveModel, live_models
from shared_core.errors import LiveModelFailed
from shared_core.http import call

Answering = Callable[[socket.socket], None]
Serve = Callable[[Answering], str]

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
ERROR = b"HTTP/1.1 500 X\r\nContent-Length: 100\r\n\r\n"


@pytest.fixture
def serve() -> Iterator[Serve]:
    """The address of a server that answers so."""
    servers = []

    def begin(answer: Answering) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def work() -> None:
            while True:
                try:
                    caller, _ = server.accept()
                except OSError:
                    return
                with caller:
                    caller.recv(1 << 16)
                    try:
                        answer(caller)
                    except OSError:
                        continue

        threading.Thread(target=work, daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}/v1"

    yield begin
    for server in servers:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


def told(body: bytes) -> Answering:
    return lambda caller: caller.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)


def reset(caller: socket.socket) -> None:
    caller.sendall(ERROR)
    time.sleep(0.1)
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hang(caller: socket.socket) -> None:
    caller.sendall(ERROR)
    caller.recv(1)


def drip(caller: socket.socket) -> None:
    caller.sendall(HEAD + b"Content-Length: 12\r\n\r\n")
    for _ in range(10):
        caller.sendall(b" ")
        time.sleep(0.1)
    caller.sendall(b"{}")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (told(b"[" * 200_000), "no answer from"),
        (told(b"[]"), "no JSON object"),
        (told(b"\xff"), "no answer from"),
        (lambda caller: None, "no answer from"),
        (lambda caller: caller.sendall(ERROR + b"busy"), "answered 500: busy"),
        (
            lambda caller: caller.sendall(
                b"HTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nabc"
            ),
            "answered 500",
        ),
        (reset, "answered 500: its message broke off"),
        (hang, "answered 500: its message broke off"),
        (drip, r"went on for more than 0\.3 seconds"),
    ],
)
def test_whatever_a_server_sends_is_one_error(answer: Answering, says: str, serve: Serve) -> None:
    with pytest.raises(LiveModelFailed, match=says):
        call(serve(answer), "", failed=LiveModelFailed, timeout=0.3)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1"])
def test_a_redirect_leads_nowhere(host: str, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    elsewhere = serve(told(b"{}"))
    moved = b"HTTP/1.1 302 X\r\nContent-Length: 0\r\nLocation: %b\r\n\r\n" % elsewhere.encode()
    address = serve(lambda caller: caller.sendall(moved)).replace("127.0.0.1", host)
    with pytest.raises(LiveModelFailed, match="answered 302"):
        call(address, "sk-SECRET", failed=LiveModelFailed)


@pytest.mark.parametrize(
    "junk",
    [
        {},
        {"choices": []},
        {"choices": [{"message": {"content": [{"type": "text", "text": "hi"}]}}]},
        {"choices": [{"message": {"content": "hi"}}], "usage": [1]},
        {"choices": [{"message": {"content": "hi"}}], "usage": {"prompt_tokens": "x"}},
        {"choices": [{"message": {"content": "hi"}}], "usage": {"prompt_tokens": float("inf")}},
    ],
    ids=str,
)
def test_answers_that_are_none_are_told(junk: Any, serve: Serve) -> None:
    with pytest.raises(LiveModelFailed, match="large sent no answer"):
        LiveModel("large", serve(told(json.dumps(junk).encode()))).ask("hi")


def test_an_answer_without_counts_is_one(serve: Serve) -> None:
    said = {"choices": [{"message": {"content": " hi"}}], "usage": {"prompt_tokens": None}}
    answer = LiveModel("large", serve(told(json.dumps(said).encode()))).ask("hi")
    assert (answer.text, answer.in_tokens, answer.out_tokens) == ("hi", 0, 0)


@pytest.mark.parametrize("listed", [{}, {"data": 5}, {"data": ["x"]}, {"data": {"id": "x"}}])
def test_a_server_that_lists_no_models_is_told(listed: Any, serve: Serve) -> None:
    with pytest.raises(LiveModelFailed, match="lists no models"):
        live_models(serve(told(json.dumps(listed).encode())))


def test_blanks_around_a_key_are_not_sent(serve: Serve) -> None:
    models = live_models(serve(told(b'{"data": [{"id": "large"}]}')), api_key="sk-SECRET\n")
    assert [model.name for model in models] == ["large"]


@pytest.mark.parametrize("key", ["sk-SECRET\nx", "sk-SECRET\u2013", "sk-SECRET\x7f"])
def test_keys_that_are_none_are_not_quoted(key: str) -> None:
    with pytest.raises(ConfigError, match="API key") as raised:
        call("http://127.0.0.1:1/v1", key, failed=LiveModelFailed)
    assert "SECRET" not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize(
    "address",
    [
        "http://user:SECRET@127.0.0.1:1/v1",
        "http://127.0.0.1:1/v1?api-key=SECRET",
        "user:SECRET@127.0.0.1/v1",
        "http://user:SECRET@[::1/v1",
        "http://user:SECRET@\u2100/v1",
    ],
)
@pytest.mark.parametrize(
    "use",
    [
        LlamaCppLikelihood,
        lambda address: LiveModel("large", address),
        lambda address: call(address, "", failed=LiveModelFailed),
    ],
    ids=["likelihood", "live", "call"],
)
def test_secrets_in_an_address_are_refused_and_not_quoted(
    use: Callable[[str], object], address: str
) -> None:
    with pytest.raises(ConfigError, match="a server's address") as raised:
        use(address)
    assert "SECRET" not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize("before", [0, 275])
def test_a_key_that_the_server_quotes_is_not(before: int, serve: Serve) -> None:
    said = b"x" * before + b"no such key: Bearer sk-SECRET-KEY-OF-MINE"
    head = b"HTTP/1.1 401 X\r\nContent-Length: %d\r\n\r\n" % len(said)
    with pytest.raises(LiveModelFailed, match="answered 401: ") as raised:
        call(
            serve(lambda caller: caller.sendall(head + said)),
            "sk-SECRET-KEY-OF-MINE",
            failed=LiveModelFailed,
        )
    assert "sk-" not in "".join(traceback.format_exception(raised.value))
