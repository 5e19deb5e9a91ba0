"""What a description says that its candidate is not for, and what only sounds so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_core.routers.no_data.negation import told

LIMITS = {
    "chat only; never use for drugs": "drugs",
    "Orders. Do NOT use for tax, or for law.": "for law",
    "Good at chat, not at proofs": "proofs",
    "Avoid for proofs.": "proofs",
    "Everything except law": "law",
    "We don’t handle taxes": "taxes",
    "Does not cover tax law": "tax law",
    "It can't do maths": "maths",
    "Legal advice is not supported": "Legal advice",
    "Não use para direito": "direito",
    "Nunca para direito": "direito",
    "Bate-papo; evite em direito": "direito",
    "No usar para derecho": "derecho",
    "Ne pas utiliser pour le droit": "droit",
    "jamais pour le droit": "droit",
    "Nicht für Rechtsfragen": "Rechtsfragen",
    "Für Rechtsfragen nicht geeignet": "Rechtsfragen",
    "nie für Rechtsfragen": "Rechtsfragen",
}

NO_LIMITS = """Helps users who cannot sign in
parcels not delivered
Laptops that do not start
How to avoid scams
Not only small talk
Orders that have not arrived
Consulta no banco de dados
Conversa. Não apenas piadas
Nicht nur Gedichte
knots and notes""".splitlines()


@pytest.mark.parametrize("description", LIMITS)
def test_a_negated_clause_is_no_claim(description: str) -> None:
    claimed, ruled_out = told(description)
    assert LIMITS[description] in ruled_out
    assert LIMITS[description] not in claimed


@pytest.mark.parametrize("description", NO_LIMITS)
def test_what_users_have_trouble_with_is_claimed(description: str) -> None:
    assert told(description) == (description, "")


def test_a_clause_ends_where_the_next_begins() -> None:
    claimed, ruled_out = told(
        "Never for law, but good at poems. Version 1.5 is not for code; chat."
    )
    assert "poems" in claimed
    assert "chat" in claimed
    assert "law" in ruled_out
    assert "code" in ruled_out
    assert "Version 1.5" in claimed


@given(st.text(max_size=300))
def test_any_description_can_be_read(description: str) -> None:
    claimed, ruled_out = told(description)
    assert ruled_out or claimed == description
