"""How much a request demands because of the one it goes on from."""

from __future__ import annotations

import re
from typing import Final

from shared_core.routers.no_data.asked import asked
from shared_core.routers.no_data.demand import CLEARLY_EASY, demand_of, is_trivial
from shared_core.routers.no_data.topics import plain, topics

_FEW_WORDS: Final = 3
"""That say nothing by themselves."""
_SHORT: Final = 40
_LONGEST: Final = 140
_FADE: Final = 0.003
"""What a reference is worth less for each character above the short: a long one says more."""
_REFERS: Final = re.compile(
    r"\b(?:that|this|these|those|(?<!day is )(?<!time is )it|its|he|him|his|she|her|they|them|"
    r"their|one|ones|same|again|instead|before|earlier|meantime|said|part|step|steps|example|"
    r"words|detail|details|sure|else|shorter|simpler|other|another|"
    r"isso|isto|esse|essa|disso|nisso|ele|ela|eles|elas|outra|outro|vez|mesmo|mesma|certeza|exemplo|"
    r"passo|eso|esto|ese|esa|ello|otra|otro|mismo|misma|seguro|segura|ejemplo|paso|"
    r"dies\w*|damit|davon|darauf|ihn|ihm|ihr|sie|nochmal|wieder|anders|sicher|beispiel|schritt|"
    r"ca|cela|ce|celui|celle|elle|lui|encore|autre|meme|exemple|etape|"
    r"questo|quello|lui|lei|ancora|altro|altra|stesso|esempio|dat|hem|haar|nog|andere|hetzelfde|"
    r"tego|jej|jeszcze|inny|это|этого|он|она|его|ее|еще|этом)\b|[这那他她它再]|それ|これ|彼|그것|그거|다시"
)
"""Words for what was spoken of, and for how it was said."""


def carried(text: str, context: str) -> float:
    """What a text demands as it goes on from the context; 0 where it stands by itself.

    After somebody spoke of not wanting to live, nothing stands by itself: not even "goodbye".
    """
    before = asked(context)
    if any(topics(part)["crisis"] for part in before):
        return demand_of(before)
    if len(text) > _LONGEST or is_trivial(text):
        return 0.0
    told = plain(text)
    if not _REFERS.search(told) and not _is_a_fragment(text):
        return 0.0
    return demand_of(before) - _FADE * max(0, len(text) - _SHORT)


def _is_a_fragment(text: str) -> bool:
    """Whether it is short, and by itself nothing that is clearly easy."""
    if len(text) > _SHORT:
        return False
    return len(text.split()) <= _FEW_WORDS or demand_of((text,)) >= CLEARLY_EASY
