"""Our own data files: what genai-prices does not know, with the page that says so."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from llmgateway.kit import yaml_text


@dataclass(frozen=True, slots=True)
class OwnData:
    """A file of catalog/data, decoded."""

    content: Any
    digest: str
    """First eight hexadecimal digits of the file's SHA-256: it changes whenever a figure does."""


def own_data(name: str) -> OwnData:
    """Read a file of catalog/data."""
    raw = (files("llmgateway.catalog") / "data" / name).read_bytes()
    return OwnData(yaml_text.parse(raw), hashlib.sha256(raw).hexdigest()[:8])
