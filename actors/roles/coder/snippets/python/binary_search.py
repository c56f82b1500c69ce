"""Binary search in a sorted sequence."""

from bisect import bisect_left
from collections.abc import Sequence


def binary_search(ordered: Sequence[int], wanted: int) -> int:
    """Index of the first item equal to `wanted` in an ordered sequence, or -1."""
    index = bisect_left(ordered, wanted)
    found = index < len(ordered) and ordered[index] == wanted
    return index if found else -1
