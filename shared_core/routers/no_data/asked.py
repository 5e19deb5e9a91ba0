"""What is asked in a prompt that a template wraps: RAG prompts, chat formats, quotations.

Where a template names the question, that tells how much is asked; documents around it may be about
anything. Where somebody only wrote "Input:" or pasted a chat, what stands beside it is asked too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from shared_core.routers.no_data.payload import question
from shared_core.routers.no_data.pieces import is_order
from shared_core.routers.no_data.topics import topics

_READ: Final = 20_000
"""Characters at each end in which a question is looked for."""
_QUESTIONS: Final = (
    "question|query|input|message|user|human|request|task|pergunta|consulta|usuario|usuário|"
    "pregunta|frage|anfrage|requête|utilisateur|domanda|vraag|pytanie|вопрос|问题|質問|질문|"
    r"the original query is as follows|given the context[^\n:]{0,80}\btask"
)
_ANSWERS: Final = (
    "answer|assistant|ai|response|output|sqlquery|resposta|respuesta|antwort|réponse|risposta|"
    "antwoord|odpowiedź|ответ|回答|답변|thought|we have provided an existing answer"
)
_CONTEXTS: Final = (
    "context|documents?|documento[si]?|documenti|dokumente?|sources?|history|contexto|kontext|contexte|contesto|kontekst|контекст|"
    "上下文|コンテキスト"
)
_KIND: Final = (
    "user|follow[- ]up|standalone|search|original|new|existing|refined|final|helpful|chat|ai"
)
_LABEL: Final = re.compile(
    rf"(?im)^[ \t#*<]*(?:(?:{_KIND}) )?"
    rf"(?:(?P<question>{_QUESTIONS})|(?P<answer>{_ANSWERS})|{_CONTEXTS})[ \t*]*[:：>]"
)
_PAIR: Final = re.compile(
    r"(?m)^[ \t#*]*(?:(?P<question>[QPF])|(?P<answer>[AR]))\d{0,2}[ \t*]*[:：]"
)
"""\"Q: …" and "A: …", in Portuguese and Spanish "P" and "R", in German "F" and "A"."""
_FRAME: Final = re.compile(
    r"\b(?:following|provided|given|retrieved|new|use|using|based on|seguintes?|siguientes?|"
    r"suivante?s?|folgende\w{0,2}|usando|com base|con base)\b[^.\n]{0,60}"
    r"\b(?:context|contexto|kontext|contexte|contesto|passages?|documents|excerpts|snippets|tools)\b|"
    r"\b(?:context|documents|passages|choices|tables|schema)\b[^.\n]{0,40}\bbelow\b|"
    r"\bfollowing conversation and a follow up question\b",
    re.IGNORECASE,
)
"""How a template announces what it puts around a question."""
_ORDER: Final = re.compile(
    r"(?is)(?:\s*below is an instruction[^\n]{0,200}\n)?[\s#*]*instruction:[\s*]*(?P<order>\S.*?)"
    r"\n[ #*]*input:[ \t*]*(?P<given>.*?)(?:\n[ #*]*response:\s*)?"
)
"""An instruction and the text that it is about."""
_TAG: Final = re.compile(
    r"<(user_query|query|question|user_question|user_input|request)>", re.IGNORECASE
)
_GIVEN: Final = re.compile(
    r"<(context|documents?|sources?|passages?|history|chat_history|examples?)>", re.IGNORECASE
)
_MOST_TAGS: Final = 50
END_OF_REPLY: Final = re.compile(r"\n\s*\n|\n(?=[ \t]*\w[\w ]{0,24}[:：])")
MARKS: Final = re.compile(
    r"<\|(?:im_start|start_header_id)\|>(?:system|user|assistant)?|<\|[a-z_]{2,24}\|>|</?s>|"
    r"\[/?INST\]|[\u200b-\u200d\u2060\ufeff\u00ad]"
)
"""Of chat formats, and what nobody sees."""
_STEPWISE: Final = (
    r"(?:(?:let'?s |please )?(?:think|reason|work)(?: (?:about|through) (?:it|this))?|"
    r"(?:vamos )?(?:pens[ae]r?|raciocin[ae])|pensemos|piens[ae]|razon[ae]|réfléchi(?:s|ssez)|"
    r"raisonne[zr]?|denke?(?: bitte)?|überlege?(?: bitte)?|pensi(?:amo)?|ragion(?:a|i|iamo)),?"
    r" (?:(?:very )?carefully|(?:it )?(?:through )?step[- ]by[- ]step|deeply|"
    r"passo a passo|com calma|bem|paso a paso|con calma|bien|étape par étape|pas à pas|"
    r"schritt für schritt|sorgfältig|genau|gut|passo (?:dopo|per) passo|bene)"
)
_MANNER: Final = (
    rf"(?:take a deep breath(?:[,.]? and|[.,])? )?{_STEPWISE}"
    r"(?: before (?:you )?answer(?:ing)?)?"
    r"(?:,? (?:and|e|y|et|und) (?:explain|show|explica|explique|expliquez|erkläre?|spiega) "
    r"(?:(?:each|every) step|your (?:steps|reasoning|work)|bem|bien|bene|tudo|todo|tout|alles))?"
    r"(?:,? (?:this|it) is (?:very )?important(?: (?:to|for) (?:me|my \w+))?)?"
)
"""How to go about an answer, which says nothing of what is asked."""
_MAIL: Final = re.compile(
    r"(?i)\s*(?:(?:from|to|cc|bcc|sent|date|reply-to|subject|de|para|enviado|data|fecha|assunto|asunto|"
    r"à|objet|von|an|gesendet|datum|betreff):[^\n]*\n){2,}"
)
"""A mail's header; its subject may be what is asked."""
_SUBJECT: Final = re.compile(r"(?im)^(?:subject|assunto|asunto|objet|betreff):(.*)$")
_SALUTATION: Final = re.compile(
    r"(?i)\s*(?:hi|hello|hey|dear|good \w+|olá|oi|prezad[oa]s?|car[oa]s?|bo[am] \w+|hola|"
    r"buen[oa]s \w+|estimad[oa]s?|bonjour|ch[eè]re?s?|hallo|guten \w+|liebe[rs]?|"
    r"sehr geehrte[rs]?)\b[^\n.?!:]{0,40}[,.!:]?[ \t]*\n"
)
_SIGNATURE: Final = re.compile(
    r"(?i)\n\s*(?:--|(?:(?:(?:best|kind|warm)(?:est)? )?regards|best|thanks|thank you|many thanks|"
    r"cheers|sincerely|yours|atenciosamente|att|abraços?|obrigad[oa]|grat[oa]|saludos|atentamente|"
    r"gracias|cordialement|bien à vous|merci|"
    r"(?:mit |viele |beste |liebe )?(?:freundlichen? )?grüßen?|lg|mfg|danke)\b)"
    r"[^\n.?]{0,20}(?:\n[^\n?]{0,80}){0,6}\Z"
)
_LONGEST_SIGNATURE: Final = 600
_WRAPPINGS: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\s*you are (?:a|an|my)\b[^.\n]{0,80}\b(?:assistant|chatbot|bot|ai)\b[^.\n]{0,80}[.\n]\s*",
        r"\s*(?:please )?answer (?:the|my|this)\b[^.:?\n]{0,60}\bquestion\b[^.:?\n]{0,80}[.:\n]\s*",
        r"\s*below is an instruction that describes a task\b[^\n]{0,200}\n\s*",
        r"[\s#*]*instruction:\s*",
        rf"\s*{_MANNER}\s*[.!:\n]\s*",
        r"\s*(?:#{1,6}|\*\*|[-*•]|\d{1,2}[.)])\s+",
    )
)
_LAST_WORDS: Final = re.compile(
    rf"\n[ #*]*(?:response|answer):\s*$|(?:^|(?<=[\s.?!:])){_MANNER}[.!]?\s*$",
    re.IGNORECASE,
)
_LONGEST_LAST_WORDS: Final = 100
_FEWEST_SHOUTED: Final = 3
"""Words in capitals that are no mere abbreviations."""
_QUOTED: Final = re.compile(r"(?m)^(?:>[ \t]?)+")


def asked(text: str) -> tuple[str, ...]:
    """The texts that ask something: a template's question, and what else may be a question.

    Of neither is there an assistant's role, a chat format's marks, or quotation marks.
    """
    if sent := question(text):
        return sent
    told = text if len(text) <= 2 * _READ else f"{text[:_READ]}\n{text[-_READ:]}"
    told = MARKS.sub("", told)
    if (order := _ORDER.fullmatch(told)) and is_order(order["order"]):
        told = f"{order['order'].strip()}\n\n{order['given'].strip()}"
    parts = _mail(told) or _tagged(told) or _labelled(told) or (told,)
    found = (_unwrapped(part) for part in parts)
    return tuple(part for part in found if part) or (text.strip(),)


def _mail(text: str) -> tuple[str, ...]:
    """A mail's body and its subject, and what stands around the body where that is of a topic."""
    if not (header := _MAIL.match(text)):
        return ()
    body = text[header.end() :]
    start = salutation.end() if (salutation := _SALUTATION.match(body)) else 0
    last = max(start, len(body) - _LONGEST_SIGNATURE)
    end = signature.start() if (signature := _SIGNATURE.search(body, last)) else len(body)
    around = f"{body[:start]}\n{body[end:]}"
    rest = [around] if any(topics(around).values()) else []
    return (body[start:end], *_SUBJECT.findall(header[0]), *rest)


def _tagged(text: str) -> tuple[str, ...]:
    """What stands in the last question's tags, and what stands beside them."""
    for tag in list(_TAG.finditer(text))[: -_MOST_TAGS - 1 : -1]:
        end = text.find(f"</{tag[1]}>", tag.end())
        if end >= 0:
            beside = f"{text[: tag.start()]}\n{text[end + len(tag[0]) + 1 :]}"
            return _framed(text[tag.end() : end], _without_given(beside))
    return ()


def _without_given(text: str) -> str:
    """The text without documents in tags."""
    for _ in range(_MOST_TAGS):
        if not (tag := _GIVEN.search(text)):
            break
        end = text.find(f"</{tag[1]}>", tag.end())
        after = end + len(tag[0]) + 1 if end >= 0 else tag.end()
        text = text[: tag.start()] + text[after:]
    return text


def _labelled(text: str) -> tuple[str, ...]:
    """What follows the last "Question:" up to the next label, and what stands beside it."""
    if not (labels := list(_LABEL.finditer(text)) or _paired(text)):
        return ()
    ends = [*(label.start() for label in labels[1:]), len(text)]
    parts = [text[label.end() : end] for label, end in zip(labels, ends, strict=True)]
    questions = [i for i, one in enumerate(labels) if one["question"] and parts[i].strip()]
    if not questions:
        return ()
    last = questions[-1]
    beside = [text[: labels[0].start()], *_beside(labels, parts, last)]
    return _framed(parts[last], "\n".join(beside))


def _paired(text: str) -> list[re.Match[str]]:
    """The labels of questions and answers in letters, where any question has an answer or a place
    for it."""
    labels = list(_PAIR.finditer(text))
    is_paired = any(one["question"] and other["answer"] for one, other in pairwise(labels))
    return labels if is_paired else []


def _beside(labels: list[re.Match[str]], parts: list[str], last: int) -> Iterator[str]:
    """Questions that nobody answered, and what goes on after an answer to the last."""
    for i, (label, part) in enumerate(zip(labels, parts, strict=True)):
        is_answered = i + 1 < len(labels) and labels[i + 1]["answer"] and parts[i + 1].strip()
        if label["question"] and i != last and not is_answered:
            yield part
        elif label["answer"] and i > last and (reply := END_OF_REPLY.search(part)):
            yield part[reply.end() :]


def _framed(question: str, beside: str) -> tuple[str, ...]:
    """Both, or the question alone where what is beside it is a template's."""
    return (question,) if question.strip() and _FRAME.search(beside) else (question, beside)


def _unwrapped(text: str) -> str:
    for wrapping in _WRAPPINGS:
        if start := wrapping.match(text):
            text = text[start.end() :]
    told = _QUOTED.sub("", text).strip()
    end = max(0, len(told) - _LONGEST_LAST_WORDS)
    told = told[:end] + _LAST_WORDS.sub("", told[end:])
    is_shouted = told.isupper() and len(told.split()) >= _FEWEST_SHOUTED
    return (told.lower() if is_shouted else told).strip()
