"""Fibonacci numbers."""

from collections.abc import Iterator
from itertools import islice


def fibonacci_sequence() -> Iterator[int]:
    """All Fibonacci numbers, one after another, without end."""
    current, following = 0, 1
    while True:
        yield current
        current, following = following, current + following


def fibonacci(n: int) -> int:
    """The n-th Fibonacci number: fibonacci(0) is 0, fibonacci(1) is 1."""
    if n < 0:
        raise ValueError(f"n must not be negative, it is {n}")
    return next(islice(fibonacci_sequence(), n, None))
