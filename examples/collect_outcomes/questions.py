"""The questions: 14 kinds, each from easy to hard, and how an answer to each is graded.

All were written for this project, by hand or by the generators below with fixed seeds; none comes
from a benchmark. ``all_questions()`` returns the same list on every run.
"""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import graders

SHORT = 24
MEDIUM = 48
LONG = 160


@dataclass(frozen=True)
class Question:
    """A question and what its answer is graded by.

    Args:
        id: stable name, ``<dataset>-<number>``.
        dataset: the kind of question.
        language: ISO code of the language it is asked in.
        prompt: what the model is asked.
        reference: a right answer, for people to read and graders to accept.
        grader: name of a function in ``graders``.
        args: its arguments, as plain JSON.
        max_tokens: how long an answer may get.
    """

    id: str
    dataset: str
    language: str
    prompt: str
    reference: str
    grader: str
    args: Mapping[str, Any]
    max_tokens: int = SHORT

    def score(self, answer: str) -> float:
        """How right the answer is, 0..1."""
        return graders.grade(self.grader, self.args, answer)


@dataclass(frozen=True)
class Draft:
    """A question before its dataset numbers it."""

    prompt: str
    reference: str
    grader: str
    args: Mapping[str, Any]
    max_tokens: int = SHORT
    language: str = "en"


@dataclass
class _Numbered:
    """Drafts of one dataset as questions; a repeated prompt is left out."""

    dataset: str
    seen: set[str] = field(default_factory=set)

    def questions(self, drafts: Iterable[Draft]) -> Iterator[Question]:
        for draft in drafts:
            if draft.prompt in self.seen:
                continue
            self.seen.add(draft.prompt)
            yield Question(
                id=f"{self.dataset}-{len(self.seen):03d}", dataset=self.dataset, **vars(draft)
            )


def all_questions() -> list[Question]:
    """Every question, dataset by dataset."""
    return [
        question
        for dataset, drafts in DATASETS.items()
        for question in _Numbered(dataset).questions(drafts(random.Random(dataset)))
    ]


def _number(
    prompt: str,
    value: float,
    tolerance: float = 0.0,
    language: str = "en",
    max_tokens: int = MEDIUM,
) -> Draft:
    args: dict[str, Any] = {"expected": value, "given": graders.numbers_in(prompt)}
    if tolerance:
        args["tolerance"] = tolerance
    if language == "pt":
        args["decimal_comma"] = True
    reference = f"{value:g}" if abs(value) < 1e5 else str(value)
    return Draft(prompt, reference, "number", args, max_tokens, language)


def _phrase(prompt: str, accepted: str, rivals: Sequence[str] = (), language: str = "en") -> Draft:
    """``accepted`` holds the answers accepted, the usual one first, with | between them."""
    names = accepted.split("|")
    args: dict[str, Any] = {"accepted": names}
    if rivals:
        args["rivals"] = list(rivals)
    return Draft(prompt, names[0], "phrase", args, language=language)


def _exact(prompt: str, expected: str, ignore_case: bool = False) -> Draft:
    args: dict[str, Any] = {"expected": expected}
    if ignore_case:
        args["ignore_case"] = True
    return Draft(prompt, expected, "exact", args, MEDIUM)


# --- arithmetic -----------------------------------------------------------------------------------

_ASK = ("What is {}?", "Calculate {}.", "{} =", "Compute {}", "How much is {}?", "{}?")

# (how many, operators, digits of each number): from what anybody knows to what takes paper.
_SUMS = (
    (9, "+", (1, 1)),
    (3, "-", (2, 1)),
    (6, "+", (2, 2)),
    (3, "-", (3, 2)),
    (3, "+", (4, 4)),
    (3, "+-", (3, 3, 3)),
    (3, "*", (1, 1)),
    (4, "*", (2, 1)),
    (4, "*", (2, 2)),
    (3, "*", (3, 3)),
    (2, "*+", (2, 1, 2)),
    (3, "+*", (2, 2, 1)),
)
_SPOKEN_SUMS = (
    ("What is 15% of 240?", 36),
    ("What is 10% of 90?", 9),
    ("What is half of 50?", 25),
    ("What is 144 divided by 12?", 12),
    ("What is 952 divided by 17?", 56),
    ("What is 2 to the power of 9?", 512),
    ("What is the square root of 81?", 9),
    ("What is the remainder when 200 is divided by 13?", 5),
)


def arithmetic(rng: random.Random) -> Iterator[Draft]:
    """Sums and products of one to four digits, up to three numbers."""
    for count, operators, digits in _SUMS:
        for _ in range(count):
            text = _sum(rng, operators, digits)
            yield _number(rng.choice(_ASK).format(text), _value(text))
    for prompt, value in _SPOKEN_SUMS:
        yield _number(prompt, value)


def _sum(rng: random.Random, operators: str, digits: Sequence[int]) -> str:
    numbers = [str(rng.randint(max(2, 10 ** (d - 1)), 10**d - 1)) for d in digits]
    pairs = zip(operators, numbers[1:], strict=True)
    return numbers[0] + "".join(f" {operator} {number}" for operator, number in pairs)


def _value(text: str) -> int:
    """The value of a sum without brackets: products first, then from left to right."""
    terms = text.replace("- ", "+ -").split(" + ")
    return sum(_product(term) for term in terms)


def _product(term: str) -> int:
    value = 1
    for factor in term.split(" * "):
        value *= int(factor)
    return value


# --- unit conversion ------------------------------------------------------------------------------

_SIMPLE_UNITS = (
    ("kilometers", "meters", 1000),
    ("hours", "minutes", 60),
    ("kilograms", "grams", 1000),
    ("meters", "centimeters", 100),
    ("minutes", "seconds", 60),
    ("weeks", "days", 7),
    ("liters", "milliliters", 1000),
    ("dozens", "single items", 12),
    ("years", "months", 12),
    ("feet", "inches", 12),
    ("days", "hours", 24),
)
_HARD_UNITS = (
    ("miles", "kilometers", 1.609344),
    ("pounds", "kilograms", 0.45359237),
    ("inches", "centimeters", 2.54),
    ("US gallons", "liters", 3.785412),
    ("meters per second", "kilometers per hour", 3.6),
    ("ounces", "grams", 28.349523),
    ("square meters", "square centimeters", 10000),
    ("days", "seconds", 86400),
    ("hectares", "square meters", 10000),
    ("weeks", "hours", 168),
)
_CONVERT = (
    "Convert {} {} to {}.",
    "How much is {} {} in {}?",
    "{} {} in {}?",
    "Express {} {} in {}.",
)


def unit_conversion(rng: random.Random) -> Iterator[Draft]:
    """Metric and time units with round factors; then imperial ones, areas and temperatures."""
    for source, target, factor in _SIMPLE_UNITS:
        for value in rng.sample(range(2, 13), 2):
            yield _number(rng.choice(_CONVERT).format(value, source, target), value * factor)
    for source, target, factor in _HARD_UNITS:
        value = rng.randint(3, 48)
        exact = round(value * factor, 1)
        asked = rng.choice(_CONVERT).format(value, source, target)
        if factor >= 100:
            yield _number(asked, value * factor)
        else:
            yield _number(f"{asked} Round to one decimal.", exact, tolerance=0.11)
    for celsius in (0, 25, 37, 100):
        yield _number(f"What is {celsius} degrees Celsius in Fahrenheit?", celsius * 1.8 + 32, 0.05)
    for fahrenheit in (50, 86, 113):
        yield _number(f"Convert {fahrenheit} F to Celsius.", (fahrenheit - 32) / 1.8, 0.05)
    for hours, minutes in ((1, 15), (2, 45), (7, 12)):
        yield _number(f"How many seconds are {hours} h {minutes} min?", hours * 3600 + minutes * 60)


# --- word problems --------------------------------------------------------------------------------

_NAMES = (
    "Ana",
    "Ben",
    "Clara",
    "Diego",
    "Emma",
    "Felix",
    "Gina",
    "Hugo",
    "Iris",
    "João",
    "Kim",
    "Lena",
)
_THINGS = ("apples", "pencils", "stickers", "marbles", "books", "coins", "cookies", "shells")

_OneStep = Callable[[str, str, int, int], tuple[str, float]]
_ONE_STEP: tuple[_OneStep, ...] = (
    lambda n, t, a, b: (
        f"{n} has {a} {t} and gets {b} more. How many {t} does {n} have now?",
        a + b,
    ),
    lambda n, t, a, b: (f"{n} had {a + b} {t} and gave away {a}. How many {t} are left?", b),
    lambda n, t, a, b: (f"A box holds {a} {t}. How many {t} are in {b} boxes?", a * b),
    lambda n, t, a, b: (
        f"{n} shares {a * b} {t} equally among {b} friends. How many does each get?",
        a,
    ),
)
_TwoStep = Callable[[str, str, int, int, int], tuple[str, float]]
_TWO_STEP: tuple[_TwoStep, ...] = (
    lambda n, t, a, b, c: (
        f"{n} buys {a} bags of {b + 10} {t} each and then loses {c} of the {t}. How many {t} are left?",
        a * (b + 10) - c,
    ),
    lambda n, t, a, b, c: (
        f"A notebook costs {b} dollars and a pen costs {c} dollars. How many dollars do "
        f"{a} notebooks and one pen cost?",
        a * b + c,
    ),
    lambda n, t, a, b, c: (
        f"{n} reads {a} pages a day for {b} days and {c} pages on the last day. "
        "How many pages is that in all?",
        a * b + c,
    ),
    lambda n, t, a, b, c: (
        f"{n} is {a} years old. {n}'s sister is {b} years older, and their father is {c % 3 + 2} times as "
        "old as the sister. How old is the father?",
        (a + b) * (c % 3 + 2),
    ),
)
_THREE_STEP: tuple[_TwoStep, ...] = (
    lambda n, t, a, b, c: (
        f"A shop sells {a * 4} cakes on Monday, half as many on Tuesday, and {b} more on Wednesday than "
        f"on Tuesday. How many cakes does it sell in the three days?",
        a * 4 + a * 2 + a * 2 + b,
    ),
    lambda n, t, a, b, c: (
        f"{n} earns {a + 10} dollars an hour and works {b} hours a day, {c % 4 + 2} days a week. After "
        f"paying {a * b} dollars for rent, how many dollars of one week's pay remain?",
        (a + 10) * b * (c % 4 + 2) - a * b,
    ),
    lambda n, t, a, b, c: (
        f"A train leaves with {a * 10} passengers. At the first stop {b} get off and {c * 3} get on; at "
        f"the second stop half of all passengers get off. How many are on the train then? "
        "Round down.",
        (a * 10 - b + c * 3) // 2,
    ),
    lambda n, t, a, b, c: (
        f"{n} has {b} boxes with {a * 3} red and {c} blue {t} each. {n} sells a third of the red {t}. "
        f"How many {t} are left in all?",
        b * (a * 2 + c),
    ),
)


def word_problems(rng: random.Random) -> Iterator[Draft]:
    """Stories that take one, two or three steps."""
    for template in _ONE_STEP * 4:
        yield _story(*template(rng.choice(_NAMES), rng.choice(_THINGS), *_small(rng, 2)))
    for template in _TWO_STEP * 4 + _THREE_STEP * 4:
        yield _story(*template(rng.choice(_NAMES), rng.choice(_THINGS), *_small(rng, 3)))


def _small(rng: random.Random, count: int) -> list[int]:
    return rng.sample(range(2, 13), count)


def _story(prompt: str, value: float) -> Draft:
    return _number(prompt, value, max_tokens=LONG)


# --- code -----------------------------------------------------------------------------------------

# (signature, what it does, body, cases): a case is [arguments, result].
_FUNCTIONS: tuple[tuple[str, str, str, list[Any]], ...] = (
    ("add(a, b)", "returns the sum of a and b", "return a + b", [[[1, 2], 3], [[-4, 4], 0]]),
    (
        "is_even(n)",
        "tells whether n is even",
        "return n % 2 == 0",
        [[[4], True], [[7], False], [[0], True]],
    ),
    ("square(x)", "returns x squared", "return x * x", [[[3], 9], [[-2], 4]]),
    (
        "largest(numbers)",
        "returns the largest number of a list",
        "return max(numbers)",
        [[[[3, 9, 2]], 9], [[[-5, -2]], -2]],
    ),
    (
        "reverse(text)",
        "returns the text reversed",
        "return text[::-1]",
        [[["abc"], "cba"], [[""], ""]],
    ),
    (
        "factorial(n)",
        "returns n factorial",
        "return 1 if n < 2 else n * factorial(n - 1)",
        [[[0], 1], [[5], 120]],
    ),
    (
        "count_vowels(text)",
        "counts the vowels (aeiou, either case) in a text",
        "return sum(c in 'aeiou' for c in text.lower())",
        [[["Banana"], 3], [["sky"], 0], [["AEiou"], 5]],
    ),
    (
        "first(items)",
        "returns the first item of a list, or None if it is empty",
        "return items[0] if items else None",
        [[[[7, 8]], 7], [[[]], None]],
    ),
    (
        "total(numbers)",
        "returns the sum of a list of numbers",
        "return sum(numbers)",
        [[[[1, 2, 3]], 6], [[[]], 0]],
    ),
    (
        "is_palindrome(text)",
        "tells whether a text reads the same backwards, ignoring case",
        "return text.lower() == text.lower()[::-1]",
        [[["Anna"], True], [["abc"], False]],
    ),
    (
        "double_all(numbers)",
        "returns a list with every number doubled",
        "return [2 * n for n in numbers]",
        [[[[1, 2]], [2, 4]], [[[]], []]],
    ),
    (
        "fibonacci(n)",
        "returns the n-th Fibonacci number, with fibonacci(0) = 0 and fibonacci(1) = 1",
        "a, b = 0, 1\n    for _ in range(n):\n        a, b = b, a + b\n    return a",
        [[[0], 0], [[1], 1], [[10], 55]],
    ),
    (
        "gcd(a, b)",
        "returns the greatest common divisor of a and b",
        "while b:\n        a, b = b, a % b\n    return a",
        [[[12, 18], 6], [[7, 5], 1]],
    ),
    (
        "is_prime(n)",
        "tells whether n is a prime number",
        "return n > 1 and all(n % d for d in range(2, int(n ** 0.5) + 1))",
        [[[2], True], [[1], False], [[9], False], [[97], True]],
    ),
    (
        "unique(items)",
        "returns the items without duplicates, keeping their order",
        "return list(dict.fromkeys(items))",
        [[[[3, 1, 3, 2, 1]], [3, 1, 2]], [[[]], []]],
    ),
    (
        "word_count(text)",
        "returns a dict of how often each word occurs in a text split at spaces",
        "found = {}\n    for word in text.split():\n        found[word] = found.get(word, 0) + 1\n    return found",
        [[["a b a"], {"a": 2, "b": 1}], [[""], {}]],
    ),
    (
        "fizzbuzz(n)",
        "returns 'Fizz' for multiples of 3, 'Buzz' for multiples of 5, 'FizzBuzz' for both, else the number as a string",
        "return 'Fizz' * (n % 3 == 0) + 'Buzz' * (n % 5 == 0) or str(n)",
        [[[9], "Fizz"], [[10], "Buzz"], [[15], "FizzBuzz"], [[7], "7"]],
    ),
    (
        "average(numbers)",
        "returns the mean of a list, or 0 for an empty list",
        "return sum(numbers) / len(numbers) if numbers else 0",
        [[[[2, 4]], 3], [[[]], 0]],
    ),
    (
        "initials(name)",
        "returns the upper-case initials of a name, as 'AL' for 'ada lovelace'",
        "return ''.join(w[0].upper() for w in name.split())",
        [[["ada lovelace"], "AL"], [["Jo Ann Smith"], "JAS"]],
    ),
    (
        "clamp(x, low, high)",
        "returns x limited to the range low..high",
        "return max(low, min(x, high))",
        [[[5, 1, 3], 3], [[-1, 0, 9], 0], [[2, 1, 3], 2]],
    ),
    (
        "flatten(lists)",
        "flattens a list of lists by one level",
        "return [x for part in lists for x in part]",
        [[[[[1], [2, 3]]], [1, 2, 3]], [[[]], []]],
    ),
    (
        "second_largest(numbers)",
        "returns the second largest distinct number of a list, or None if there is none",
        "found = sorted(set(numbers))\n    return found[-2] if len(found) > 1 else None",
        [[[[5, 5, 3]], 3], [[[1, 9, 4]], 4], [[[2, 2]], None]],
    ),
    (
        "to_binary(n)",
        "returns a non-negative integer in binary, without a prefix",
        "return format(n, 'b')",
        [[[5], "101"], [[0], "0"]],
    ),
    (
        "digit_sum(n)",
        "returns the sum of the decimal digits of an integer, which may be negative",
        "return sum(map(int, str(abs(n))))",
        [[[123], 6], [[-45], 9], [[0], 0]],
    ),
    (
        "caesar(text, shift)",
        "shifts lower-case letters by shift places, wrapping at z, and leaves other characters alone",
        "return ''.join(chr((ord(c) - 97 + shift) % 26 + 97) if 'a' <= c <= 'z' else c for c in text)",
        [[["xyz", 3], "abc"], [["a b!", 1], "b c!"], [["Hi", 1], "Hj"]],
    ),
    (
        "is_leap(year)",
        "tells whether a year is a leap year in the Gregorian calendar",
        "return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)",
        [[[2000], True], [[1900], False], [[2024], True], [[2023], False]],
    ),
    (
        "rotate(items, k)",
        "rotates a list to the right by k places; k may exceed the length and the list may be empty",
        "if not items:\n        return []\n    k %= len(items)\n    return items[-k:] + items[:-k] if k else items[:]",
        [[[[1, 2, 3], 1], [3, 1, 2]], [[[1, 2], 5], [2, 1]], [[[], 2], []], [[[1, 2], 2], [1, 2]]],
    ),
    (
        "transpose(matrix)",
        "transposes a matrix given as a list of rows",
        "return [list(row) for row in zip(*matrix)]",
        [[[[[1, 2], [3, 4], [5, 6]]], [[1, 3, 5], [2, 4, 6]]], [[[[1]]], [[1]]]],
    ),
    (
        "to_roman(n)",
        "converts an integer from 1 to 3999 to a Roman numeral",
        "out = ''\n    for v, s in zip((1000,900,500,400,100,90,50,40,10,9,5,4,1), 'M CM D CD C XC L XL X IX V IV I'.split()):\n        out += s * (n // v)\n        n %= v\n    return out",
        [[[4], "IV"], [[1994], "MCMXCIV"], [[58], "LVIII"]],
    ),
    (
        "from_roman(text)",
        "converts a Roman numeral to an integer",
        "v = dict(I=1, V=5, X=10, L=50, C=100, D=500, M=1000)\n    n = [v[c] for c in text]\n    return sum(-a if a < b else a for a, b in zip(n, n[1:] + [0]))",
        [[["IV"], 4], [["MCMXCIV"], 1994], [["III"], 3]],
    ),
    (
        "balanced(text)",
        "tells whether the brackets ()[]{} in a text are balanced; other characters are ignored",
        "stack = []\n    pairs = {')': '(', ']': '[', '}': '{'}\n    for c in text:\n        if c in '([{':\n            stack.append(c)\n        elif c in pairs and (not stack or stack.pop() != pairs[c]):\n            return False\n    return not stack",
        [[["(a[b]{c})"], True], [["(]"], False], [["(("], False], [[")"], False]],
    ),
    (
        "merge(a, b)",
        "merges two sorted lists into one sorted list",
        "return sorted(a + b)",
        [[[[1, 4], [2, 3]], [1, 2, 3, 4]], [[[], [1]], [1]]],
    ),
    (
        "run_length(text)",
        "encodes runs of equal characters as the character and its count, as 'a3b1' for 'aaab'",
        "import itertools\n    return ''.join(f'{c}{len(list(g))}' for c, g in itertools.groupby(text))",
        [[["aaab"], "a3b1"], [[""], ""], [["abba"], "a1b2a1"]],
    ),
    (
        "longest_common_prefix(words)",
        "returns the longest prefix common to all words of a list, '' for an empty list",
        "import os\n    return os.path.commonprefix(words)",
        [[[["flow", "flower", "floor"]], "flo"], [[[]], ""], [[["a", "b"]], ""]],
    ),
    (
        "collatz_steps(n)",
        "counts the steps of the Collatz rule (halve if even, else 3n+1) from n down to 1",
        "steps = 0\n    while n != 1:\n        n = n // 2 if n % 2 == 0 else 3 * n + 1\n        steps += 1\n    return steps",
        [[[1], 0], [[6], 8], [[27], 111]],
    ),
    (
        "max_subarray(numbers)",
        "returns the largest sum of a non-empty contiguous part of a list",
        "best = current = numbers[0]\n    for n in numbers[1:]:\n        current = max(n, current + n)\n        best = max(best, current)\n    return best",
        [[[[-2, 1, -3, 4, -1, 2, 1, -5]], 6], [[[-3, -1]], -1]],
    ),
    (
        "edit_distance(a, b)",
        "returns the Levenshtein distance of two texts",
        "row = list(range(len(b) + 1))\n    for i, x in enumerate(a, 1):\n        last, row[0] = row[0], i\n        for j, y in enumerate(b, 1):\n            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))\n    return row[-1]",
        [[["kitten", "sitting"], 3], [["", "ab"], 2], [["a", "a"], 0]],
    ),
    (
        "title_except(text, small)",
        "capitalises the first letter of each word except those in the list small, but always the first word",
        "return ' '.join(w if i and w in small else w.capitalize() for i, w in enumerate(text.split()))",
        [[["the lord of the rings", ["of", "the"]], "The Lord of the Rings"], [["a b", []], "A B"]],
    ),
    (
        "seconds_to_clock(s)",
        "formats seconds as H:MM:SS, as '1:01:05' for 3665",
        "return f'{s // 3600}:{s % 3600 // 60:02d}:{s % 60:02d}'",
        [[[3665], "1:01:05"], [[59], "0:00:59"]],
    ),
    (
        "group_by_length(words)",
        "returns a dict from word length to the sorted list of words of that length",
        "found = {}\n    for w in sorted(words):\n        found.setdefault(len(w), []).append(w)\n    return found",
        [[[["bb", "a", "aa"]], {"1": ["a"], "2": ["aa", "bb"]}], [[[]], {}]],
    ),
    (
        "spiral(matrix)",
        "returns the items of a matrix in clockwise spiral order from the top left",
        "out = []\n    while matrix:\n        out += matrix[0]\n        matrix = [list(r) for r in zip(*matrix[1:])][::-1]\n    return out",
        [[[[[1, 2, 3], [4, 5, 6], [7, 8, 9]]], [1, 2, 3, 6, 9, 8, 7, 4, 5]], [[[[1, 2]]], [1, 2]]],
    ),
    (
        "pairs_with_sum(numbers, target)",
        "counts the index pairs i < j whose numbers add up to target",
        "n = len(numbers)\n    return sum(numbers[i] + numbers[j] == target for i in range(n) for j in range(i + 1, n))",
        [[[[1, 3, 2, 2], 4], 2], [[[], 1], 0], [[[2, 2, 2], 4], 3]],
    ),
    (
        "next_weekday(day, n)",
        "returns the three-letter weekday n days after day, both as in 'Mon', 'Tue' ... 'Sun'; n may be negative",
        "d = 'Mon Tue Wed Thu Fri Sat Sun'.split()\n    return d[(d.index(day) + n) % 7]",
        [[["Mon", 8], "Tue"], [["Sun", 1], "Mon"], [["Mon", -1], "Sun"]],
    ),
    (
        "mask(card)",
        "replaces all but the last four characters of a string by '*'",
        "return '*' * (len(card) - 4) + card[-4:]",
        [[["12345678"], "****5678"], [["123"], "123"]],
    ),
    (
        "deep_sum(items)",
        "adds up all numbers in arbitrarily nested lists",
        "return sum(deep_sum(x) if isinstance(x, list) else x for x in items)",
        [[[[1, [2, [3, []]]]], 6], [[[]], 0]],
    ),
    (
        "change(amount)",
        "returns the smallest number of coins of 1, 3 and 4 that make the amount",
        "best = [0]\n    for a in range(1, amount + 1):\n        best.append(1 + min(best[a - c] for c in (1, 3, 4) if c <= a))\n    return best[amount]",
        [[[6], 2], [[0], 0], [[10], 3]],
    ),
)


def code(rng: random.Random) -> Iterator[Draft]:
    """Small Python functions, from one-liners to short algorithms."""
    asks = (
        "Write a Python function {} that {}. Reply with code only.",
        "Python: define {}, which {}. Code only.",
    )
    for signature, what, body, cases in _FUNCTIONS:
        args = {"function": signature.partition("(")[0], "cases": cases}
        solution = f"def {signature}:\n    {body}"
        yield Draft(rng.choice(asks).format(signature, what), solution, "code", args, LONG)


# --- regular expressions --------------------------------------------------------------------------

# (what it matches, pattern, texts that match, texts that do not), the texts with spaces between.
_PATTERNS = (
    ("one or more digits", r"\d+", "1 42 007", "a 1a -1"),
    ("exactly three digits", r"\d{3}", "123 007", "12 1234 12a"),
    ("one or more lower-case letters a to z", r"[a-z]+", "a abc", "A a1 Abc"),
    ("one or more upper-case letters A to Z", r"[A-Z]+", "A ABC", "a AB1"),
    ("the word cat or the word dog", r"cat|dog", "cat dog", "cats catdog bird"),
    ("a text that starts with the letter a", r"a.*", "a abc", "ba b"),
    ("a text that ends in .txt", r".*\.txt", "a.txt notes.txt", "a.txt.gz atxt a.csv"),
    ("a single vowel (aeiou)", r"[aeiou]", "a u", "b ae y"),
    (
        "a four-digit year starting with 19 or 20",
        r"(19|20)\d{2}",
        "1999 2024",
        "1899 2100 199 20245",
    ),
    ("an optional minus sign followed by one or more digits", r"-?\d+", "5 -5 120", "--5 5- +5"),
    (
        "a date such as 2024-03-15: four digits, two digits, two digits, with hyphens",
        r"\d{4}-\d{2}-\d{2}",
        "2024-03-15",
        "24-03-15 2024/03/15 2024-3-15",
    ),
    (
        "a time in 24-hour format from 00:00 to 23:59",
        r"([01]\d|2[0-3]):[0-5]\d",
        "00:00 23:59 19:30",
        "24:00 12:60 9:30",
    ),
    (
        "a hex colour such as #1a2B3c",
        r"#[0-9a-fA-F]{6}",
        "#1a2B3c #000000",
        "1a2b3c #12345 #12345g",
    ),
    (
        "a Python identifier: a letter or underscore, then letters, digits or underscores",
        r"[A-Za-z_]\w*",
        "x _a1 Name",
        "1a a-b",
    ),
    (
        "a decimal number such as 3.14, with digits on both sides of the point",
        r"\d+\.\d+",
        "3.14 0.5",
        "3 3. .5",
    ),
    (
        "two words separated by one hyphen, lower-case letters only",
        r"[a-z]+-[a-z]+",
        "well-known a-b",
        "wellknown a--b a-b-c",
    ),
    (
        "an IPv4 address written as four groups of 1 to 3 digits with dots",
        r"(\d{1,3}\.){3}\d{1,3}",
        "1.2.3.4 192.168.10.255",
        "1.2.3 1.2.3.4.5 1234.1.1.1",
    ),
    (
        "a US ZIP code: five digits, optionally a hyphen and four digits",
        r"\d{5}(-\d{4})?",
        "12345 12345-6789",
        "1234 12345- 12345-678",
    ),
    (
        "a Brazilian CEP such as 01310-100",
        r"\d{5}-\d{3}",
        "01310-100",
        "01310100 0131-100 01310-1000",
    ),
    (
        "an e-mail address made of letters, an @ sign, letters, a dot and letters",
        r"[A-Za-z]+@[A-Za-z]+\.[A-Za-z]+",
        "ana@site.com Bob@x.org",
        "anasite.com ana@site a@@b.c",
    ),
    ("a text of exactly five characters of any kind", r".{5}", "abcde 12-45", "abcd abcdef"),
    (
        "an even number (one or more digits, the last one even)",
        r"\d*[02468]",
        "2 10 134",
        "1 13 a2",
    ),
    ("a binary string with at least one 1", r"[01]*1[01]*", "1 010 0001", "0 000 12"),
    ("a text without any digit", r"\D*", "abc a-b", "a1 1"),
    ("a binary string that has no two 1s in a row", r"(0|10)*1?", "0 101 1001", "11 0110"),
    ("a binary string with an even number of 1s", r"0*(10*10*)*", "0 11 1010 1001", "1 111 10"),
    (
        "a text containing both the letter a and the letter b, in any order",
        r"(?=.*a).*b.*",
        "ab ba xaxbx",
        "a b xx",
    ),
    (
        "a password of at least 6 characters with at least one digit and one upper-case letter",
        r"(?=.*\d)(?=.*[A-Z]).{6,}",
        "Abcde1 1ZZZZZZ",
        "abcde1 ABCDEF A1b",
    ),
    (
        "a word in which some letter occurs twice in a row",
        r".*([a-z])\1.*",
        "book aa letter",
        "cat banana",
    ),
    (
        "a word of three letters that reads the same backwards",
        r"([a-z])[a-z]\1",
        "aba eve aaa",
        "abc ab abca",
    ),
    ("a number from 1 to 12 without leading zero", r"[1-9]|1[0-2]", "1 9 10 12", "0 13 01 22"),
    (
        "a number from 0 to 255 without leading zeros",
        r"\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5]",
        "0 42 199 255",
        "256 300 01 1000",
    ),
    (
        "an amount such as $1,234.56: groups of thousands with commas, two decimals optional",
        r"\$\d{1,3}(,\d{3})*(\.\d{2})?",
        "$5 $1,234.56 $12,000",
        "$1234 5 $1,23 $1.5",
    ),
    (
        "a file name without extension: letters and digits, but no dot",
        r"[A-Za-z0-9]+",
        "file a1",
        "a.b a-",
    ),
    ("a word that does not contain the letter e", r"[a-df-z]+", "cat sky", "tree egg"),
    (
        "a lower-case word that starts and ends with the same letter; a single letter counts",
        r"([a-z])([a-z]*\1)?",
        "a area level",
        "ab cat",
    ),
    (
        "a comma-separated list of one or more integers without spaces",
        r"-?\d+(,-?\d+)*",
        "1 1,2 10,-3,4",
        "1, ,1 1,,2",
    ),
    (
        "a text where every opening parenthesis is at once closed, such as ()()()",
        r"(\(\))+",
        "() ()()",
        "( (()) )(",
    ),
)


def regex(rng: random.Random) -> Iterator[Draft]:
    """Patterns, from a character class to lookahead and back-references."""
    asks = (
        "Write a regular expression that matches {} (the whole string). Reply with the pattern only.",
        "Regex for the whole string: {}. Only the pattern.",
    )
    for what, pattern, matches, rejects in _PATTERNS:
        args = {"matches": matches.split(), "rejects": rejects.split()}
        yield Draft(rng.choice(asks).format(what), pattern, "regex", args, LONG)


# --- SQL ------------------------------------------------------------------------------------------

SCHEMA = (
    "customers(id, name, city, age)",
    "orders(id, customer_id, product, amount, year)",
)
DATABASE = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, city TEXT, age INTEGER);
INSERT INTO customers VALUES (1, 'Ana', 'Recife', 31), (2, 'Bruno', 'Recife', 25),
    (3, 'Carla', 'Lisbon', 44), (4, 'Dario', 'Porto', 25), (5, 'Elisa', 'Lisbon', 58),
    (6, 'Fabio', 'Manaus', 37);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER, product TEXT, amount REAL,
    year INTEGER);
INSERT INTO orders VALUES (1, 1, 'lamp', 40, 2022), (2, 1, 'desk', 200, 2023),
    (3, 2, 'lamp', 45, 2023), (4, 3, 'chair', 80, 2022), (5, 3, 'desk', 210, 2022),
    (6, 3, 'lamp', 40, 2024), (7, 5, 'chair', 85, 2024), (8, 5, 'sofa', 600, 2024),
    (9, 4, 'lamp', 38, 2024), (10, 2, 'chair', 80, 2024);
"""
_QUERIES = (
    ("List the names of all customers.", "SELECT name FROM customers"),
    ("How many customers are there?", "SELECT COUNT(*) FROM customers"),
    ("Names of customers who live in Lisbon.", "SELECT name FROM customers WHERE city = 'Lisbon'"),
    ("Names of customers older than 40.", "SELECT name FROM customers WHERE age > 40"),
    ("All distinct cities.", "SELECT DISTINCT city FROM customers"),
    ("The average age of customers.", "SELECT AVG(age) FROM customers"),
    ("The oldest customer's name.", "SELECT name FROM customers ORDER BY age DESC LIMIT 1"),
    ("The total amount of all orders.", "SELECT SUM(amount) FROM orders"),
    ("How many orders were made in 2024?", "SELECT COUNT(*) FROM orders WHERE year = 2024"),
    ("Ids of orders of the product lamp.", "SELECT id FROM orders WHERE product = 'lamp'"),
    ("The highest order amount.", "SELECT MAX(amount) FROM orders"),
    (
        "Names of customers, youngest first; equal ages by name.",
        "SELECT name FROM customers ORDER BY age, name",
    ),
    ("Names that start with C.", "SELECT name FROM customers WHERE name LIKE 'C%'"),
    (
        "Names of customers aged between 30 and 50.",
        "SELECT name FROM customers WHERE age BETWEEN 30 AND 50",
    ),
    (
        "The number of customers per city: city, count.",
        "SELECT city, COUNT(*) FROM customers GROUP BY city",
    ),
    ("Total amount per year: year, total.", "SELECT year, SUM(amount) FROM orders GROUP BY year"),
    (
        "Average amount per product: product, average.",
        "SELECT product, AVG(amount) FROM orders GROUP BY product",
    ),
    (
        "Products ordered more than twice.",
        "SELECT product FROM orders GROUP BY product HAVING COUNT(*) > 2",
    ),
    (
        "Distinct products ordered before 2024.",
        "SELECT DISTINCT product FROM orders WHERE year < 2024",
    ),
    (
        "Cities with more than one customer.",
        "SELECT city FROM customers GROUP BY city HAVING COUNT(*) > 1",
    ),
    (
        "Customer name and product of every order.",
        "SELECT name, product FROM orders JOIN customers c ON c.id = customer_id",
    ),
    (
        "Names of customers who ordered a desk.",
        "SELECT DISTINCT name FROM customers c JOIN orders o ON o.customer_id = c.id WHERE product = 'desk'",
    ),
    (
        "Total amount per customer who has orders: name, total.",
        "SELECT name, SUM(amount) FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY c.id",
    ),
    (
        "Names of customers without any order.",
        "SELECT name FROM customers WHERE id NOT IN (SELECT customer_id FROM orders)",
    ),
    (
        "Number of orders of every customer, zero included: name, count.",
        "SELECT name, COUNT(o.id) FROM customers c LEFT JOIN orders o ON o.customer_id = c.id GROUP BY c.id",
    ),
    (
        "The name of the customer who spent most in all.",
        "SELECT name FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY c.id ORDER BY SUM(amount) DESC LIMIT 1",
    ),
    (
        "Names of customers who are older than the average age.",
        "SELECT name FROM customers WHERE age > (SELECT AVG(age) FROM customers)",
    ),
    (
        "The second highest order amount.",
        "SELECT DISTINCT amount FROM orders ORDER BY amount DESC LIMIT 1 OFFSET 1",
    ),
    (
        "Total amount of orders by customers of Recife.",
        "SELECT SUM(amount) FROM orders o JOIN customers c ON c.id = o.customer_id WHERE city = 'Recife'",
    ),
    (
        "Names of customers who ordered in 2022 but not in 2024.",
        "SELECT DISTINCT name FROM customers c JOIN orders o ON o.customer_id = c.id WHERE year = 2022 AND c.id NOT IN (SELECT customer_id FROM orders WHERE year = 2024)",
    ),
    (
        "Names of customers who ordered both a lamp and a chair.",
        "SELECT name FROM customers WHERE id IN (SELECT customer_id FROM orders WHERE product = 'lamp') AND id IN (SELECT customer_id FROM orders WHERE product = 'chair')",
    ),
    (
        "For each product, the name of the customer who paid most for it: product, name.",
        "SELECT product, name FROM orders o JOIN customers c ON c.id = o.customer_id WHERE amount = (SELECT MAX(amount) FROM orders x WHERE x.product = o.product)",
    ),
    (
        "Pairs of different customers of the same city, each pair once, smaller id first: name, name.",
        "SELECT a.name, b.name FROM customers a JOIN customers b ON a.city = b.city AND a.id < b.id",
    ),
    (
        "Each city's total amount, 0 where there are no orders: city, total.",
        "SELECT city, COALESCE(SUM(amount), 0) FROM customers c LEFT JOIN orders o ON o.customer_id = c.id GROUP BY city",
    ),
    (
        "The year with the most orders.",
        "SELECT year FROM orders GROUP BY year ORDER BY COUNT(*) DESC LIMIT 1",
    ),
    (
        "The share of all order money that came in 2024, between 0 and 1.",
        "SELECT SUM(CASE WHEN year = 2024 THEN amount END) / SUM(amount) FROM orders",
    ),
    (
        "Names of customers with at least three orders.",
        "SELECT name FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY c.id HAVING COUNT(*) >= 3",
    ),
    (
        "Orders above the average amount of their own product: order id.",
        "SELECT id FROM orders o WHERE amount > (SELECT AVG(amount) FROM orders x WHERE x.product = o.product)",
    ),
    (
        "The average of the customers' order totals, over customers who have orders.",
        "SELECT AVG(total) FROM (SELECT SUM(amount) total FROM orders GROUP BY customer_id)",
    ),
    (
        "Names in upper case of customers from Porto.",
        "SELECT UPPER(name) FROM customers WHERE city = 'Porto'",
    ),
)


def sql(rng: random.Random) -> Iterator[Draft]:
    """Queries on two tables, from one column to correlated subqueries."""
    intro = f"Tables: {'; '.join(SCHEMA)}. Reply with one SQLite query only. "
    for what, query in _QUERIES:
        args: dict[str, Any] = {"schema": DATABASE, "expected": _result(query)}
        if "first;" in what:
            args["ordered"] = True
        yield Draft(intro + what, query, "sql", args, LONG)


def _result(query: str) -> list[list[Any]]:
    connection = sqlite3.connect(":memory:")
    connection.executescript(DATABASE)
    rows = [list(row) for row in connection.execute(query)]
    connection.close()
    return rows


# --- JSON extraction ------------------------------------------------------------------------------

_CITIES = ("Lisbon", "Recife", "Oslo", "Nairobi", "Lima", "Turin", "Osaka", "Porto")
_JOBS = ("nurse", "carpenter", "teacher", "pilot", "baker", "lawyer")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def json_extraction(rng: random.Random) -> Iterator[Draft]:
    """Fields of a sentence as JSON: two fields as written, up to dates to rewrite and nested lists."""
    for make in (_person, _worker, _purchase, _meeting, _contact, _invoice, _basket, _flight):
        for _ in range(5):
            text, expected = make(rng)
            ask = rng.choice(
                (
                    "Extract {} as JSON from: {}",
                    "Give only a JSON object with the keys {}. Text: {}",
                )
            )
            prompt = ask.format(", ".join(expected), text)
            yield Draft(
                prompt, json.dumps(expected), "json_fields", {"expected": expected}, LONG // 2
            )


_Extract = tuple[str, dict[str, Any]]


def _person(rng: random.Random) -> _Extract:
    name, age = rng.choice(_NAMES), rng.randint(18, 80)
    return f"{name} is {age} years old.", {"name": name, "age": age}


def _worker(rng: random.Random) -> _Extract:
    name, job, city = rng.choice(_NAMES), rng.choice(_JOBS), rng.choice(_CITIES)
    return f"{name}, a {job}, moved to {city} last year.", {"name": name, "job": job, "city": city}


def _purchase(rng: random.Random) -> _Extract:
    count, item, price = rng.randint(2, 9), rng.choice(_THINGS), rng.randint(3, 40)
    text = f"I would like {count} {item} at {price} dollars each, please."
    return text, {"item": item, "quantity": count, "unit_price": price}


def _meeting(rng: random.Random) -> _Extract:
    month, day, year = rng.randint(1, 12), rng.randint(1, 28), rng.randint(2021, 2026)
    hour, room = rng.randint(1, 6), rng.choice("ABCDE") + str(rng.randint(1, 30))
    text = f"We meet on {_MONTHS[month - 1]} {day}, {year} at {hour} pm in room {room}."
    iso = f"{year}-{month:02d}-{day:02d}"
    return f"{text} (date as YYYY-MM-DD, time as 24-hour HH:MM)", {
        "date": iso,
        "time": f"{hour + 12}:00",
        "room": room,
    }


def _contact(rng: random.Random) -> _Extract:
    name, number = rng.choice(_NAMES), f"555-{rng.randint(1000, 9999)}"
    mail = f"{graders.plain(name)}@example.com"
    return f"Write to {name} at {mail} or call {number}.", {
        "name": name,
        "email": mail,
        "phone": number,
    }


def _invoice(rng: random.Random) -> _Extract:
    number, net, tax = rng.randint(100, 999), rng.randint(10, 90) * 10, rng.choice((5, 10, 20))
    text = f"Invoice {number}: {net} dollars plus {tax} percent tax, unpaid."
    return f"{text} (total includes tax; paid is true or false)", {
        "number": number,
        "total": net * (100 + tax) / 100,
        "paid": False,
    }


def _basket(rng: random.Random) -> _Extract:
    names, (bought, other) = rng.sample(_NAMES, 2), rng.sample(_THINGS, 2)
    text = f"{names[0]} bought {bought} and {other}, while {names[1]} bought nothing."
    return f"{text} (buyer is a name, items a list, idle a name)", {
        "buyer": names[0],
        "items": [bought, other],
        "idle": names[1],
    }


def _flight(rng: random.Random) -> _Extract:
    start, end, via = rng.sample(_CITIES, 3)
    hours, minutes = rng.randint(2, 14), rng.choice((10, 25, 40, 55))
    text = f"The flight from {start} to {end} with a stop in {via} takes {hours} h {minutes} min."
    return f"{text} (stops is a list, minutes the whole duration)", {
        "from": start,
        "to": end,
        "stops": [via],
        "minutes": hours * 60 + minutes,
    }


# --- facts ----------------------------------------------------------------------------------------

_FACTS = (
    ("The capital of France is", "Paris"),
    ("The capital of Japan is", "Tokyo"),
    ("The capital of Italy is", "Rome"),
    ("The capital of Germany is", "Berlin"),
    ("The capital of England is", "London"),
    ("The capital of Egypt is", "Cairo"),
    ("What is the capital of Spain?", "Madrid"),
    ("What is the capital of Portugal?", "Lisbon|Lisboa"),
    ("What is the capital of Greece?", "Athens"),
    ("What is the capital of Canada?", "Ottawa"),
    ("What is the capital of Australia?", "Canberra"),
    ("What is the capital of Turkey?", "Ankara"),
    ("What is the capital of Kazakhstan?", "Astana|Nur-Sultan"),
    ("What is the capital of Burkina Faso?", "Ouagadougou"),
    ("What is the capital of Slovenia?", "Ljubljana"),
    ("What is the capital of Bhutan?", "Thimphu"),
    ("What is the capital of Suriname?", "Paramaribo"),
    ("Who wrote Romeo and Juliet?", "Shakespeare"),
    ("Who wrote Don Quixote?", "Cervantes"),
    ("Who wrote War and Peace?", "Tolstoy"),
    ("Who wrote the novel Middlemarch?", "George Eliot|Mary Ann Evans"),
    ("Who wrote One Hundred Years of Solitude?", "García Márquez|Marquez"),
    ("Who painted the Mona Lisa?", "Leonardo|da Vinci"),
    ("Who painted Guernica?", "Picasso"),
    ("Who painted Girl with a Pearl Earring?", "Vermeer"),
    ("Who composed the opera The Magic Flute?", "Mozart"),
    ("Who composed The Rite of Spring?", "Stravinsky"),
    ("Who discovered penicillin?", "Fleming"),
    ("Who developed the theory of relativity?", "Einstein"),
    ("Who was the first person to walk on the Moon?", "Armstrong"),
    ("Who was the first president of the United States?", "Washington"),
    ("What color is the sky on a clear day?", "Blue"),
    ("What color is grass?", "Green"),
    ("What color is snow?", "White"),
    ("Which planet is known as the Red Planet?", "Mars"),
    ("What is the largest planet of the Solar System?", "Jupiter"),
    ("What is the largest ocean?", "Pacific"),
    ("What is the longest river of South America?", "Amazon"),
    ("What is the tallest mountain in the world?", "Everest"),
    ("What is the tallest mountain in Africa?", "Kilimanjaro"),
    ("What is the chemical symbol for gold?", "Au"),
    ("What is the chemical formula of water?", "H2O"),
    ("What is the chemical symbol for tungsten?", "W"),
    ("Which element has the atomic number 26?", "Iron|Fe"),
    ("Which gas do plants take in from the air?", "Carbon dioxide|CO2"),
    ("In which country is the city of Timbuktu?", "Mali"),
    ("In which country is Machu Picchu?", "Peru"),
    ("What is the currency of Japan?", "Yen"),
    ("What is the currency of Poland?", "Zloty|Złoty"),
    ("What is the currency of Mongolia?", "Tugrik|Tögrög"),
    ("On which continent is Egypt?", "Africa"),
    ("What language is spoken in Brazil?", "Portuguese"),
    ("Which organ pumps blood through the body?", "Heart"),
    ("Which bone is also called the kneecap?", "Patella"),
    ("Which vitamin does sunlight help the body make?", "Vitamin D|D"),
    ("Who formulated the three laws of motion?", "Newton"),
    ("Which strait separates Spain from Morocco?", "Gibraltar"),
)
_DATED_FACTS = (
    ("How many days are in a week?", 7),
    ("How many continents are there?", 7),
    ("How many legs does a spider have?", 8),
    ("In which year did World War II end?", 1945),
    ("In which year did the Titanic sink?", 1912),
    ("In which year did the Berlin Wall fall?", 1989),
    ("In which year was the Peace of Westphalia signed?", 1648),
)


def facts(rng: random.Random) -> Iterator[Draft]:
    """Things to know: capitals, authors, science; from the well known to the obscure."""
    for prompt, accepted in _FACTS:
        yield _phrase(prompt, accepted)
    for prompt, value in _DATED_FACTS:
        yield _number(prompt, value)


# --- completion -----------------------------------------------------------------------------------

_COMPLETIONS = (
    ("The sun rises in the", "east"),
    ("The opposite of hot is", "cold|cool"),
    ("The opposite of big is", "small|little"),
    ("The opposite of up is", "down"),
    ("The opposite of black is", "white"),
    ("What is the opposite of good?", "bad|evil"),
    ("What is the opposite of day?", "night"),
    ("What is the opposite of happy?", "sad|unhappy"),
    ("What is the opposite of fast?", "slow"),
    ("What is the opposite of generous?", "stingy|selfish|mean|miserly|greedy"),
    ("What is the opposite of transparent?", "opaque"),
    ("What is the opposite of scarce?", "abundant|plentiful|plenty"),
    ("An apple a day keeps the doctor", "away"),
    ("Better late than", "never"),
    ("Actions speak louder than", "words"),
    ("Practice makes", "perfect"),
    ("Two wrongs don't make a", "right"),
    ("The early bird catches the", "worm"),
    ("A picture is worth a thousand", "words"),
    ("When in Rome, do as the Romans", "do"),
    ("Birds of a feather flock", "together"),
    ("You can't judge a book by its", "cover"),
    ("A rolling stone gathers no", "moss"),
    ("Don't count your chickens before they", "hatch|are hatched"),
    ("Finish the proverb: Where there is smoke, there is", "fire"),
    ("Finish the proverb: All that glitters is not", "gold"),
    ("Finish the proverb: Necessity is the mother of", "invention"),
    ("To be or not to be, that is the", "question"),
    ("Roses are red, violets are", "blue"),
    ("Twinkle, twinkle, little", "star"),
    ("Once upon a", "time"),
    ("Ladies and", "gentlemen"),
    ("Salt and", "pepper"),
    ("Bread and", "butter"),
    ("Bees make", "honey"),
    ("Cows give us", "milk"),
    ("Fish live in", "water|the sea|the ocean|rivers|ocean|oceans|lakes"),
    ("The day after Monday is", "Tuesday"),
    ("The day before Sunday is", "Saturday"),
    ("The month after March is", "April"),
    ("Which month comes before October?", "September"),
    ("Next in the series: Monday, Tuesday, Wednesday,", "Thursday"),
    ("Next in the series: spring, summer, autumn,", "winter"),
    ("Next letter: A, B, C, D,", "E"),
    ("Next letter: Z, X, V, T,", "R"),
)
_SERIES = (
    ("Next number: 1, 2, 3, 4,", 5),
    ("Next number: 2, 4, 6, 8,", 10),
    ("Next number: 5, 10, 15, 20,", 25),
    ("Next number: 1, 4, 9, 16,", 25),
    ("Next number: 1, 1, 2, 3, 5, 8,", 13),
    ("Next number: 2, 6, 12, 20, 30,", 42),
    ("Next number: 81, 27, 9,", 3),
)


def completion(rng: random.Random) -> Iterator[Draft]:
    """Sayings, opposites and series to go on with."""
    for prompt, accepted in _COMPLETIONS:
        yield _phrase(prompt, accepted)
    for prompt, value in _SERIES:
        yield _number(prompt, value)


# --- text editing ---------------------------------------------------------------------------------

_WORDS = (
    "river", "candle", "mountain", "paper", "orange", "window", "garden", "silver", "planet",
    "button", "forest", "kitchen", "letter", "market", "pocket", "tiger",
)  # fmt: skip
_SENTENCES = (
    "The old clock stopped at noon",
    "We sold seven green bicycles",
    "My brother paints small boats",
    "Rain fell on the quiet harbor",
)


def text_editing(rng: random.Random) -> Iterator[Draft]:
    """Copying and case; then sorting, counting, reversing and removing letters."""
    for ask in ("Repeat this word: {}", "Copy this word exactly: {}"):
        yield from (_exact(ask.format(word), word) for word in rng.sample(_WORDS, 3))
    for sentence in _SENTENCES[:2]:
        yield _exact(f"Repeat this sentence: {sentence}", sentence)
    yield from _case_and_order(rng)
    yield from _letters(rng)
    yield from _whole_sentences(rng)


def _case_and_order(rng: random.Random) -> Iterator[Draft]:
    for word in rng.sample(_WORDS, 3):
        yield _exact(f"Write {word} in uppercase.", word.upper())
    for word in rng.sample(_WORDS, 3):
        yield _exact(f"Convert {word.upper()} to lower case.", word)
    for count in (3, 3, 4, 5, 6, 8):
        words = rng.sample(_WORDS, count)
        asked = f"Sort these words alphabetically, separated by commas: {', '.join(words)}"
        yield _exact(asked, ", ".join(sorted(words)), ignore_case=True)


def _letters(rng: random.Random) -> Iterator[Draft]:
    for word in rng.sample(_WORDS, 4):
        yield _exact(f"Write the word {word} backwards.", word[::-1], ignore_case=True)
    for word in rng.sample(_WORDS, 3):
        bare = "".join(letter for letter in word if letter not in "aeiou")
        yield _exact(f"Remove all vowels from the word {word}.", bare, ignore_case=True)
    for word in rng.sample(_WORDS, 3):
        yield _number(f"How many letters are in the word {word}?", len(word))
    for word, letter in (
        ("banana", "a"),
        ("mississippi", "s"),
        ("bookkeeper", "e"),
        ("level", "l"),
    ):
        yield _number(
            f"How many times does the letter {letter} occur in {word}?", word.count(letter)
        )
    for word in rng.sample(_WORDS, 3):
        yield _phrase(f"What is the first letter of the word {word}?", word[0])
    for word in rng.sample(_WORDS, 2):
        yield _phrase(f"What is the third letter of the word {word}?", word[2])


def _whole_sentences(rng: random.Random) -> Iterator[Draft]:
    for sentence in _SENTENCES:
        words = sentence.split()
        old, new = rng.choice(words[1:]), rng.choice(_WORDS)
        edited = " ".join(new if word == old else word for word in words)
        yield _exact(f"In this sentence replace {old} by {new}: {sentence}", edited)
        turned = " ".join(reversed(words))
        yield _exact(f"Write these words in reverse order: {sentence}", turned, ignore_case=True)
    for sentence in _SENTENCES[2:]:
        yield _number(f"How many words are in this sentence? {sentence}", len(sentence.split()))
        initials = "".join(word[0] for word in sentence.split())
        yield _exact(
            f"Join the first letters of these words: {sentence}", initials, ignore_case=True
        )


# --- translation ----------------------------------------------------------------------------------

_TO_FOREIGN = (
    ("dog", "French", "chien"), ("cat", "Spanish", "gato|gata"), ("house", "German", "Haus"),
    ("water", "Italian", "acqua"), ("book", "Portuguese", "livro"), ("thank you", "French", "merci"),
    ("good morning", "German", "guten Morgen"), ("good night", "Italian", "buona notte|buonanotte"),
    ("bread", "Portuguese", "pão"), ("milk", "Spanish", "leche"), ("cheese", "French", "fromage"),
    ("red", "Spanish", "rojo|roja"), ("blue", "German", "blau"), ("mother", "Spanish", "madre|mamá"),
    ("window", "Italian", "finestra"), ("apple", "French", "pomme"), ("key", "Portuguese", "chave"),
    ("butterfly", "German", "Schmetterling"), ("spoon", "Italian", "cucchiaio"),
    ("hedgehog", "French", "hérisson"), ("screwdriver", "German", "Schraubenzieher|Schraubendreher"),
    ("strawberry", "Portuguese", "morango"), ("squirrel", "Spanish", "ardilla"),
)  # fmt: skip
_TO_ENGLISH = (
    ("perro", "Spanish", "dog"), ("chat", "French", "cat"), ("Wasser", "German", "water"),
    ("libro", "Italian", "book"), ("casa", "Portuguese", "house|home"), ("gracias", "Spanish", "thank you|thanks"),
    ("bonjour", "French", "hello|good morning|good day|hi"), ("obrigado", "Portuguese", "thank you|thanks"),
    ("Freund", "German", "friend"), ("rosso", "Italian", "red"), ("soleil", "French", "sun"),
    ("saudade", "Portuguese", "longing|nostalgia|yearning|missing|homesickness"),
    ("Zahnarzt", "German", "dentist"), ("farfalla", "Italian", "butterfly"), ("cebolla", "Spanish", "onion"),
    ("poubelle", "French", "trash|bin|garbage|trash can|garbage can|dustbin|wastebasket|rubbish"),
    ("travesseiro", "Portuguese", "pillow"),
)  # fmt: skip
_SENTENCE_PAIRS = (
    ("Translate to English: Je t'aime.", "I love you"),
    (
        "Translate to English: Wo ist der Bahnhof?",
        "where is the train station|where is the station|where is the railway station",
    ),
    ("Translate to English: Eu gosto de café.", "I like coffee|I love coffee|I enjoy coffee"),
    (
        "Translate to English: Mañana voy a la playa.",
        "tomorrow I am going to the beach|tomorrow I'm going to the beach|tomorrow I will go to the beach|tomorrow I'll go to the beach|I am going to the beach tomorrow|I'm going to the beach tomorrow|tomorrow I go to the beach|I will go to the beach tomorrow",
    ),
    ("Translate to English: Non ho fame.", "I am not hungry|I'm not hungry"),
    (
        "Translate to English: Il pleut depuis hier.",
        "it has been raining since yesterday|it's been raining since yesterday",
    ),
    ("Translate to French: I am tired.", "je suis fatigué|je suis fatiguée"),
    (
        "Translate to Spanish: Where is the library?",
        "dónde está la biblioteca|dónde queda la biblioteca",
    ),
    ("Translate to German: I have a dog.", "ich habe einen Hund"),
    ("Translate to Italian: My name is Anna.", "mi chiamo Anna|il mio nome è Anna"),
    ("Translate to Portuguese: I don't speak French.", "não falo francês"),
    (
        "Translate to German: The children are playing in the garden.",
        "die Kinder spielen im Garten",
    ),
)


def translation(rng: random.Random) -> Iterator[Draft]:
    """Words from and into five languages, common and less so, and short sentences."""
    into = (
        "Translate to {1}: {0}",
        "What is the {1} word for {0}?",
        "How do you say '{0}' in {1}?",
    )
    for word, language, accepted in _TO_FOREIGN:
        yield _phrase(rng.choice(into).format(word, language), accepted)
    out = (
        "Translate the {1} word '{0}' to English.",
        "What does the {1} word '{0}' mean in English?",
    )
    for word, language, accepted in _TO_ENGLISH:
        yield _phrase(rng.choice(out).format(word, language), accepted)
    for prompt, accepted in _SENTENCE_PAIRS:
        yield _phrase(prompt, accepted)


# --- Portuguese -----------------------------------------------------------------------------------

_PORTUGUESE = (
    ("A capital do Brasil é", "Brasília"),
    ("Qual é a capital de Portugal?", "Lisboa"),
    ("Qual é a capital da Argentina?", "Buenos Aires"),
    ("Qual é a capital da Bahia?", "Salvador"),
    ("Qual é a capital do estado de Minas Gerais?", "Belo Horizonte"),
    ("Qual é a capital do Pará?", "Belém"),
    ("Qual é a capital de Moçambique?", "Maputo"),
    ("Quem escreveu Dom Casmurro?", "Machado de Assis"),
    ("Quem escreveu Os Lusíadas?", "Camões"),
    ("Quem escreveu Grande Sertão: Veredas?", "Guimarães Rosa"),
    ("Quem pintou o quadro Abaporu?", "Tarsila"),
    ("Qual é a moeda do Brasil?", "Real"),
    ("Em que continente fica o Brasil?", "América do Sul|América Latina|América|Sul-americano"),
    ("Qual é o maior rio do Brasil?", "Amazonas|Amazônia"),
    ("Qual é o maior planeta do Sistema Solar?", "Júpiter"),
    ("Quem proclamou a independência do Brasil?", "Dom Pedro I|D. Pedro I|Pedro I|Dom Pedro"),
    ("Qual é o oposto de alto?", "baixo"),
    ("Qual é o oposto de claro?", "escuro"),
    ("Qual é o antônimo de efêmero?", "duradouro|permanente|eterno|perene|perpétuo"),
    ("Qual é o plural de animal?", "animais"),
    ("Qual é o plural de pão?", "pães"),
    ("Qual é o plural de cidadão?", "cidadãos"),
    ("Qual é o feminino de ator?", "atriz"),
    ("Qual é o feminino de cavalo?", "égua"),
    ("Qual é o coletivo de lobos?", "alcateia"),
    ("Complete: Eu sou, tu és, ele", "é"),
    ("Complete: Hoje eu faço, ontem eu", "fiz"),
    ("Qual é o particípio do verbo escrever?", "escrito"),
    ("De que cor é o céu?", "azul"),
    ("De que cor é a grama?", "verde"),
    ("Complete o ditado: Água mole em pedra dura, tanto bate até que", "fura"),
    ("Complete o ditado: Quem não tem cão caça com", "gato"),
    ("Como se diz 'cachorro' em inglês?", "dog"),
    ("Como se diz 'janela' em inglês?", "window"),
    ("Depois de segunda-feira vem", "terça"),
    ("Qual mês vem depois de março?", "abril"),
)
_PORTUGUESE_NUMBERS = (
    ("Quantos dias tem uma semana?", 7),
    ("Quantos estados tem o Brasil, sem contar o Distrito Federal?", 26),
    ("Em que ano o Brasil se tornou independente?", 1822),
    ("Em que ano foi abolida a escravidão no Brasil?", 1888),
    ("Quanto é 8 + 7?", 15),
    ("Quanto é 25 vezes 4?", 100),
    ("Quanto é 37 vezes 46?", 1702),
    ("Quanto é 20% de 350?", 70),
    ("João tinha 12 balas e deu 5 à irmã. Com quantas balas ficou?", 7),
    ("Um caderno custa 8 reais e uma caneta 3 reais. Quanto custam 4 cadernos e 5 canetas?", 47),
    ("Um carro faz 12 km por litro. Quantos litros gasta para andar 300 km?", 25),
    (
        "Maria comprou 3 pacotes com 24 figurinhas, perdeu 9 e deu um terço do resto. Com quantas ficou?",
        42,
    ),
)


def portuguese(rng: random.Random) -> Iterator[Draft]:
    """Facts, grammar, sayings and sums, asked in Portuguese."""
    for prompt, accepted in _PORTUGUESE:
        yield _phrase(prompt, accepted, language="pt")
    for prompt, value in _PORTUGUESE_NUMBERS:
        yield _number(prompt, value, language="pt")


# --- sentiment and topics -------------------------------------------------------------------------

_PLAIN_OPINIONS = (
    ("I loved this film, it was wonderful.", "positive"),
    ("Terrible service, never again.", "negative"),
    ("The best pizza I have ever had!", "positive"),
    ("The battery died after two days. Awful.", "negative"),
    ("What a beautiful hotel, and such kind people.", "positive"),
    ("Boring from start to finish.", "negative"),
    ("Great sound and easy to use.", "positive"),
    ("The soup was cold and the waiter rude.", "negative"),
    ("My kids adore this game.", "positive"),
    ("A waste of money.", "negative"),
    ("Fast delivery, perfect packaging.", "positive"),
    ("It broke the first time I used it.", "negative"),
)
_TWISTED_OPINIONS = (
    ("I expected to hate it, but I could not stop smiling.", "positive"),
    ("Oh great, another update that deletes all my photos.", "negative"),
    ("Not bad at all, I would go again.", "positive"),
    ("The actors try hard, yet nothing can save this script.", "negative"),
    ("If you enjoy waiting two hours for cold fries, this is your place.", "negative"),
    ("I can hardly find anything to complain about.", "positive"),
    ("The only good thing about the trip was going home.", "negative"),
    ("It is anything but boring.", "positive"),
    ("I have had worse, but I cannot remember when.", "negative"),
    ("My only regret is that I did not buy it sooner.", "positive"),
)
_TOPICS = (
    ("The striker scored twice in the final.", "sports"),
    ("Parliament passed the new budget law.", "politics"),
    ("The band releases its third album in May.", "music"),
    ("Bake the dough for forty minutes.", "cooking"),
    ("The goalkeeper saved a penalty.", "sports"),
    ("The senator lost the election.", "politics"),
    ("She tuned her violin before the concert.", "music"),
    ("Chop the onions and fry them in oil.", "cooking"),
    ("The referee, once a minister's driver, showed two red cards.", "sports"),
    ("Voters compared the candidate's plan to a half-baked cake.", "politics"),
)
_TASKS = (
    ("Please reset my password.", "request"),
    ("Where is my order?", "question"),
    ("Your app crashes all the time and I am fed up!", "complaint"),
    ("Could you send me the invoice again?", "request"),
    ("How long does shipping take?", "question"),
    ("The blender I got is broken and nobody answers my mails.", "complaint"),
    ("Kindly cancel my subscription.", "request"),
    ("Do you ship to Peru?", "question"),
)
_SPAM = (
    ("You won a million dollars! Click here now!", "yes"),
    ("Lunch at noon tomorrow?", "no"),
    ("Cheap pills, no prescription, buy today!!!", "yes"),
    ("Attached are the minutes of our meeting.", "no"),
    ("Your account is locked, send us your PIN at once.", "yes"),
    ("Mom's birthday is on Friday, don't forget the free tickets you won for her.", "no"),
)


def sentiment(rng: random.Random) -> Iterator[Draft]:
    """Positive or negative, plain and ironic; topics, intents and spam."""
    polar = ("positive", "negative")
    asks = (
        "Is this review positive or negative? {}",
        "Review: {} Sentiment (positive or negative):",
        "Positive or negative? {}",
    )
    for text, label in _PLAIN_OPINIONS + _TWISTED_OPINIONS:
        yield _choice(rng.choice(asks).format(text), label, polar)
    for text, label in _TOPICS:
        yield _choice(
            f"Topic (sports, politics, music or cooking): {text}",
            label,
            ("sports", "politics", "music", "cooking"),
        )
    for text, label in _TASKS:
        yield _choice(
            f"Is this message a question, a request or a complaint? {text}",
            label,
            ("question", "request", "complaint"),
        )
    for text, label in _SPAM:
        yield _choice(f"Is this message spam, yes or no? {text}", label, ("yes", "no"))


def _choice(prompt: str, label: str, labels: Sequence[str]) -> Draft:
    return _phrase(prompt, label, [other for other in labels if other != label])


# --- logic ----------------------------------------------------------------------------------------

_LOGIC = (
    ("All cats are animals. Tom is a cat. Is Tom an animal? Yes or no?", "yes", "no"),
    ("All birds have wings. A robin is a bird. Does a robin have wings? Yes or no?", "yes", "no"),
    ("No fish can sing. Bubbles is a fish. Can Bubbles sing? Yes or no?", "no", "yes"),
    ("Some fruits are red. Are all fruits red? Yes or no?", "no", "yes"),
    (
        "If it rains, the street is wet. The street is wet. Must it have rained? Yes or no?",
        "no",
        "yes",
    ),
    (
        "All roses are flowers. Some flowers fade quickly. Do all roses fade quickly? Yes or no?",
        "no",
        "yes",
    ),
    (
        "Every bloop is a razzy and every razzy is a lup. Is every bloop a lup? Yes or no?",
        "yes",
        "no",
    ),
    ("Anna is taller than Bea. Bea is taller than Cleo. Who is the tallest?", "Anna", "Bea|Cleo"),
    ("Max is older than Tim. Tim is older than Leo. Who is the youngest?", "Leo", "Max|Tim"),
    ("Sam runs faster than Pat but slower than Lou. Who is the slowest?", "Pat", "Sam|Lou"),
    (
        "Rita sits left of Otto, and Otto sits left of Vera. Who sits in the middle?",
        "Otto",
        "Rita|Vera",
    ),
    (
        "Ned finished before Olga, Pia after Olga, and Quim before Ned. Who finished second?",
        "Ned",
        "Olga|Pia|Quim",
    ),
    ("Which is heavier, an elephant or a mouse?", "elephant", "mouse"),
    ("Which is faster, a car or a bicycle?", "car", "bicycle"),
    ("Which is bigger, the Moon or the Earth?", "Earth", "Moon"),
    (
        "Which is lighter, a kilogram of iron or two kilograms of feathers?",
        "iron|kilogram of iron|a kilogram of iron",
        "feathers|two kilograms",
    ),
    ("Is ice colder than steam? Yes or no?", "yes", "no"),
    ("Can a person be in two places at once? Yes or no?", "no", "yes"),
    ("If yesterday was Thursday, what day is tomorrow?", "Saturday", "Friday|Sunday|Monday"),
    (
        "Today is Wednesday. What day will it be in 10 days?",
        "Saturday",
        "Friday|Sunday|Monday|Tuesday",
    ),
    ("True or false: every square is a rectangle.", "true", "false"),
    ("True or false: if no A is B, then no B is A.", "true", "false"),
    ("True or false: water boils at a lower temperature than it freezes.", "false", "true"),
    ("Odd one out: apple, banana, carrot, pear.", "carrot", "apple|banana|pear"),
    ("Odd one out: dog, cat, hammer, horse.", "hammer", "dog|cat|horse"),
    ("Hand is to glove as foot is to what?", "sock|shoe", ""),
    ("Bird is to nest as bee is to what?", "hive|beehive", ""),
)


def logic(rng: random.Random) -> Iterator[Draft]:
    """Numbers to compare, syllogisms, orders and odd ones out."""
    for digits in (1, 2, 2, 3, 4, 6):
        pair = rng.sample(range(10 ** (digits - 1), 10**digits), 2)
        yield _number_of("Which number is larger, {} or {}?", pair, max(pair))
    for whole, first, second in ((3, "9", "11"), (7, "08", "8"), (0, "45", "405")):
        pair = [float(f"{whole}.{first}"), float(f"{whole}.{second}")]
        yield _number_of("Which is larger, {} or {}?", pair, max(pair))
    for digits in (2, 3, 4):
        several = rng.sample(range(10 ** (digits - 1), 10**digits), 5)
        asked = ", ".join(map(str, several))
        yield _number_of(f"Which is the smallest of these: {asked}?", [], min(several))
    for prompt, accepted, rivals in _LOGIC:
        yield _phrase(prompt, accepted, rivals.split("|") if rivals else ())


def _number_of(ask: str, offered: Sequence[float], right: float) -> Draft:
    prompt = ask.format(*offered)
    given = graders.numbers_in(prompt)
    return Draft(prompt, f"{right:g}", "option", {"expected": right, "options": given})


DATASETS: Mapping[str, Callable[[random.Random], Iterator[Draft]]] = {
    "arithmetic": arithmetic,
    "unit_conversion": unit_conversion,
    "word_problems": word_problems,
    "code": code,
    "regex": regex,
    "sql": sql,
    "json_extraction": json_extraction,
    "facts": facts,
    "completion": completion,
    "text_editing": text_editing,
    "translation": translation,
    "portuguese": portuguese,
    "sentiment": sentiment,
    "logic": logic,
}
