"""Makes labelled queries from the banks. Owns: which query gets written, and its label. Does not own: noise (augment.py).

Two sources, weighed so that no template dominates: whole queries written by hand (`data/bank`, and `data/mixed.tsv` for
the boundaries between routes), and frames (`data/frames.tsv`) whose slots are filled from word lists and small grammars.
Every frame of a route is equally likely.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from functools import cache

from .text import DATA, ROUTES, Example, read_lines, read_tsv

SLOT = re.compile(r"\{([a-z]+)\}")

UNITS = (
    (
        "km",
        "kilometres",
        "kilometers",
        "miles",
        "metres",
        "meters",
        "feet",
        "yards",
        "inches",
        "cm",
        "mm",
        "nautical miles",
    ),
    ("kg", "g", "grams", "pounds", "lbs", "ounces", "oz", "stone", "tons", "mg"),
    ("celsius", "fahrenheit", "kelvin", "°C", "°F"),
    ("litres", "liters", "ml", "gallons", "cups", "pints", "fluid ounces", "tablespoons"),
    ("seconds", "minutes", "hours", "days", "weeks", "ms", "milliseconds", "years"),
    ("bytes", "kb", "mb", "gb", "tb", "KiB", "MiB", "GiB", "bits"),
    ("usd", "eur", "euros", "dollars", "pounds", "yen", "swiss francs", "GBP", "CHF"),
    ("km/h", "mph", "m/s", "knots"),
    ("square metres", "square feet", "acres", "hectares"),
    ("joules", "kJ", "kcal", "kWh"),
    ("bar", "psi", "pascal"),
    ("degrees", "radians"),
)
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


@cache
def slot_list(name: str) -> tuple[str, ...]:
    """The word list of a slot."""
    return tuple(read_lines(DATA / "slots" / f"{name}.txt"))


LIKENESS = 0.7
"""Share of common words from which a query counts as a copy of a held-out one."""


def words_of(text: str) -> frozenset[str]:
    """The words and signs of a query, without order and case."""
    return frozenset(re.findall(r"\w+|[^\w\s]", text.lower())) - frozenset("?.!,'")


@cache
def held_out() -> tuple[frozenset[str], ...]:
    """The queries that are kept for development and calibration."""
    return tuple(
        words_of(text) for name in ("dev", "calibration", "hard") for _, text in read_tsv(DATA / f"{name}.tsv")
    )


def copies_held_out(text: str) -> bool:
    """Whether a query says nearly the same as a held-out one; such a query is not trained on."""
    words = words_of(text)
    return any(len(words & held) >= LIKENESS * len(words | held) for held in held_out())


@cache
def banks(without: frozenset[str] = frozenset()) -> dict[str, tuple[str, ...]]:
    """All whole queries of a route, written by hand, without what resembles a held-out query, and without the banks of
    these numbers."""
    found: dict[str, list[str]] = {route: [] for route in ROUTES}
    for path in sorted((DATA / "bank").glob("*.txt")):
        route, number = path.stem.split("-")
        if number not in without:
            found[route].extend(read_lines(path))
    for route, text in read_tsv(DATA / "mixed.tsv"):
        found[route].append(text)
    return {
        route: tuple(line for line in dict.fromkeys(lines) if not copies_held_out(line))
        for route, lines in found.items()
    }


@cache
def frames() -> dict[str, tuple[str, ...]]:
    """All frames of a route."""
    found: dict[str, list[str]] = {route: [] for route in ROUTES}
    for route, frame in read_tsv(DATA / "frames.tsv"):
        found[route].append(frame)
    return {route: tuple(dict.fromkeys(lines)) for route, lines in found.items()}


def code(chance: random.Random) -> str:
    """A snippet as people paste one: bare, in one line, quoted or fenced."""
    snippet = chance.choice(slot_list("snippet"))
    if chance.random() < 0.15:
        snippet += "\n" + chance.choice(slot_list("snippet"))
    style = chance.random()
    if style < 0.3:
        tag = chance.choice(
            ("", "", "python", "js", "ts", "java", "go", "rust", "c", "cpp", "sql", "bash", "diff", "yaml")
        )
        return f"```{tag}\n{snippet}\n```"
    if style < 0.4:
        return f"`{snippet}`"
    if style < 0.7:
        return re.sub(r"\s*\n\s*", " ", snippet)
    if style < 0.8:
        return "\n\n" + snippet
    return snippet


def number(chance: random.Random) -> str:
    """A number of one to four digits, sometimes with decimals."""
    value = chance.choice(
        (chance.randint(2, 20), chance.randint(10, 99), chance.randint(100, 999), chance.randint(1000, 9999))
    )
    return f"{value}.{chance.randint(1, 99)}" if chance.random() < 0.25 else str(value)


def expression(chance: random.Random) -> str:
    """A small arithmetic expression in signs or in words."""
    a, b, c = number(chance), number(chance), str(chance.randint(2, 12))
    plus = chance.choice((" + ", "+", " plus ", " and ") if chance.random() < 0.2 else (" + ", "+", " plus "))
    times = chance.choice((" * ", "*", " x ", " times ", " multiplied by "))
    by = chance.choice((" / ", "/", " divided by ", " over "))
    minus = chance.choice((" - ", "-", " minus "))
    return chance.choice(
        (
            a + plus + b,
            a + minus + b,
            a + times + b,
            a + by + c,
            f"{a}{plus}{b}{minus}{c}",
            f"({a}{plus}{b}){times}{c}",
            f"{a}{times}({b}{minus}{c})",
            f"{c}^{chance.randint(2, 9)}",
            f"{c} to the power of {chance.randint(2, 9)}",
            f"sqrt({a})",
            f"the square root of {a}",
            f"{chance.randint(1, 99)}% of {a}",
            f"{chance.randint(1, 99)} percent of {a}",
            f"{a} mod {c}",
            f"log({a})",
            f"{c}!",
            f"half of {a}",
            f"{a}{plus}{chance.randint(5, 25)}%",
        )
    )


def date(chance: random.Random) -> str:
    """A date as people write one."""
    day, month, year = chance.randint(1, 28), chance.randint(1, 12), chance.randint(1950, 2035)
    return chance.choice(
        (
            f"{year}-{month:02}-{day:02}",
            f"{day} {MONTHS[month - 1]} {year}",
            f"{MONTHS[month - 1]} {day}",
            f"{day}.{month}.{year}",
            f"{month}/{day}/{year}",
            f"{day} {MONTHS[month - 1][:3].lower()}",
            chance.choice(
                (
                    "christmas",
                    "new year",
                    "easter",
                    "halloween",
                    "my birthday",
                    "next friday",
                    "the end of the month",
                    "tomorrow",
                    "today",
                )
            ),
        )
    )


def clock(chance: random.Random) -> str:
    """A time of day."""
    hour, minute = chance.randint(0, 23), chance.choice((0, 0, 15, 30, 45, chance.randint(0, 59)))
    return chance.choice(
        (
            f"{hour:02}:{minute:02}",
            f"{hour % 12 or 12}{chance.choice(('am', 'pm', ' am', ' pm'))}",
            f"{hour}:{minute:02}",
        )
    )


def numbers(chance: random.Random) -> str:
    """A list of numbers."""
    return chance.choice((", ", " ", ",", " and ")).join(number(chance) for _ in range(chance.randint(3, 7)))


def fill(frame: str, chance: random.Random) -> str:
    """Fills the slots of a frame; `{quantity}` and `{unit}` of one frame share a dimension."""
    units = chance.choice(UNITS)
    grammars: dict[str, Callable[[], str]] = {
        "code": lambda: code(chance),
        "num": lambda: number(chance),
        "small": lambda: str(chance.randint(2, 40)),
        "big": lambda: chance.choice(
            (str(chance.randint(100, 99999)), f"{chance.randint(1, 99)},{chance.randint(100, 999)}")
        ),
        "expr": lambda: expression(chance),
        "quantity": lambda: f"{number(chance)}{chance.choice((' ', ' ', ''))}{chance.choice(units)}",
        "unit": lambda: chance.choice(units),
        "date": lambda: date(chance),
        "clock": lambda: clock(chance),
        "list": lambda: numbers(chance),
    }
    return SLOT.sub(lambda found: grammars.get(found[1], lambda: chance.choice(slot_list(found[1])))(), frame)


def by_hand(without: frozenset[str] = frozenset()) -> list[Example]:
    """Every whole query of the banks, once."""
    return [Example(route, text) for route, texts in banks(without).items() for text in texts]


def framed(per_route: int, seed: int) -> list[Example]:
    """Queries from frames: the frames of a route take turns, so none comes much more often than another."""
    chance = random.Random(seed)
    examples: dict[Example, None] = {}
    for route, choices in frames().items():
        turns: list[str] = []
        found = 0
        while found < per_route:
            if not turns:
                turns = list(choices)
                chance.shuffle(turns)
            example = Example(route, fill(turns.pop(), chance).strip())
            found += 1
            examples[example] = None
    return list(examples)
