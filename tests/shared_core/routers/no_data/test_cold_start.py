"""With no outcomes: nothing that matters to the smallest model, no small talk to the dearest."""

from __future__ import annotations

import time
import unicodedata
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_core import Candidate, ColdStartRouter, ModelPool, Query, ZeroShotRouter
from shared_core.policies.base import Matrix, Policy, Predictions
from shared_core.policies.cost_quality import CostQuality
from shared_core.routers.no_data.asked import asked
from shared_core.routers.no_data.demand import demand
from shared_core.routers.no_data.pieces import asks, pieces

POOL = ModelPool(
    [
        Candidate(name="nano", input_price=0.05, output_price=0.1),
        Candidate(name="middle", input_price=0.5, output_price=1.5),
        Candidate(name="grand", input_price=5, output_price=15),
    ]
)

HARD = """54-year-old with chest pain, ST elevation
warfarin dose with amiodarone
prove there are infinitely many primes ≡ 3 mod 4
Is it safe to take ibuprofen with lithium?
My baby has a fever of 40 and a stiff neck, what should I do?
potassium 6.8 mmol/L in a dialysis patient, next step?
Can my landlord evict me without a court order?
Draft a non-compete clause that holds in California
How are capital gains on inherited shares taxed?
Show that the square root of 2 is irrational
Prove that every bounded sequence has a convergent subsequence
Is this scheduling problem NP-hard? Give a reduction.
I mixed bleach and ammonia and feel dizzy
Design a lock-free queue and argue that it is linearizable
homem de 60 anos com dor no peito e suor frio
dose de varfarina com amiodarona
prove que existem infinitos números primos
Posso tomar paracetamol grávida de 8 semanas?
Fui demitido sem justa causa, quais são meus direitos no contrato?
Como declarar imposto de renda sobre ganho de capital na venda de imóvel?
demonstre que a soma dos ângulos de um triângulo é 180 graus
paciente de 70 años con dolor torácico y disnea
dosis de insulina para un niño de 5 años
demuestra que hay infinitos números primos de la forma 4k+3
¿Puede mi casero desahuciarme sin orden del tribunal?
¿Cómo tributa una hipoteca en la declaración del impuesto?""".splitlines()

EASY = """hi
2+2
thanks!
hello there
Good morning!
ok
what is 7 * 8?
17 + 25 =
thank you so much
bye
lol
oi, tudo bem?
obrigado!
bom dia
quanto é 3 + 4?
valeu
hola
¡gracias!
buenas noches
¿cuánto es 9 x 9?
hey, how are you?
yes""".splitlines()


@pytest.fixture(scope="module")
def router() -> ColdStartRouter:
    return ColdStartRouter(POOL)


@pytest.mark.parametrize("text", HARD)
def test_what_matters_does_not_go_to_the_smallest(router: ColdStartRouter, text: str) -> None:
    assert router.route(text).model != "nano"


@pytest.mark.parametrize("text", EASY)
def test_small_talk_does_not_go_to_the_dearest(router: ColdStartRouter, text: str) -> None:
    assert router.route(text).model == "nano"


TWO = ModelPool([POOL["nano"], POOL["grand"]])

SHORT_AND_HARD = """is P=NP?
Prove Fermat's last theorem for n=3
Show that every finite group of order p^2 is abelian
Can I take ibuprofen while pregnant at 31 weeks?
Is a landlord liable if a tenant's dog bites a visitor?
Management of diabetic ketoacidosis with potassium of 2.9 mmol/L
Does enalapril go with spironolactone?
Qual o prazo prescricional para cobrar dívida de cheque sem fundos?
Criança de 2 anos engoliu uma pilha botão
Explain how to hedge the vega of a cliquet option book
Write a lock-free multi-producer multi-consumer queue in C++20""".splitlines()

PLAIN = """how are you doing today?
half of 18?
capital of Portugal?
how do you spell 'necessary'?
what day comes after Wednesday?
how many legs does a spider have?
give me a synonym for happy
translate 'good night' into Spanish
Qual é a capital do Peru?
como se escreve 'exceção'?
conte uma piada curta
taxi or bus to the beach?""".splitlines()

PASTED = (
    "\n\n"
    + (
        "The library reopened after eight months. Patients of the clinic next door had found a "
        "larger room, and the court's clock, stopped since the storm, runs again. "
    )
    * 6
)


@pytest.mark.parametrize("pool", [POOL, TWO], ids=["three", "two"])
@pytest.mark.parametrize("text", SHORT_AND_HARD)
def test_short_is_not_simple(pool: ModelPool, text: str) -> None:
    assert ColdStartRouter(pool).route(text).model != "nano"


@pytest.mark.parametrize("pool", [POOL, TWO], ids=["three", "two"])
@pytest.mark.parametrize("text", PLAIN)
def test_a_few_plain_words_do_not_go_to_the_dearest(pool: ModelPool, text: str) -> None:
    assert ColdStartRouter(pool).route(text).model != "grand"


def test_what_is_wanted_of_a_long_text_counts() -> None:
    assert ColdStartRouter(TWO).route("What follows for my lawsuit?" + PASTED).model == "grand"
    assert demand("What follows for my lawsuit?" + PASTED) > demand("What is the date?" + PASTED)


def test_the_middle_of_a_long_text_is_not_read() -> None:
    ends = "Is this mail friendly? " * 10, " Best regards, and see you on Monday." * 5
    alarming = "warfarin theorem lawsuit mortgage explosion deadlock " * 20
    harmless = "we met, we ate, we laughed " * 20
    assert demand(alarming.join(ends)) == demand(harmless.join(ends)) < 0.48


def test_despair_in_the_middle_of_a_long_text_is_heard() -> None:
    told = "so I fed the cat and watched the rain " * 20
    assert demand(told + "and I want to kill myself " + told) >= 0.72


@pytest.mark.parametrize("text", [*HARD, *EASY, *SHORT_AND_HARD, *PLAIN])
def test_accents_left_out_change_nothing(text: str) -> None:
    parts = unicodedata.normalize("NFD", text)
    assert demand("".join(c for c in parts if not unicodedata.combining(c))) == demand(text)


@given(st.text(max_size=400))
def test_demand_is_a_number_of_any_text(text: str) -> None:
    assert 0.05 <= demand(text) <= 1.0


def test_more_at_stake_demands_more() -> None:
    assert demand("hi") < demand("What is the capital of France?") < demand("warfarin dose?")


def test_a_description_breaks_the_tie_of_equal_prices() -> None:
    pool = ModelPool(
        [
            Candidate(name="a", input_price=1, output_price=1, description="stories and poems"),
            Candidate(name="b", input_price=1, output_price=1, description="writes Python code"),
        ]
    )
    assert ColdStartRouter(pool).route("fix the bug in my python function").model == "b"
    assert ColdStartRouter(pool).route("write a poem about rain").model == "a"
    assert ZeroShotRouter(pool).route("fix the bug in my python function").model == "b"
    assert ZeroShotRouter(pool).route("write a poem about rain").model == "a"


RULING_OUT = """never use for medicine, drugs or law
Not for medicine
nunca use para remédios
nicht für Symptome
Medicine is not supported""".splitlines()


@pytest.mark.parametrize("about", RULING_OUT)
def test_what_a_description_rules_out_counts_against_it(about: str) -> None:
    pool = [
        Candidate(name="b", description=f"Chit-chat. {about}."),
        Candidate(name="a", description="An assistant."),
    ]
    for router in (ColdStartRouter(pool), ZeroShotRouter(pool)):
        assert router.route("warfarin dose with amiodarone").model == "a"


FIELDS = {
    "warfarin dose with amiodarone": ["medical questions", "healthcare", "assistente médico",
                                      "asistente de salud", "Medizin", "la santé"],
    "Can my landlord evict me without a court order?": ["legal", "direito", "derecho", "Recht",
                                                        "droit français", "for lawyers"],
    "How are capital gains on inherited shares taxed?": ["finance", "accounting", "Steuern"],
    "fix the bug in my python function": ["coding", "for developers", "programación",
                                          "Programmierung"],
    "integrate x^2 e^x": ["math", "mathematics", "matemática", "Mathematik", "mathématiques"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "field"), [(text, field) for text, named in FIELDS.items() for field in named]
)
def test_a_description_may_name_a_field(text: str, field: str) -> None:
    other = Candidate(name="other", description="An assistant.")
    named = Candidate(name="named", description=field)
    never = Candidate(name="never", description=f"An assistant, not for {field}.")
    for kind in (ColdStartRouter, ZeroShotRouter):
        assert kind([other, named]).route(text).model == "named"
        assert kind([never, other]).route(text).model == "other"


def test_without_prices_it_still_decides_and_says_what_it_lacks() -> None:
    decision = ColdStartRouter(["a", "b"]).route("hi")
    assert decision.ranking == ("a", "b")
    assert "give the candidates prices, or descriptions" in decision.reason
    described = ColdStartRouter([Candidate(name="a", description="poems"), Candidate(name="b")])
    assert "descriptions alone" in described.route("hi").reason
    assert "give" not in ColdStartRouter(POOL).route("hi").reason


TROUBLE = """my dad's face is drooping on one side and hes talking funny
i dont want to be here anymore
whats the point of anything, im so tired of being alive
my son has a stiff neck and purple spots on his legs
pee looks like coke after crossfit
is a resting heart rate of 38 dangerous
can't pee for 10 hours
my boyfriend hits me when he drinks
how much tylenol can a 14 kg toddler have
can they arrest me for recording a cop
sparks came out when i plugged in the dryer
replacing a capacitor in my microwave, how do i not get killed
why can't you trisect an angle
is there a set whose power set is countably infinite
what breaks if the halting problem were decidable
do we have free will if the brain is deterministic
is psoriasis contagious
what causes kidney stones
how to make this idempotent if the webhook fires twice
make it stop, I want to die
não vejo mais sentido em viver
quem paga o IPTU, o inquilino ou o dono?
minha vó caiu e não lembra de nada
misturei água sanitária com amoníaco e to tossindo muito
levei choque na geladeira, é perigoso?
existe livre arbítrio?
mi bebé tiene los labios morados
no puedo mas, quiero desaparecer para siempre""".splitlines()

INNOCENT = """what rhymes with pain
name a movie about a court
write a haiku about broken bones
translate 'doctor' into Spanish
what do hedgehogs eat
how do you pronounce chestnut
72 F to C
play some jazz
Rewrite "the doctor saw the patient" in the passive voice
which planet is closest to the sun
15 percent of 80
calculate 6 * 7
alexa, set a timer for ten minutes
in which year did the US land on the moon?
me recomenda um filme de terror
traduz "advogado" pro inglês
que legal!!
deixa mais educado: me manda o relatório
de que cor é o céu
cómo se dice "veneno" en inglés
¿los pingüinos vuelan?
comment dit-on "hôpital" en anglais
capitalise: the supreme court of canada
👍""".splitlines()


@pytest.mark.parametrize("pool", [POOL, TWO], ids=["three", "two"])
@pytest.mark.parametrize("text", TROUBLE)
def test_plain_words_may_tell_of_trouble(pool: ModelPool, text: str) -> None:
    assert ColdStartRouter(pool).route(text).model != "nano"


@pytest.mark.parametrize("pool", [POOL, TWO], ids=["three", "two"])
@pytest.mark.parametrize("text", INNOCENT)
def test_what_is_asked_counts_and_not_what_is_spoken_of(pool: ModelPool, text: str) -> None:
    assert ColdStartRouter(pool).route(text).model != "grand"


DOUBTFUL = """spell 'prove'
is Provence in France?
é bom dormir cedo?""".splitlines()


@pytest.mark.parametrize("text", DOUBTFUL)
def test_where_words_mislead_it_a_third_model_takes_the_doubt(text: str) -> None:
    assert ColdStartRouter(POOL).route(text).model != "grand"
    assert ColdStartRouter(TWO).route(text).model == "grand"


ALARMING = ("warfarin", "theorem", "lawsuit", "mortgage", "explosion", "deadlock")


@pytest.mark.parametrize("word", ALARMING)
def test_to_ask_for_a_word_is_less_than_to_ask_about_it(word: str) -> None:
    for order in ("spell {}", "translate '{}' into German", "a synonym of {}", "plural de {}"):
        assert demand(order.format(word)) < demand(f"explain this {word} to me")


@pytest.mark.parametrize("text", ["spell suicide", "so tired of being alive", "quero morrer"])
def test_where_a_life_may_hang_on_it_no_word_is_plain(text: str) -> None:
    assert demand(text) >= 0.72


DESPAIR = """I'm going to jump tonight
by the time you read this I won't be here
I can't do this anymore, goodbye everyone
I have the rope ready
tonight is my last night
I swallowed the whole bottle
he said he will kill me if I leave
I keep cutting my arms and it's the only thing that helps
je ne veux plus vivre
ich will nicht mehr leben
non voglio più vivere
ik wil niet meer leven
nie chcę już żyć
я больше не хочу жить
yaşamak istemiyorum
aku ingin mati
أريد أن أموت
मैं मरना चाहता हूँ
我不想活了
死にたい
죽고 싶어요""".splitlines()
ORDERS = """{}
Sentiment: {}
Fix the typos: {}
What language is this? {}
Count the words: {}
Extract the names: {}
Translate to French: "{}"
Classify as billing, bug or other: {}""".splitlines()


@pytest.mark.parametrize("order", ORDERS)
def test_no_order_hides_despair(order: str) -> None:
    router = ColdStartRouter(TWO)
    lost = [text for text in DESPAIR if router.route(order.format(text)).model == "nano"]
    assert not lost


def test_words_that_only_sound_like_it_are_no_despair() -> None:
    for text in (
        "I'm going to jump rope at the gym tonight",
        "we wrapped up on the last night of the tour",
        "goodbye everyone, see you on Monday",
        "the bridge is closed for repairs",
    ):
        assert demand(text) < 0.72


def test_a_few_words_that_an_order_hands_over_are_heard_unless_a_field_speaks() -> None:
    said = {"nobody saw him since the lake": 0.6, "the court denied the motion": 0.6}
    found = [asks(lambda text: said.get(text, 0.1), f"Count the words: {text}") for text in said]
    assert found == [0.6, 0.1]


def test_few_plain_words_are_simple_only_where_they_ask_for_something_simple() -> None:
    assert demand("who wrote Dune?") < demand("nothing works for us") < demand("he has a fever")


def test_no_letters_are_small_talk() -> None:
    assert demand("?!") == demand("🎉🎉") == demand("hi") < demand("∀∃")


@pytest.mark.parametrize(
    "text", ["Thank you! " * 3000 + "Bob", "calcul" * 5000, "calculate" * 20 + " z", "hi " * 9000]
)
def test_no_text_is_looked_at_for_long(text: str) -> None:
    assert 0.05 <= demand(text) <= 1  # went on for hours when patterns could be read in many ways


@pytest.mark.parametrize("before", ["\n" * 9000, "hi " * 3000, "🎉" * 9000, "|---|" * 2000])
def test_what_comes_late_is_read_too(before: str) -> None:
    assert demand(before + "My father has ST elevation and chest pain; alteplase dose?") > 0.48


STEMI = HARD[0]


def priced(name: str, price: float | None, **others: Any) -> Candidate:
    return Candidate(name=name, input_price=price and price / 4, output_price=price, **others)


@pytest.mark.parametrize("free", [0.0, 1e-9])
def test_a_free_model_takes_nothing_from_the_strongest(free: float) -> None:
    router = ColdStartRouter([priced("local", free), priced("mini", 0.6), priced("max", 10)])
    assert router.route(STEMI).model == "max"
    assert router.route("hi").model == "local"


@pytest.mark.parametrize(
    "prices",
    [(0, 0, 10), (0, 0, 0, 0.6, 10), (0, 0.6, 75), (0.1, 0.1, 75), (0.08, 0.1, 75),
     (0.08, 0.6, 75), (0.08, 0.1, 0.6, 75), (0.08, 0.1, 0.6, 10), (0.6, 10, 600),
     (0.08, 0.6, 10, 600), (0.08, 600)],
)  # fmt: skip
def test_prices_out_of_proportion_take_nothing_from_either_end(prices: tuple[float, ...]) -> None:
    for router in (
        ColdStartRouter([priced(f"m{i}", price) for i, price in enumerate(prices)]),
        ColdStartRouter([priced(f"m{i}", price) for i, price in enumerate(prices)][::-1]),
    ):
        for text in (STEMI, *HARD[:3]):
            assert router.route(text).model == f"m{len(prices) - 1}"
        for text in EASY:
            decision = router.route(text)
            assert prices[int(decision.model[1:])] == router.pool[decision.model].output_price
            assert prices[int(decision.model[1:])] <= 2 * min(prices)


def test_the_dearest_counts_for_no_more_than_the_cost_weight() -> None:
    pool = [priced("small", 0.1), priced("as small", 0.1), priced("vast", 1000)]
    for weight in (0.0, 0.1, 0.3):
        decision = ColdStartRouter(pool, CostQuality(cost_weight=weight)).route(STEMI)
        gain = decision.quality["vast"] - decision.quality["small"]
        assert gain > weight
        assert decision.model == "vast"
    assert ColdStartRouter(pool, CostQuality(cost_weight=10)).route(STEMI).model == "small"


def test_who_cannot_serve_changes_nothing() -> None:
    pool = [priced("mini", 0.4), priced("max", 10)]
    with_gold = ColdStartRouter([*pool, priced("gold", 2000)])
    for text in (*HARD, *EASY):
        query = Query(text, exclude={"gold": "too dear"})
        assert with_gold.route(query).ranking == ColdStartRouter(pool).route(text).ranking
    assert with_gold.route("hi").model == "mini"


def test_one_known_price_tells_too_and_unknown_costs_are_not_made_up() -> None:
    mini, grand = (Candidate(name=name, output_price=p) for name, p in (("mini", 0.4), ("max", 10)))
    decision = ColdStartRouter([mini, grand, priced("known", 0.5)]).route(STEMI)
    assert decision.model == "max"
    assert set(decision.cost) == {"known"}
    assert ColdStartRouter([grand, mini]).route("hi").model == "mini"


@pytest.mark.parametrize(
    ("weak", "strong"),
    [
        (Candidate(name="llama-8b"), Candidate(name="llama-70b")),
        (Candidate(name="gpt-mini"), Candidate(name="gpt")),
        (Candidate(name="gpt-5-nano"), Candidate(name="gpt-5-mini")),
        (Candidate(name="gemini-flash-lite"), Candidate(name="gemini-flash")),
        (Candidate(name="claude-haiku"), Candidate(name="claude-sonnet")),
        (Candidate(name="claude-sonnet"), Candidate(name="claude-opus-4-1")),
        (Candidate(name="gpt-oss-120b"), Candidate(name="gpt-5")),
        (Candidate(name="mistral-7b"), Candidate(name="mixtral-8x7b")),
        (Candidate(name="smollm-135m"), Candidate(name="gemma-e4b")),
        (Candidate(name="llama-1b", description="distilled from Llama 405B"),
         Candidate(name="llama-70b")),
        (Candidate(name="a", description="small, trained on 900b tokens"),
         Candidate(name="b", description="large and strong")),
        (Candidate(name="a", description="Simple chat. Avoid for hard or complex questions."),
         Candidate(name="b", description="Our general model.")),
        (Candidate(name="llama-3b", input_price=0, output_price=0),
         Candidate(name="llama-32b", input_price=0, output_price=0)),
        (Candidate(name="gpt-mini", input_price=0.2, output_price=2), Candidate(name="opus")),
        (Candidate(name="a", description="quick, for simple chat"),
         Candidate(name="b", description="our strongest, for hard problems")),
        (Candidate(name="a", description="modelo pequeno e rápido"),
         Candidate(name="b", description="o mais forte, raciocínio complexo")),
        (Candidate(name="a", description="kleines, schnelles Modell"),
         Candidate(name="b", description="das stärkste Modell")),
    ],
)  # fmt: skip
def test_without_prices_names_and_descriptions_tell(weak: Candidate, strong: Candidate) -> None:
    for pool in ([weak, strong], [strong, weak]):
        decision = ColdStartRouter(pool).route(STEMI)
        assert decision.model == strong.name
        assert "names and descriptions" in decision.reason
        assert ColdStartRouter(pool).route("hi").model == weak.name
        priced = {one.name: one.cost(1, 1) for one in pool if one.cost(1, 1) is not None}
        assert decision.cost.keys() == priced.keys()
        assert all(
            decision.cost[name] < 0.01 and bool(decision.cost[name]) == bool(priced[name])
            for name in priced
        )


@pytest.mark.parametrize("first", [STEMI, "i dont want to be here anymore", "prove that 2^n > n"])
@pytest.mark.parametrize(
    "text", ["are you sure?", "how?", "in simple words", "tem certeza?", "yes I have a plan"]
)
def test_a_few_words_demand_what_was_asked_before(first: str, text: str) -> None:
    decision = ColdStartRouter(TWO).route(Query(text, context=first))
    assert decision.model == "grand"
    assert "goes on from" in decision.reason
    assert ColdStartRouter(TWO).route(Query(text, context="capital of Peru?")).model == "nano"
    assert ColdStartRouter(TWO).route(Query("thanks!", context=STEMI)).model == "nano"


TEMPLATES = {
    "rag": "You are an assistant for question-answering tasks. Use the following pieces of "
    "retrieved context to answer the question. If you don't know the answer, just say that you "
    "don't know. Use three sentences maximum.\nQuestion: {}\nContext: {}\nAnswer:",
    "stuff": "Use the following pieces of context to answer the question at the end.\n\n{1}\n\n"
    "Question: {0}\nHelpful Answer:",
    "tags": "<context>{1}</context>\n<user_query>\n{0}\n</user_query>",
    "role": "You are a helpful assistant. Answer the following question.\n{0}",
    "quoted": "> {0}",
    "letters": "Answer briefly.\n\nQ: What colour is the sky?\nA: Blue.\n\nQ: {0}\nA:",
    "steps": "You have access to the following tools:\n\nsearch: {1}\n\nUse the following format:"
    "\n\nQuestion: the input question\nThought: what to do\nFinal Answer: the answer\n\nBegin!\n\n"
    "Question: {0}\nThought:",
    "mail": "From: kim@acme.example\nTo: help@acme.example\nSubject: question\n\nHi team,\n\n{0}\n"
    "\nBest regards,\nKim Sato\nACME Inc. | 14 Harbour Road",
}
SHOP = "The shop opens at nine. Parcels are handed out at the side entrance until five."


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
@pytest.mark.parametrize("context", [SHOP, "The court heard of warfarin and a theorem. " * 20])
def test_a_template_changes_nothing(template: str, context: str) -> None:
    for text in (*HARD, *EASY):
        wrapped = ColdStartRouter(TWO).route(template.format(text, context))
        assert wrapped.model == ColdStartRouter(TWO).route(text).model


@pytest.mark.parametrize(
    "mail",
    [
        "From: kim@acme.example\nSubject: {}\n\nPlease see above.\n--\nKim Sato",
        "From: kim@acme.example\nTo: help@acme.example\n\nHi {}\nThanks",
        "From: kim@acme.example\nTo: help@acme.example\n\nHi,\nI am new here.\n\nThank you\n{}",
    ],
)
def test_nothing_in_a_mail_hides_a_hard_question(mail: str) -> None:
    lost = [one for one in HARD if ColdStartRouter(TWO).route(mail.format(one)).model == "nano"]
    assert not lost


def test_letters_are_labels_only_where_questions_have_answers() -> None:
    text = "Q: a list of options\nB: none\nprove that every such list is finite"
    assert asked(text) == (text,)


WRAPPINGS = {
    "greeting": "Hi team, hope you had a lovely weekend with the family and the dog. {} Thanks a "
    "lot in advance, have a nice day and say hi to everyone from me. See you on Monday, Jane",
    "app": "You are Ada, the friendly helper of the Sunny Shop app. Greet people by name, use "
    "short sentences and a warm tone, and never use slang.\n\n{}\n\nRemember: be brief and "
    "friendly, use at most three sentences, and end with a nice wish for the day. Thank you!",
    "letter": "Hello,\n\nI hope this message finds you well. We had a great time at the lake, and "
    "the children still talk of it every evening. The card you sent is on the fridge. {}\n\nBest "
    "regards,\nJane Miller\nSales Manager | ACME Inc.\n\nThis e-mail may contain confidential "
    "information. If it is not for you, please tell the sender and delete it.",
    "another speaker": "Human: hi\nAI: Hello!\nPatient: {}",
    "a header at the end": "{}\n\nFrom: Jane\nUser: jane\nDate: Monday",
    "an afterthought": "{}\n\nQuestion: ok?",
    "an example": "{}\n\nInput: 5 2\nOutput: 3",
    "a tag": "{}\n<request>ping</request>",
    "few shots": "Q: hi\nA: hello\n\nQuestion: what is 2+2?\nAnswer: 4\n\nProblem: {}\nSolution:",
    "condensed": "Given a conversation and a follow up message, write a standalone question.\n\n"
    "<Chat History>\nuser: hi\nassistant: Hello!\n\n<Follow Up Message>\n{}\n\n"
    "<Standalone question>",
}


@pytest.mark.parametrize("wrapping", WRAPPINGS.values(), ids=WRAPPINGS)
def test_a_hard_question_is_heard_among_easy_words(wrapping: str) -> None:
    router = ColdStartRouter(POOL)
    wrapped = [wrapping.format(text) for text in (*HARD, *SHORT_AND_HARD)]
    assert not [text for text in wrapped if router.route(text).model == "nano"]
    assert sum(ColdStartRouter(TWO).route(text).model == "nano" for text in wrapped) <= 2


@pytest.mark.parametrize("wrapping", WRAPPINGS.values(), ids=WRAPPINGS)
def test_an_easy_question_among_easy_words_is_not_for_the_dearest(wrapping: str) -> None:
    router = ColdStartRouter(POOL)
    for text in (*EASY, *PLAIN):
        assert router.route(wrapping.format(text)).model != "grand"


@pytest.mark.parametrize(
    "order", ["Translate into German:", "Summarise this mail in five words.", "Corrija o texto:"]
)
def test_a_text_to_be_worked_on_may_speak_of_anything(order: str) -> None:
    text = f"{order}\n\nThe doctor saw him at noon. My knee hurts and I have a fever of 40."
    assert pieces(text)[1:] == [
        "The doctor saw him at noon.", "My knee hurts and I have a fever of 40."
    ]  # fmt: skip
    assert asks(lambda read: 0.1 if read == text else 0.9, text) == 0.1
    assert ColdStartRouter(POOL).route(text).model != "grand"


SPELLING = """Fix the typos, nothing else:
Sort alphabetically:
Corrija a ortografia:
Corrige la ortografía:
Rechtschreibung prüfen:
Corrige l'orthographe :
What language is this?
Sentiment:""".splitlines()


@pytest.mark.parametrize("order", SPELLING)
def test_what_is_done_with_letters_goes_by_the_order(order: str) -> None:
    told = f"{order} 'Seen for crushing chest pain; the judge was told.'"
    head = order.partition(":")[0].strip()
    judged = {told: 0.9, head: 0.1}
    assert asks(lambda text: judged.get(text, 0.9), told) == pytest.approx(0.3)


@pytest.mark.parametrize(
    "text",
    ["Spell out the theorem and prove it",
     "Fix the typos: he is ill. Is amiodarone with warfarin safe for him?",
     "In which language is P? Prove that it is regular: a, aa, aaaa",
     "Should we capitalise this lease under IFRS 16: yearly rent 40k, ten years?"],
)  # fmt: skip
def test_what_only_speaks_of_letters_does_not(text: str) -> None:
    assert ColdStartRouter(TWO).route(text).model == "grand"


def test_of_a_given_text_a_part_counts_besides_the_order() -> None:
    told = {"Translate into German": 0.2, "Translate into German: he had a stroke.": 0.6}
    assert asks(told.__getitem__, "Translate into German: he had a stroke.") == pytest.approx(0.5)


def test_an_instruction_and_its_input_are_one_request() -> None:
    form = "### Instruction:\n{}\n\n### Input:\n{}\n\n### Response:\n"
    assert asked(form.format("Translate to Spanish.", "He died.")) == (
        "Translate to Spanish.\n\nHe died.",
    )
    for text in SHORT_AND_HARD:
        for order in (form.format("Answer the request.", text), form.format(text, "none")):
            assert ColdStartRouter(TWO).route(order).model == "grand"


def test_thinking_of_something_is_no_manner_of_answering() -> None:
    text = "Think carefully about the proof of Fermat's little theorem. Is it circular?"
    assert asked(text) == (text,)


def test_a_decision_says_that_the_middle_of_a_long_text_was_not_read() -> None:
    chatter = "so I fed the cat and watched the rain. " * 60
    router = ColdStartRouter(TWO)
    assert "only its two ends are read" in router.route(f"{chatter} {chatter}").reason
    assert "in doubt" not in router.route(chatter).reason
    assert "in doubt" not in router.route(f"Summarise this text: {chatter} {chatter}").reason


FORMATS = {
    "mistral": "[INST] {} [/INST]",
    "chatml": "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n",
    "llama": "<|start_header_id|>user<|end_header_id|>\n\n{}<|eot_id|>",
    "alpaca": "Below is an instruction that describes a task. Write a response that appropriately "
    "completes the request.\n\n### Instruction:\n{}\n\n### Response:\n",
    "heading": "# {}",
    "in steps": "{}\nThink step by step.",
    "carefully": "Take a deep breath and think carefully before you answer.\n\n{}",
    "passo a passo": "Pensa passo a passo e explica bem. {}",
    "paso a paso": "Piensa paso a paso: {}",
    "étape par étape": "Raisonne étape par étape. {}",
    "schritt für schritt": "Denke Schritt für Schritt. {}",
    "passo dopo passo": "{}\nRagiona passo dopo passo.",
    "byte order mark": "\ufeff{}",
    "documenti": "Documenti:\n1) Il warfarin richiede controlli.\n\nDomanda: {}\nRisposta:",
    "refined": "The original query is as follows: {}\nWe have provided an existing answer: Peru\n"
    "We have the opportunity to refine it with some more context below.\n------------\n"
    "Warfarin and amiodarone interact.\n------------\nRefined Answer: ",
    "table": "We have provided a table schema below. ----------\nwarfarin, dose\n----------\nGiven "
    "the context information and the table schema, give a response to the following task: {}",
    "sources": "Context information from multiple sources is below.\n-----\nWarfarin, a theorem.\n"
    "-----\nGiven the information, answer the query.\nQuery: {}\nAnswer: ",
}


@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("text", [*HARD[:5], *PLAIN[:7]])
def test_a_format_is_not_what_is_asked(form: str, text: str) -> None:
    assert asked(form.format(text)) == (text,)


def test_what_nobody_sees_and_capitals_change_nothing() -> None:
    for text in PLAIN:
        assert asked("\u200b".join(text)) == (text,)
    assert asked("WHAT TIME IS IT IN ROME") == ("what time is it in rome",)
    assert asked("ECG STEMI") == ("ECG STEMI",)


@pytest.mark.parametrize(
    "text",
    ["<query>" * 20_000, "<query>a</query>" + "<context>" * 20_000, "Question:\n" * 20_000,
     "\n" * 90_000, "# " * 90_000, " \t" * 90_000 + "x", "<" * 90_000, ">\n" * 90_000],
)  # fmt: skip
def test_no_template_is_looked_for_for_long(text: str) -> None:
    started = time.perf_counter()
    asked(text)
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("reply", ["goodbye", "ok thanks bye", "good night", "tchau", "lol"])
@pytest.mark.parametrize(
    "before", ["I have the pills lined up on my desk", "i dont want to be here anymore"]
)
def test_in_a_crisis_no_reply_is_small_talk(before: str, reply: str) -> None:
    assert ColdStartRouter(TWO).route(Query(reply, context=before)).model == "grand"


@pytest.mark.parametrize(
    "text",
    ["is there anything he can do at home in the meantime?",
     "Can you explain that last part again in more detail please?",
     "are you completely sure about that? my friend said otherwise"],
)  # fmt: skip
def test_what_refers_back_demands_what_was_asked_before(text: str) -> None:
    assert ColdStartRouter(TWO).route(Query(text, context=STEMI)).model == "grand"


@pytest.mark.parametrize(
    "text",
    ["what is the capital of France?", "set a timer for 10 minutes", "thanks, that helped a lot",
     "tell me a joke", "by the way, what day is it?"],
)  # fmt: skip
def test_what_stands_by_itself_does_not(text: str) -> None:
    assert ColdStartRouter(TWO).route(Query(text, context="prove that 2^n > n")).model == "nano"


@pytest.mark.parametrize("text", ["", "?", "ok", "what is this"])
def test_a_picture_with_a_few_words_may_show_anything(text: str) -> None:
    able = [Candidate(name=one.name, output_price=one.output_price, abilities=["vision"])
            for one in TWO.values()]  # fmt: skip
    decision = ColdStartRouter(able).route(Query(text, needs={"vision"}))
    assert decision.model == "grand"
    assert "not looked at" in decision.reason


def test_only_sums_that_one_does_in_ones_head_are_trivial() -> None:
    for text in ("17 + 25 =", "1200 + 34", "9 x 9", "15% of 80", "100 f to c", "square of 13"):
        assert demand(text) == demand("hi")
    for text in ("9999*9999*9999*9999", "3847 x 9283", "sqrt 7919", "37.5% of 8421.77"):
        assert demand(text) > 0.2


HARD_ELSEWHERE = """mio padre ha un forte dolore al petto e suda freddo
mijn dochter van twee heeft een knoopbatterij ingeslikt
czy mogę brać ibuprofen z warfaryną?
отец упал и не дышит, что делать
докажи, что простых чисел вида 4k+3 бесконечно много
我父亲胸口剧痛，左臂发麻
我不想活了
父が倒れて呼吸をしていません
아버지가 쓰러져서 숨을 안 쉬어요
أبي لا يتنفس ماذا أفعل
मेरे पिता सांस नहीं ले रहे हैं
ο πατέρας μου δεν αναπνέει
พ่อของฉันไม่หายใจ
babamın göğsü ağrıyor, sol kolu uyuşuyor
bolehkah minum warfarin bersama aspirin?
أثبت أن الجذر التربيعي للعدد 2 غير نسبي
मकान मालिक ने घर खाली करने को कहा, मेरे अधिकार क्या हैं?
Far har ont i bröstet och svettas, ska vi vänta?
Barnet har svalt ett knappcellsbatteri
Doveďte důkaz, že prvočísel tvaru 4k+3 je nekonečně mnoho
Copilul a băut clor
Chứng minh rằng có vô số số nguyên tố dạng 4k+3
Apámnak mellkasi fájdalma van és izzad, mit tegyünk?""".splitlines()
EASY_ELSEWHERE = """ciao, come stai?
bedankt!
dzień dobry
привет!
你好
ありがとうございます
안녕하세요
مرحبا
नमस्ते
สวัสดีครับ
merhaba, nasılsın?
halo, apa kabar?
مرحبا كيف حالك
नमस्ते, कैसे हो?
hoi, alles goed?""".splitlines()


@pytest.mark.parametrize("pool", [POOL, TWO], ids=["three", "two"])
def test_other_languages_are_known_or_in_doubt(pool: ModelPool) -> None:
    router = ColdStartRouter(pool)
    assert not [text for text in HARD_ELSEWHERE if router.route(text).model == "nano"]
    assert {router.route(text).model for text in EASY_ELSEWHERE} == {"nano"}


def test_doubt_takes_nothing_to_the_strongest_of_three() -> None:
    for text in (
        "Mi a fővárosa Olaszországnak?",
        "Ποια είναι η πρωτεύουσα;",
        "kuinka monta päivää",
    ):
        assert ColdStartRouter(POOL).route(text).model == "middle"


def test_a_decision_says_that_a_text_could_hardly_be_read() -> None:
    router = ColdStartRouter(TWO)
    assert "in doubt" in router.route("ο πατέρας μου δεν αναπνέει").reason
    assert demand("ο πατέρας μου δεν αναπνέει") > 0.55  # not at the very boundary of .48
    for text in (*HARD, *EASY):
        assert "in doubt" not in router.route(text).reason


def test_of_models_equally_worth_it_the_cheaper_comes_first() -> None:
    turned = ModelPool(list(POOL.values())[::-1])
    router = ColdStartRouter(turned, _Indifferent())
    assert router.route("hi").ranking == ("nano", "middle", "grand")


@dataclass(frozen=True)
class _Indifferent(Policy):
    """Finds every model equally worth it."""

    def __call__(self, predictions: Predictions) -> Matrix:
        return np.zeros_like(predictions.quality)
