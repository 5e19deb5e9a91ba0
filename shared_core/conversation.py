"""A conversation as a query: what to judge, what it takes, and who was talking.

Both frameworks' messages become ``Turn``s first; everything a router has to know about a
conversation is worked out from those, once, here.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Literal, NamedTuple

from shared_core.query import Query, estimate_tokens

Role = Literal["system", "user", "assistant", "tool"]

SAFETY: Final = 1.25
"""Conversations are taken to be this much larger than estimated: tokenizers differ."""

_TOKENS_OF_MEDIA: Final = {"vision": 1600, "audio": 2000, "pdf": 4000}
"""Rough upper size of one picture, one minute of sound, a short document."""

_NOISE: Final = (
    "system-reminder|system_reminder|environment_details|environment_context|command-name"
    "|command-message|command-args|local-command-stdout|local-command-caveat|ide_opened_file"
    "|ide_selection|tool_result|tool_results|function_results"
)
_NOISE_TAG: Final = re.compile(rf"<(/?)({_NOISE})(?:\s[^<>]*)?>", re.IGNORECASE)

_FOLLOW_UP_WORDS: Final = frozenset(
    [
        "yes",
        "yeah",
        "yep",
        "yup",
        "no",
        "nope",
        "ok",
        "okay",
        "sure",
        "fine",
        "right",
        "correct",
        "exactly",
        "please",
        "thanks",
        "thank",
        "you",
        "continue",
        "proceed",
        "go",
        "on",
        "ahead",
        "do",
        "it",
        "that",
        "this",
        "again",
        "try",
        "more",
        "next",
        "and",
        "then",
        "keep",
        "going",
        "sim",
        "nao",
        "claro",
        "certo",
        "isso",
        "beleza",
        "blz",
        "pode",
        "vai",
        "siga",
        "segue",
        "prossiga",
        "prosseguir",
        "continua",
        "continuar",
        "por",
        "favor",
        "obrigado",
        "obrigada",
        "mais",
        "manda",
        "ver",
        "faz",
        "faca",
        "de",
        "novo",
        "si",
        "vale",
        "dale",
        "sigue",
        "seguir",
        "adelante",
        "hazlo",
        "otra",
        "vez",
        "gracias",
        "mas",
        "oui",
        "non",
        "d'accord",
        "vas-y",
        "vas",
        "y",
        "merci",
        "encore",
        "suite",
        "continuez",
        "poursuis",
        "allez",
        "ja",
        "nein",
        "genau",
        "weiter",
        "mach",
        "bitte",
        "danke",
        "nochmal",
        "gut",
        "va",
        "bene",
        "avanti",
        "ancora",
        "grazie",
        "да",
        "нет",
        "давай",
        "продолжай",
        "продолжи",
        "дальше",
        "ещё",
        "еще",
        "хорошо",
        "ладно",
        "пожалуйста",
        "спасибо",
        "tak",
        "nie",
        "dalej",
        "kontynuuj",
        "evet",
        "hayır",
        "devam",
        "et",
        "tamam",
        "lütfen",
        "نعم",
        "لا",
        "تابع",
        "أكمل",
        "استمر",
        "حسنا",
        "हाँ",
        "हां",
        "नहीं",
        "ठीक",
        "जारी",
        "रखें",
        "是",
        "是的",
        "对",
        "好",
        "好的",
        "行",
        "可以",
        "继续",
        "繼續",
        "请继续",
        "請繼續",
        "再来",
        "再试一次",
        "不",
        "不是",
        "谢谢",
        "はい",
        "うん",
        "いいえ",
        "続けて",
        "続き",
        "お願いします",
        "つづけて",
        "もう一度",
        "ありがとう",
        "네",
        "예",
        "응",
        "아니요",
        "계속",
        "계속해",
        "계속해줘",
        "좋아",
        "좋아요",
        "다시",
        "ใช่",
        "ต่อ",
        "ต่อไป",
    ]
)
_LONGEST_FOLLOW_UP: Final = 40
_PUNCTUATION: Final = ".,;:!?…'\"()«»“”¡¿。，、！？"


class Turn(NamedTuple):
    """One message of a conversation, as far as choosing a model goes.

    Args:
        role: who speaks.
        text: what is said, in plain text.
        abilities: what its parts take beyond reading text (``vision``, ``audio``, ``pdf``): one
            entry for each part.
        calls: ids of the tool calls it makes.
        answers: id of the tool call it answers.
        model: name of the candidate that wrote it, where that is on record.
        provider: whose model wrote it, where that is on record.
        tokens: its size without pictures and the like, where ``text`` is not the whole of it.
    """

    role: Role
    text: str = ""
    abilities: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    answers: str | None = None
    model: str | None = None
    provider: str | None = None
    tokens: int | None = None

    @property
    def request(self) -> str:
        """What a human asks in it: the text without a harness's additions; empty for others."""
        return without_noise(self.text) if self.role == "user" else ""

    @property
    def is_request(self) -> bool:
        """A human says or shows something in it."""
        return self.role == "user" and bool(self.abilities or self.request)

    @property
    def size(self) -> int:
        """Rough upper estimate of its tokens."""
        size = estimate_tokens(self.text) if self.tokens is None else self.tokens
        if self.abilities:
            size += sum(_TOKENS_OF_MEDIA.get(part, 0) for part in self.abilities)
        return size


def query_from(
    turns: Sequence[Turn],
    *,
    tools: Iterable[str] = (),
    needs: Iterable[str] = (),
    reserved_output: int | None = None,
    previous: str | None = None,
    **others: Any,
) -> Query:
    """What a router judges of a conversation.

    Args:
        turns: the conversation, oldest first.
        tools: what a model is told of each tool it may call, as text.
        needs: abilities the answer takes besides those of the content, such as ``tool_choice``.
        reserved_output: tokens the answer may take.
        previous: who answered last, where the turns don't tell.
        others: further fields of the query: ``text`` where it is known better than by looking at
            the turns, ``conversation``, ``model``, ``exclude``, ``tags``, ``cost_weight``.
    """
    shown = [estimate_tokens(tool) for tool in tools]
    sizes = [turn.size for turn in turns]
    read = _length_read(turns)
    if "text" not in others:
        others["text"] = text_to_judge(turns)
    return Query(
        needs=frozenset((*needs, *_content_needs(turns), *(("tools",) if shown else ()))),
        tokens=math.ceil(SAFETY * (sum(sizes) + sum(shown))),
        previous=last_model(turns) or previous,
        in_tool_loop=in_tool_loop(turns),
        is_follow_up=is_follow_up(turns),
        reserved_output=reserved_output,
        prefix_tokens=math.ceil(SAFETY * (sum(sizes[:read]) + sum(shown))),
        **others,
    )


def text_to_judge(turns: Sequence[Turn]) -> str:
    """The newest human request; a short follow-up is read with the request before it.

    Without any human request, the newest turn that says something.
    """
    newest = ""
    for turn in reversed(turns):
        if not (request := turn.request):
            continue
        newest = f"{request}\n{newest}" if newest else request
        if not _continues(request):
            return newest
    return newest or next((turn.text for turn in reversed(turns) if turn.text.strip()), "")


def is_follow_up(turns: Sequence[Turn]) -> bool:
    """Nothing new is asked: the newest request is a mere "yes", or has been answered already."""
    for turn in reversed(turns):
        if turn.role in ("assistant", "tool"):
            return True
        if turn.is_request:
            newest = turn
            break
    else:
        return False
    is_reply = any(turn.role == "assistant" for turn in turns)
    return is_reply and not newest.abilities and _continues(newest.request)


def in_tool_loop(turns: Sequence[Turn]) -> bool:
    """A model has called tools and not yet answered the human with what they said."""
    for turn in reversed(turns):
        if turn.role == "tool" or turn.answers is not None:
            return True
        if turn.role == "assistant":
            return bool(turn.calls)
        if turn.is_request:
            return False
    return False


def last_model(turns: Sequence[Turn]) -> str | None:
    """The candidate that wrote the newest answer on record."""
    for turn in reversed(turns):
        if turn.model is not None:
            return turn.model
    return None


def _length_read(turns: Sequence[Turn]) -> int:
    """How many turns the last model has read or written: all up to its newest answer."""
    for place in range(len(turns), 0, -1):
        if turns[place - 1].role == "assistant":
            return place
    return 0


def without_noise(text: str) -> str:
    """The text without what harnesses put beside a human's words, such as system reminders."""
    return "".join(_outside_noise(text)).strip() if "<" in text else text.strip()


def _outside_noise(text: str) -> Iterator[str]:
    """Text outside noise blocks; one that is never closed is no block. Linear in the text."""
    kept, opened, depth, name = 0, 0, 0, ""
    for tag in _NOISE_TAG.finditer(text):
        closes, tag_name = bool(tag[1]), tag[2].lower()
        if not depth and not closes:
            opened, depth, name = tag.start(), 1, tag_name
        elif depth and tag_name == name:
            depth += -1 if closes else 1
            if not depth:
                yield text[kept:opened]
                kept = tag.end()
    yield text[kept:]


def _continues(text: str) -> bool:
    """A few words that only go on with what was said, in one of several languages."""
    if len(text) > _LONGEST_FOLLOW_UP:
        return False
    words = [word.strip(_PUNCTUATION) for word in text.casefold().split()]
    words = [word for word in words if any(map(str.isalnum, word))]
    if len("".join(words)) <= 1:  # "👍", "?", or the number of a choice
        return True
    return all(w in _FOLLOW_UP_WORDS or _unaccented(w) in _FOLLOW_UP_WORDS for w in words)


def _unaccented(word: str) -> str:
    parts = unicodedata.normalize("NFD", word)
    return "".join(part for part in parts if not unicodedata.combining(part))


def _content_needs(turns: Iterable[Turn]) -> list[str]:
    return [ability for turn in turns if turn.abilities for ability in turn.abilities]
