"""What a human's words amount to: without a harness's additions, and whether they ask anything."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

_NOISE: Final = (
    "system-reminder|system_reminder|environment_details|environment_context|command-name"
    "|command-message|command-args|local-command-stdout|local-command-caveat|ide_opened_file"
    "|ide_selection|tool_result|tool_results|function_results"
)
_NOISES: Final = tuple(_NOISE.split("|"))
_NOISE_TAG: Final = re.compile(rf"<(/?)({_NOISE})(?:\s[^<>]*)?>", re.IGNORECASE)

_WORDS: Final = """
yes yeah yep yup no nope ok okay sure fine right correct exactly please thanks thank you
continue proceed go on ahead do it that this again try more next and then keep going
sim nao claro certo isso beleza blz pode vai siga segue prossiga prosseguir continua
continuar por favor obrigado obrigada mais manda ver faz faca de novo
si vale dale sigue seguir adelante hazlo otra vez gracias mas
oui non d'accord vas-y vas y merci encore suite continuez poursuis allez
ja nein genau weiter mach bitte danke nochmal gut
va bene avanti ancora grazie
да нет давай продолжай продолжи дальше ещё еще хорошо ладно пожалуйста спасибо
tak nie dalej kontynuuj
evet hayır devam et tamam lütfen
نعم لا تابع أكمل استمر حسنا
हाँ हां नहीं ठीक जारी रखें
是 是的 对 好 好的 行 可以 继续 繼續 请继续 請繼續 再来 再试一次 不 不是 谢谢
はい うん いいえ 続けて 続き お願いします つづけて もう一度 ありがとう
네 예 응 아니요 계속 계속해 계속해줘 좋아 좋아요 다시
ใช่ ต่อ ต่อไป
"""
_GOING_ON: Final = frozenset(_WORDS.split())
_LONGEST_GOING_ON: Final = 40
_PUNCTUATION: Final = ".,;:!?…'\"()«»“”¡¿。，、！？"


def without_noise(text: str) -> str:
    """The text without what harnesses put beside a human's words, such as system reminders."""
    return "".join(_outside_noise(text)).strip() if _may_hold_noise(text) else text.strip()


def _may_hold_noise(text: str) -> bool:
    """Whether to look at each tag of a text, which takes long where it is a page of HTML."""
    if "<" not in text:
        return False
    lowered = text.lower()
    return any(name in lowered for name in _NOISES)


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


def goes_on(text: str) -> bool:
    """A few words that only go on with what was said, in one of several languages."""
    if len(text) > _LONGEST_GOING_ON:
        return False
    words = [word.strip(_PUNCTUATION) for word in text.casefold().split()]
    words = [word for word in words if any(map(str.isalnum, word))]
    if len("".join(words)) <= 1:  # "👍", "?", or the number of a choice
        return True
    return all(w in _GOING_ON or _unaccented(w) in _GOING_ON for w in words)


def _unaccented(word: str) -> str:
    parts = unicodedata.normalize("NFD", word)
    return "".join(part for part in parts if not unicodedata.combining(part))
