"""Noise as real typing has it. Owns: changes that keep the label. Does not own: the queries."""

from __future__ import annotations

import random
import re

from .text import Example

NEIGHBOURS = {
    "a": "sq", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj", "i": "uo", "j": "hk", "k": "jl",
    "l": "k", "m": "n", "n": "bm", "o": "ip", "p": "o", "q": "wa", "r": "et", "s": "ad", "t": "ry", "u": "yi", "v": "cb",
    "w": "qe", "x": "zc", "y": "tu", "z": "x",
}  # fmt: skip

SHORT = (
    ("what is", "what's"), ("what is", "whats"), ("what's", "what is"), ("i am", "im"), ("i'm", "i am"), ("do not", "don't"),
    ("please", "pls"), ("please", "plz"), ("you", "u"), ("are", "r"), ("because", "cuz"), ("going to", "gonna"),
    ("want to", "wanna"), ("give me", "gimme"), ("how do i", "how to"), ("can you", "could you"), ("could you", "can you"),
    ("can you", "can u"), ("i would like", "i'd like"), ("i'd like", "i would like"), ("function", "func"), ("and", "&"),
    ("without", "w/o"), ("with", "w/"), ("for", "4"), ("to", "2"), ("tell me", "tell us"), ("my", "our"), ("our", "my"),
    ("javascript", "js"), ("typescript", "ts"), ("python", "py"), ("write", "wirte"), ("the", "teh"), ("function", "method"),
    ("explain", "clarify"), ("write", "create"), ("check", "verify"), ("show me", "show us"), ("convert", "change"),
)  # fmt: skip

BEFORE = (
    "hi, ", "hey, ", "hello, ", "hello! ", "hi there, ", "good morning. ", "morning, ", "please ", "pls ", "quick question: ",
    "question: ", "ok, ", "ok so ", "so ", "well, ", "hm, ", "now ", "also, ", "and ", "then ", "thanks. ", "thanks! ", "great, ",
    "cool, ", "perfect, thank you. ", "sorry, ", "sorry to bother you, ", "excuse me, ", "one more thing: ", "next: ", "btw ",
    "by the way, ", "just ", "actually ", "i'm in a hurry: ", "urgent: ", "dear assistant, ", "hey bot, ", "yo ", "for work: ",
    "for my homework: ", "my boss asks: ", "i have a question. ", "can you help me? ", "i need help. ", "help! ", "ok next one. ",
    "i'm new here. ", "long day, but ", "haha ok. ", "no, ", "wait, ", "let's see. ", "alright, ", "right, ", "could you help me out: ",
)  # fmt: skip

AFTER = (
    " please", " pls", " thanks", " thank you", ", thanks!", " thx", " please?", " asap", " :)", "!", "?", "??", "...", ".",
    " if possible", " when you have time", " for me", " today", " now", " quickly", ", it's urgent", " - cheers", " ty",
    " would be great", " many thanks in advance", ", i'm in a hurry", " bro", " ok?", ", you know", " or so",
)  # fmt: skip

WORD = re.compile(r"[A-Za-z]{4,}")


def typo(word: str, chance: random.Random) -> str:
    """One slip of the fingers in a word."""
    at = chance.randrange(len(word) - 1)
    kind = chance.random()
    if kind < 0.3:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind < 0.55:
        return word[:at] + word[at + 1 :]
    if kind < 0.75:
        return word[:at] + word[at] + word[at:]
    near = NEIGHBOURS.get(word[at].lower(), "e")
    return word[:at] + chance.choice(near) + word[at + 1 :]


def with_typos(text: str, share: float, chance: random.Random) -> str:
    """Slips in about `share` of the longer words."""
    return WORD.sub(lambda found: typo(found[0], chance) if chance.random() < share else found[0], text)


def with_short_forms(text: str, chance: random.Random) -> str:
    """Contractions, chat spelling and near synonyms."""
    for plain, short in chance.sample(SHORT, 8):
        if chance.random() < 0.5:
            text = re.sub(rf"\b{re.escape(plain)}\b", short, text, count=1, flags=re.IGNORECASE)
    return text


def without_words(text: str, share: float, chance: random.Random) -> str:
    """Drops some words; what is left keeps at least three."""
    words = text.split(" ")
    if len(words) < 6:
        return text
    kept = [word for word in words if chance.random() > share]
    return " ".join(kept) if len(kept) >= 3 else text


def augment(example: Example, chance: random.Random) -> Example:
    """The same query as another person would have typed it."""
    route, text = example
    if chance.random() < 0.25:
        text = with_short_forms(text, chance)
    if route != "direct" or len(text) > 25:
        if chance.random() < 0.22:
            text = chance.choice(BEFORE) + text
        if chance.random() < 0.18 and not text.endswith("```"):
            text = text.rstrip("?.! ") + chance.choice(AFTER)
    if chance.random() < 0.25:
        text = text.rstrip("?.! ") or text
    if chance.random() < 0.1:
        text = without_words(text, 0.12, chance)
    if chance.random() < 0.2:
        text = with_typos(text, chance.choice((0.08, 0.15, 0.3)), chance)
    return Example(route, text)
