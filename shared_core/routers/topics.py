"""What a text is about and what hangs on it, by stems of English, Portuguese and Spanish words.

A rough instrument for where there is nothing to learn from: topics tell which description fits,
stakes and proofs tell that a small model will not do.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_STEMS: Final = {
    "medicine": """pain|dor|dolor|chest|torac|pecho|peito|dose|dosing|dosage|dosis|warfarin|varfarin|insulin|
        amiodaron|ibuprofen|paracetamol|antibio|mg|symptom|sintoma|diagnos|patient|paciente|pregnan|gravid|
        embaraz|fever|febre|fiebre|seizure|convuls|stroke|avc|infart|heart attack|cardiac|ecg|ekg|allerg|
        alergi|overdose|medica[mct]|surgery|cirurgia|cirugia|tumou?r|cancer|suicid|bleeding|sangr|rash|
        breath|respirar|vacin|vacun|vaccin|diabet|hypertens|hipertens|asthma|asma|creatinin|hemoglobin|
        lithium|metformin|anticoagul|potassium|mmol|poison|venen|sepsis|meningit|unconscious|desmai|
        neonat|newborn|infant|swallowed|engoliu|trago|ambulanc|emergenc|first aid|primeiros socorros|
        \\w{2,}(?:pril|sartan|olol|statin|[ae]zole?|mycin|micin|cillin|cilin|xaban|gliptin|[zp]epam|prazole?|
        floxacin|triptan|oxetin|setron|dipin|adol|caine?|mab|parin|semide?)[aeo]?\\b""",
    "law": """lawsuit|sue|sued|processar|demandar|legal|contract|contrato|clause|clausula|liab|tenant|landlord|inquilin|
        locat[aá]ri|evict|despej|desahuci|custody|custodia|guarda dos filhos|divorc|visa|immigra|imigra|inmigra|
        asylum|court|tribunal|statut|gdpr|lgpd|copyright|patent|trademark|fired|demitid|despedid|
        inheritance|herencia|heranca|testament|rescis|habeas|felony|crime|delito|prescri[cp]|lawyer|advogad|abogad|
        jurisdic|plaintiff|defendant|negligen|injunction|subpoena|damages|indeniza|indemniz|my rights|meus direitos""",
    "finance": """mortgage|hipotec|financiamento|tax|imposto|impuesto|irpf|invest|pension|aposentad|jubila|
        401k|portfolio|carteira|cartera|hedge|deriv|option pricing|black-scholes|npv|ebitda|
        bankrupt|falencia|quiebra|loan|emprest|prestamo|amorti|capital gains|ganho de capital|bond yield|
        depreciat|valuation|debt|d[ií]vida|deuda|retirement|dividend|stock option|ipo|etf|volatilit|swap|
        futures contract|interest rate|taxa de juros|tipo de interes|cash flow|fluxo de caixa|tribut[aoe]""",
    "safety": """wiring|breaker|fiacao|gas leak|vazamento de gas|fuga de gas|chlorine|bleach|ammonia|explos|high voltage|
        alta tensao|alta tension|structural|load-bearing|viga|aircraft|aviao|reactor|asbestos|amianto|carbon monoxide""",
    "proof": """prove|proof|provar|prove que|demonstr[ae]|demuestr|demostra|theorem|teorema|lemma|conjectur|infinitely many|
        infinitos|irrational|irracional|converge|homomorph|eigenval|autovalor|manifold|topolog|galois|riemann|
        measurable|banach|hilbert|np-complete|np-hard|np-complet|p ?(?:vs\\.?|=) ?np|undecidable|indecid|induction|inducao|induccion|
        show that|mostre que|axiom|hypothesis is|
        if and only if|se e somente se|si y solo si|cauchy|martingale|diffeomorph|cohomolog|bijec|isomorph|isomorf""",
    "mathematics": """integral|derivativ|derivad|equation|equac|ecuac|matrix|matriz|probabilit|probabilid|polynomial|polinom|
        solve|resolv|resuelv|sum of|triangle|triangul|primes?\\b|primos?\\b|limit|algebra|geometr|calcul|combinator|modulo|mod""",
    "code": """python|javascript|typescript|java|rust|c\\+\\+|sql|function|funcao|funcion|algorithm|algoritm|bug|debug|
        compile|compilar|deadlock|race condition|thread|concurren|distributed|distribuid|kubernetes|docker|
        regex|api|refactor|refator|stack trace|segfault|program|programa|codigo|code|consensus|raft|lock-free|
        memory leak|vazamento de memoria|complexity|big-o|unit test""",
    "design": """architect|arquitet|arquitect|design a|projete|disene|trade-?off|strategy|estrategia|migrat|migra[rc]|
        scalab|escalab|compare and contrast|analy[sz]e|analis|evaluat|avalie|evalue|critique|critica|step by step|
        passo a passo|paso a paso|root cause|causa raiz|comprehensive|in depth|em profundidade|en profundidad""",
    "writing": """poem|poema|story|historia|conto|essay|ensaio|ensayo|rewrite|reescrev|reescrib|summari|resum|
        translate|traduz|traduc|traduz|email|e-mail|letter|carta|slogan|lyrics|letra""",
}  # fmt: skip

STAKES: Final = ("medicine", "law", "finance", "safety")
"""Topics where a wrong answer does harm."""

_BAR: Final = re.compile(r"\|(?![^(]*\))")
"""Between stems, not within a group."""

_SHORT: Final = re.compile(r"[a-z]{1,4}")


def _whole(stem: str) -> str:
    """The stem; a short one, which many a longer word begins with, only as a word of its own."""
    return rf"{stem}(?:s|es|ed|d|ing)?\b" if _SHORT.fullmatch(stem) else stem


_COMPILED: Final = {
    topic: re.compile(rf"\b(?:{'|'.join(_whole(stem.strip()) for stem in _BAR.split(stems))})")
    for topic, stems in _STEMS.items()
}

NAMES: Final = tuple(_STEMS)

_SMALL_TALK: Final = re.compile(
    r"(?:hi|hello|hey|yo|ok|okay|thanks?|thank you|thx|cheers|bye|goodbye|good (?:morning|night|evening|"
    r"afternoon)|yes|no|cool|great|nice|lol|oi|ola|obrigad[oa]|valeu|tchau|bom dia|boa (?:tarde|noite)|sim|"
    r"nao|tudo bem|hola|gracias|muchas gracias|adios|buen[oa]s (?:dias|tardes|noches)|si|vale|perfecto|"
    r"how are you(?: doing)?|today|a lot|that was|that's|see you|later|tomorrow|logo|ate|como vai|como estas|que tal|what'?s up|test|ping|please|por favor|there|so much|muito|mucho|"
    r"everyone|all|you|a todos|[\s,.!?¡¿:;)('-])+"
)
_SUM: Final = re.compile(
    r"(?:what(?:'s| is)|how much is|quanto [eé]|cu[aá]nto es|calcule?|compute|=|[\s?¿.!])*"
    r"\d{1,4}\s*(?:[-+*/x×÷]|plus|minus|times|mais|menos|vezes|por|mas)\s*\d{1,4}[\s=?.!]*"
)


def plain(text: str) -> str:
    """Lower case without accents."""
    lowered = unicodedata.normalize("NFKD", text[:8000].lower())
    return "".join(c for c in lowered if not unicodedata.combining(c))


def topics(text: str) -> dict[str, int]:
    """How often each topic's words occur, out of ``NAMES``."""
    told = plain(text)
    return {topic: len(pattern.findall(told)) for topic, pattern in _COMPILED.items()}


def is_trivial(text: str) -> bool:
    """Whether it is small talk, nothing at all, or a sum of two small numbers."""
    told = plain(text).strip()
    return not told or bool(_SMALL_TALK.fullmatch(told) or _SUM.fullmatch(told))


_FEW_WORDS: Final = 12
_PLAIN_LENGTH: Final = 11
_PASTED: Final = 300
_WORD: Final = re.compile(r"\w+")
_FORMAL: Final = re.compile(
    r"[=^<>{}\\$_|#~%≡≤≥≠∀∃∈∫∑√∞→]|\b[A-Z]{2,}\b|\d{4,}|\d[.,]\d|\b[a-zA-Z]\w*\("
)
_MEANING: Final = frozenset(_STEMS) - {"writing"}
_ON_THE_SURFACE: Final = re.compile(
    r"\b(?:first|last|second|third|next|primeir[ao]|ultim[ao]|segund[ao]|terceir[ao]|primer[ao]?)\b.{0,12}"
    r"\b(?:word|sentence|line|letter|character|title|palavra|frase|linha|letra|titulo|palabra|linea)|"
    r"\b(?:title|titulo)\b|(?:which|what|que|qual|cual) (?:language|idioma|lingua|lengua)|"
    r"\bin (?:english|portuguese|spanish|french|german) or\b|\bem (?:ingles|portugues|espanhol) ou\b|"
    r"(?:upper|lower) ?case|maiuscul|minuscul|mayuscul|\b(?:copy|repeat|copie|repita|copia|repite)\b"
)


def asks_little(text: str) -> bool:
    """Whether a few plain words ask for what any model can do.

    They speak of none of the topics but writing, hold no formula, abbreviation or long number, and
    no word is long. Of a pasted text that does not count, when only its surface is asked for: a
    word, the title, the language.
    """
    asked = text if len(text) <= _PASTED else _request(text)
    told = plain(asked)
    if asked is not text and not _ON_THE_SURFACE.search(told):
        return False
    words = _WORD.findall(told)
    about = topics(asked)
    short = len(words) <= _FEW_WORDS and max(map(len, words), default=0) <= _PLAIN_LENGTH
    return short and not _FORMAL.search(asked) and not any(about[topic] for topic in _MEANING)


def _request(text: str) -> str:
    """What is wanted of a pasted text: its first or its last paragraph, whichever is shorter."""
    paragraphs = [one for one in text.splitlines() if one.strip()] or [""]
    return min(paragraphs[0], paragraphs[-1], key=len)


def is_formal(text: str) -> bool:
    """Whether symbols of mathematics relate letters: small as it is, that is no small talk."""
    return bool(_RELATION.search(text))


_RELATION: Final = re.compile(r"[A-Za-z)]\s*[=^≡≤≥≠∈→]|[∀∃∫∑√∞]")
