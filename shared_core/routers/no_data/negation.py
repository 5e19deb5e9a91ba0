"""What a description says that its candidate is not for: "never use it for tax questions".

English, Portuguese, Spanish, French and German. What users have trouble with is no such limit:
"for those who cannot sign in", "parcels not delivered".
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from shared_core.routers.no_data.topics import unaccented

_CLAUSE_END: Final = re.compile(
    r"[;:!?()\n—–]|\.(?!\w)|\b(?:but|mas|aber|pero|sondern|sino)\b|,\s*mais\b", re.IGNORECASE
)
_FITTING: Final = (
    r"(?:support|recommend|suit|intend|meant|allow|advise|suportad|recomendad|adequad|indicad|"
    r"adecuad|recommande|adapte|prevu|geeignet|empfohlen)\w*"
)
_SERVING: Final = (
    r"(?:use|used|ask|asked|answer|handle|cover|include|know|support|help|do|give|solve|write|"
    r"reason|understand)"
)
_NOT: Final = re.compile(
    rf"\b(?:(?:(?:do|does|can|will|should|must) not|cannot|(?:do|does|ca|wo|should)n['’]?t)"
    rf"\W+(?:be\W+)?{_SERVING}|"
    rf"not(?=\W+{_FITTING})|"
    r"(?<!\bdo )(?<!does )(?<!did )(?<!has )(?<!have )(?<!had )(?<!can )(?<!will )"
    r"not(?!\W+(?:only|just|merely|limited|restricted|\w+ed|\w+ing)\b)|"
    r"(?<!\w )(?:avoid|evitar|eviter)|"
    r"never|except|excluding|other than|"
    r"(?:nao|nunca|jamais|pas|nicht|nie|niemals|keine?[nrsm]?)"
    r"(?!\W+(?:so|apenas|somente|solo|solamente|seulement|nur)\b)|"
    r"evit[ae]|evitez|exceto|excepto|sauf|ausser|"
    # not the Portuguese "no", which is "in the"
    r"no(?=\W+(?:usar|uses?|utiliz\w+|utilice|para|es|sirve|apto|debe|puede|recomendad\w+)\b))\b",
    re.IGNORECASE,
)
_TOLD_OF_OTHERS: Final = re.compile(
    r"\b(?:who|that|which|when|if|where|quem|quando|que|wenn|falls|qui|quand|cuando)\b",
    re.IGNORECASE,
)
_ONLY_FITTING: Final = re.compile(rf"\W*{_FITTING}\W*", re.IGNORECASE)


class Told(NamedTuple):
    """A description in two parts: what it claims, and what it rules out."""

    claimed: str
    ruled_out: str


@lru_cache(256)
def told(description: str) -> Told:
    """What a description claims and rules out, each clause from its negation to its end."""
    claimed, ruled_out = [], []
    for clause in _CLAUSE_END.split(unaccented(description)):
        found = _NOT.search(clause)
        if found is None or _TOLD_OF_OTHERS.search(clause, 0, found.start()):
            claimed.append(clause)
        elif _ONLY_FITTING.fullmatch(clause, found.end()):  # "legal advice is not supported"
            ruled_out.append(clause)
        else:
            claimed.append(clause[: found.start()])
            ruled_out.append(clause[found.end() :])
    if not ruled_out:
        return Told(description, "")
    return Told(". ".join(claimed), ". ".join(ruled_out))
