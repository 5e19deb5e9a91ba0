"""GGUF files served by this process, on loopback."""

from __future__ import annotations

import importlib
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Final

from shared_core.errors import ConfigError, MissingExtra

GEMMA_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message.role == 'user' %}Q: {{ message.content }}\n"
    "{% elif message.role == 'assistant' %}A: {{ message.content }}\n\n"
    "{% else %}{{ message.content }}\n\n{% endif %}"
    "{% endfor %}A:"
)
"""Questions and answers for a base model, which knows no chat; stop it at ``QA_STOP``."""
QA_STOP = ("\nQ:", "\nA:", "\n\n")

_HEADER_BYTES: Final = 32 << 20


@dataclass
class ServedModel:
    """A model served by this process on loopback, until closed."""

    name: str
    base_url: str
    api_key: str = field(repr=False)
    _server: Any = field(repr=False)

    def close(self) -> None:
        """Stop serving; closing twice is fine."""
        self._server = None

    def __enter__(self) -> ServedModel:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def engine() -> ModuleType:
    """The package that serves.

    Raises:
        MissingExtra: xllamacpp is not installed.
    """
    try:
        return importlib.import_module("xllamacpp")
    except ImportError as error:
        raise MissingExtra("serving a model here needs xllamacpp: pip install xllamacpp") from error


def serve_gguf(
    path: str | Path,
    name: str,
    *,
    threads: int = 1,
    context: int = 2048,
    chat_template: str | None = None,
) -> ServedModel:
    """Serve a GGUF file with an OpenAI-compatible API on a free loopback port.

    Args:
        path: the model.
        name: what the server calls it.
        threads: CPU threads.
        context: tokens of prompt and answer together.
        chat_template: Jinja template, for a model that has none of its own.

    Raises:
        ConfigError: there is no such file, or it cannot be loaded.
        MissingExtra: xllamacpp is not installed.
    """
    backend = engine()
    if not Path(path).is_file():
        raise ConfigError(f"no file {path}")
    api_key = secrets.token_urlsafe(24)
    settings = _settings(backend, Path(path), name, threads, context)
    settings.api_keys = [api_key]
    if chat_template is not None:
        settings.chat_template = chat_template
    try:
        server = backend.Server(settings)
    except RuntimeError as error:
        raise ConfigError(f"{path} cannot be served: {error}") from error
    return ServedModel(name, f"{server.listening_address}/v1", api_key, server)


def _settings(backend: ModuleType, path: Path, name: str, threads: int, context: int) -> Any:
    settings = backend.CommonParams()
    settings.model.path = str(path)
    settings.model_alias = {name}
    settings.n_ctx = context
    settings.n_parallel = 1
    settings.cpuparams.n_threads = threads
    settings.cpuparams_batch.n_threads = threads
    settings.hostnames = ["127.0.0.1"]
    settings.port = 0
    settings.verbosity = -1
    return settings


def has_chat_template(path: Path) -> bool:
    """Whether a GGUF file says how to chat with its model; base models do not."""
    with path.open("rb") as file:
        return b"tokenizer.chat_template" in file.read(_HEADER_BYTES)
