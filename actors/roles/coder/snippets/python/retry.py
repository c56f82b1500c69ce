"""Retry with exponential backoff and full jitter."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def retry(
    work: Callable[[], T],
    attempts: int = 5,
    first_wait_s: float = 0.1,
    wait_s_max: float = 10.0,
    retry_on: tuple[type[Exception], ...] = (Exception,),
) -> T:
    """Run `work` until it succeeds; raise its last error after `attempts` tries."""
    attempt = 1
    while True:
        try:
            return work()
        except retry_on:
            if attempt >= attempts:
                raise
        time.sleep(random.uniform(0, min(wait_s_max, first_wait_s * 2 ** (attempt - 1))))
        attempt += 1
