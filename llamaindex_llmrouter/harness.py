"""What LlamaIndex' agents put into a human's mouth, read as what it is.

Results of tools and complaints about the form of an answer stand as a user's words, and a
workflow's state stands around them.
"""

from __future__ import annotations

from typing import Final

from shared_core.conversation import Turn

_RESULTS: Final = (
    ("Observation:", "Action:"),
    ("Result of executing the code given:", "<execute>"),
    ("Error while parsing the output:", ""),
    ("FAILURE: Your previous response was empty.", ""),
)
"""How a ReAct or CodeAct agent's own words begin, and what stands in the answer before them."""

_STATE: Final = "Current state:\n"
_MESSAGE: Final = "\n\nCurrent message:\n"


def as_meant(turn: Turn, before: Turn | None) -> Turn:
    """The turn as a tool's result, or as the human's words alone, where it is not all of that.

    Args:
        turn: a message.
        before: the one before it.
    """
    if turn.role != "user":
        return turn
    if before is not None and before.role == "assistant" and _is_result(turn.text, before.text):
        return turn._replace(role="tool")
    if turn.text.startswith(_STATE) and _MESSAGE in turn.text:
        asked = turn.text.partition(_MESSAGE)[2]
        return turn._replace(text=asked.strip(), tokens=turn.text_size)
    return turn


def _is_result(text: str, answer: str) -> bool:
    return any(text.startswith(begins) and holds in answer for begins, holds in _RESULTS)
