"""Split a list into chunks."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def chunk(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Parts of `items` of length `size`; the last one may be shorter."""
    if size < 1:
        raise ValueError(f"the size must be positive, it is {size}")
    for start in range(0, len(items), size):
        yield items[start : start + size]
