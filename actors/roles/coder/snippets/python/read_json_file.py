"""Read a JSON file."""

import json
from pathlib import Path
from typing import Any


def read_json_file(path: str | Path) -> Any:
    """The value of a JSON file; an error names the file."""
    text = Path(path).read_text(encoding="utf-8")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not valid JSON: {error}") from error
