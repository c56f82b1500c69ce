"""Slugs for addresses."""

import re
import unicodedata


def slugify(title: str) -> str:
    """Turn a title into a slug: 'Crème brûlée, warm!' becomes 'creme-brulee-warm'."""
    decomposed = unicodedata.normalize("NFKD", title)
    letters = "".join(character for character in decomposed if not unicodedata.combining(character))
    return re.sub(r"[\W_]+", "-", letters.lower()).strip("-")
