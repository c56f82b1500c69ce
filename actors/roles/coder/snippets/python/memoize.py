"""Remember results by their arguments. `functools.cache` is built in; this one shows how it works."""

from collections.abc import Callable, Hashable
from functools import wraps
from typing import TypeVar

T = TypeVar("T")


def memoize(compute: Callable[..., T]) -> Callable[..., T]:
    """Remember the results of `compute` by its positional arguments."""
    results: dict[tuple[Hashable, ...], T] = {}

    @wraps(compute)
    def remembered(*args: Hashable) -> T:
        if args not in results:
            results[args] = compute(*args)
        return results[args]

    return remembered
