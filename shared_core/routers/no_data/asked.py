"""What is asked in a prompt that a template wraps: RAG prompts, chat formats, quotations.

Where a template names the question, only that tells how much is asked: documents around it may be
about anything, and a template's own words would count as the user's.
"""

from __future__ import annotations

import re
from typing import Final

_READ: Final = 20_000
"""Characters at each end in which a question is looked for."""
_NAMES: Final = (
    "question|user question|user query|query|user input|input|user|human|request|"
    "pergunta|consulta|usuario|usuário|pregunta|frage|anfrage|requête|utilisateur"
)
_OTHERS: Final = (
    "answer|helpful answer|assistant|ai|response|output|context|documents?|sources?|history|"
    "chat history|resposta|contexto|respuesta|antwort|kontext|réponse|contexte"
)
_LABEL: Final = re.compile(rf"(?im)^[ \t#*]*({_NAMES}|{_OTHERS})[ \t*]*[:：]")
_IS_QUESTION: Final = re.compile(_NAMES, re.IGNORECASE)
_TAG: Final = re.compile(
    r"<(user_query|query|question|user_question|user_input|request)>", re.IGNORECASE
)
_ROLE: Final = re.compile(
    r"\s*you are (?:a|an|my)\b[^.\n]{0,80}\b(?:assistant|chatbot|bot|ai)\b[^.\n]{0,80}[.\n]\s*",
    re.IGNORECASE,
)
_ORDER: Final = re.compile(
    r"\s*(?:please )?answer (?:the|my|this)\b[^.:?\n]{0,60}\bquestion\b[^.:?\n]{0,80}[.:\n]\s*",
    re.IGNORECASE,
)
_QUOTED: Final = re.compile(r"(?m)^(?:>[ \t]?)+")


def asked(text: str) -> str:
    """The question in a template; else the text without an assistant's role and quotation marks."""
    told = text if len(text) <= 2 * _READ else f"{text[:_READ]}\n{text[-_READ:]}"
    return (_tagged(told) or _labelled(told) or _unwrapped(told)).strip() or text.strip()


def _tagged(text: str) -> str:
    """What stands in the last question's tags."""
    for tag in reversed(list(_TAG.finditer(text))):
        closing = f"</{tag[1]}>"
        if text.rfind(closing) >= tag.end():
            return text[tag.end() : text.index(closing, tag.end())]
    return ""


def _labelled(text: str) -> str:
    """What follows the last "Question:" up to the next label."""
    found, labels = "", list(_LABEL.finditer(text))
    ends = [*(label.start() for label in labels), len(text)]
    for label, end in zip(labels, ends[1:], strict=True):
        if _IS_QUESTION.fullmatch(label[1]):
            found = text[label.end() : end].strip() or found
    return found


def _unwrapped(text: str) -> str:
    for wrapping in (_ROLE, _ORDER):
        if start := wrapping.match(text):
            text = text[start.end() :]
    return _QUOTED.sub("", text)
