"""A server on loopback that speaks OpenAI's chat completions: tools, streams, usage, faults."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from adapters import openai_logprobs

USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


class OpenAIStub:
    """Serves until it is closed; says hello from its model, or calls the first tool once.

    Args:
        model: its name.
        status: answer with this error instead, if it is not 200.
        logprobs: of its answers' tokens, told to whoever wants them.
    """

    def __init__(self, model: str, status: int = 200, logprobs: Sequence[float] = ()) -> None:
        self.model = model
        self.logprobs = logprobs
        self.status = status
        self.requests: list[dict[str, Any]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def close(self) -> None:
        """Stop: whoever calls is refused from now on."""
        self._server.shutdown()
        self._server.server_close()

    def message(self, asked: dict[str, Any]) -> dict[str, Any]:
        """What the model says."""
        if asked.get("tools") and asked["messages"][-1]["role"] != "tool":
            function = {
                "name": asked["tools"][0]["function"]["name"],
                "arguments": json.dumps({"city": "Rome"}),
            }
            call = {"id": "call_1", "type": "function", "index": 0, "function": function}
            return {"role": "assistant", "content": None, "tool_calls": [call]}
        return {"role": "assistant", "content": f"hello from {self.model}"}


def _handler(stub: OpenAIStub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            stub.requests.append(asked)
            self.send_response(stub.status)
            streamed = stub.status == 200 and asked.get("stream")
            kind = "text/event-stream" if streamed else "application/json"
            self.send_header("Content-Type", kind)
            self.send_header("Connection", "close")
            self.end_headers()
            if stub.status != 200:
                self.wfile.write(b'{"error": {"message": "no"}}')
            elif streamed:
                for event in _events(stub, asked):
                    self.wfile.write(f"data: {event}\n\n".encode())
            else:
                self.wfile.write(json.dumps(_whole(stub, asked)).encode())

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler


def _about(stub: OpenAIStub, kind: str) -> dict[str, Any]:
    return {"id": "x", "object": kind, "created": 1, "model": stub.model}


def _whole(stub: OpenAIStub, asked: dict[str, Any]) -> dict[str, Any]:
    choice = {"index": 0, "message": stub.message(asked), "finish_reason": "stop"}
    if asked.get("logprobs"):
        choice["logprobs"] = openai_logprobs(stub.logprobs)
    return {**_about(stub, "chat.completion"), "choices": [choice], "usage": USAGE}


def _events(stub: OpenAIStub, asked: dict[str, Any]) -> Iterator[str]:
    message = stub.message(asked)
    words = [f"{word} " for word in (message["content"] or "").split()]
    deltas = [{"content": word} for word in words] or [message]
    about = _about(stub, "chat.completion.chunk")
    for delta in deltas:
        choices = [{"index": 0, "delta": delta, "finish_reason": None}]
        yield json.dumps({**about, "choices": choices})
    ended = [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    yield json.dumps({**about, "choices": ended})
    yield json.dumps({**about, "choices": [], "usage": USAGE})
    yield "[DONE]"
