"""A text that is itself a chat, "User: ..." or "<|user|>...", as the turns it consists of."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final, cast

from shared_core.conversation import Role, Turn, query_from
from shared_core.query import Query
from shared_core.routers.no_data.asked import END_OF_REPLY, MARKS
from shared_core.routers.no_data.payload import messages

_SPEAKERS: Final[dict[Role, str]] = {
    "system": "system(?: prompt| message)?|sistema|système|systeem",
    "user": "user|human|customer|client|usuario|usuário|cliente|utente|utilisateur|"
    "benutzer(?:in)?|nutzer(?:in)?|kunde|kundin|gebruiker|klant|użytkownik|пользователь|用户|ユーザー|사용자",
    "assistant": "assistant|ai|agent|bot|chatbot|asistente|agente|assistente|assistent|"
    "asystent|ассистент|助手|アシスタント|어시스턴트",
}
_NAMED: Final = "|".join(f"(?P<{role}>{names})" for role, names in _SPEAKERS.items())
_LABEL: Final = re.compile(
    rf"(?im)^(?:(?P<heading>#{{1,6}}[ \t]+)|(?P<box>\[)|[ \t#*]*)(?:{_NAMED})"
    r"(?(heading)[ \t*]*(?:[:：]|$)|(?(box)\]|[ \t*]*[:：]))[ \t*]*"
)
"""\"User:\", \"### User\" on a line of its own, or \"[USER]\"."""
_MARK: Final = re.compile(
    r"<\|(?:im_start\|>|start_header_id\|>)?"
    r"(?:(?P<system>system)|(?P<user>user)|(?P<assistant>assistant))\b(?:<\|end_header_id)?(?:\|>)?|"
    r"(?P<rules><<SYS>>)|(?P<asked><</SYS>>|\[INST\])|(?P<answered>\[/INST\])"
)
_MEANT: Final[dict[str, Role]] = {"rules": "system", "asked": "user", "answered": "assistant"}
_ROLE: Final = re.compile(
    r"\W*(?i:you are|você é|tu és|eres|usted es|tu es|vous êtes|du bist|sie sind|sei|lei è|je bent)"
    r"(?: now| agora| ahora| maintenant| jetzt| ora)? "
    r"(?:(?:an?|the|uma?|o|una?|uno|une|el|la|le|eine?|der|die|das|il|lo|een|de)\b|[A-Z]\w)"
)
_RULES: Final = re.compile(
    r"\A[^.!\n]*[.!\s]*\Z|[.!\n]\s*(?:never|always|only|answer|reply|respond|be|use|keep|cite|speak|"
    r"greet|help|think|stay|verify|escalate|refuse|do not|don't|if the user|nunca|sempre|responda|"
    r"responde|seja|sê|usa|use|se o usuário|siempre|sé|sea|si detecta\w*|si el usuario|"
    r"toujours|jamais|réponds|répondez|sois|soyez|utilise|vérifie|"
    r"immer|nie|niemals|antworte|sei|verwende|bleib|rispondi|sii|mai)\b",
    re.IGNORECASE,
)
"""What may follow a role: nothing, or how to behave. Anything else may be what is asked."""
_ASKS: Final = re.compile(
    r"[?？]|\b(?:i|my|me|eu|meu|minha|yo|mi|je|mon|ich|mein\w*|mir|io|mio|mia|following|below|"
    r"transcript|conversation|dialog\w*|exchange|th(?:is|e) chat|seguinte|abaixo|siguiente|abajo|"
    r"suivante?|ci-dessous|folgend\w+|unten|seguente|sotto|conversa|conversación|gespräch|"
    r"conversazione)\b",
    re.IGNORECASE,
)
"""Of a text before a chat: that it asks something itself, of the chat perhaps."""


def from_chat(query: Query) -> Query:
    """The query as it would be of the messages that its text is made of; itself, if of none."""
    turns = messages(query.text) or _marked(query.text) or _labelled(query.text)
    asked = next((turn.request for turn in reversed(turns) if turn.request), "")
    if not asked:
        return query
    before = (query.context, query_from(turns).context)
    return replace(query, text=asked, context="\n".join(filter(None, before)))


def _marked(text: str) -> list[Turn]:
    """By a chat format's marks."""
    marks = list(_MARK.finditer(text))
    if not marks or MARKS.sub("", text[: marks[0].start()]).strip():
        return []
    return _turns(text, marks)


def _labelled(text: str) -> list[Turn]:
    """By labels, where these start the text or follow upon an assistant's role.

    What goes on after the last reply is asked, as may be a question before a chat: that is none.
    Nor are titles without a place for the reply: a document has such, too.
    """
    if not (labels := list(_LABEL.finditer(text))):
        return []
    before = text[: labels[0].start()]
    if before.strip():
        is_chat = bool(labels[0]["user"]) and _is_role(before)
    else:
        is_titled = labels[0][0].rstrip(" \t*")[-1] not in ":：]"
        is_ruled = bool(labels[0]["system"]) and not is_titled
        is_chat = is_ruled or any(label["assistant"] for label in labels)
    if not is_chat:
        return []
    turns = _turns(text, labels)
    last = turns[-1].text if turns and turns[-1].role == "assistant" else ""
    if after := END_OF_REPLY.search(last):
        turns[-1:] = [Turn("user", last[after.end() :])]
    return _joined(turns)


def _is_role(text: str) -> bool:
    """Whether it tells an assistant who it is and how to behave, and asks nothing."""
    role = _ROLE.match(text)
    return bool(role and _RULES.search(text[role.end() :]) and not _ASKS.search(text))


def _turns(text: str, starts: list[re.Match[str]]) -> list[Turn]:
    """What is said from each start to the next, as far as anything is."""
    ends = [*(start.start() for start in starts[1:]), len(text)]
    turns = []
    for start, end in zip(starts, ends, strict=True):
        said = MARKS.sub("", text[start.end() : end]).strip()
        speaker = cast(str, start.lastgroup)
        if said:
            turns.append(Turn(_MEANT.get(speaker) or cast(Role, speaker), said))
    return _joined(turns)


def _joined(turns: list[Turn]) -> list[Turn]:
    """With what one speaker says in several turns on end in one: nobody answered it before."""
    joined: list[Turn] = []
    for turn in turns:
        if joined and joined[-1].role == turn.role:
            turn = Turn(turn.role, f"{joined.pop().text}\n{turn.text}")
        joined.append(turn)
    return joined
