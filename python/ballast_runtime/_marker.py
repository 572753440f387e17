import json
import os
import re
from dataclasses import dataclass
from typing import Any, Optional

from ._error import ModelError

OWN_DIRECTORY = ".ballast"
MARKER_NAME = "model.json"
VERSIONS = os.path.join(OWN_DIRECTORY, "versions")
VARIANTS = os.path.join(OWN_DIRECTORY, "variants")

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class ModelVersion:
    """Which version a tree holds, as `.ballast/model.json` inside it says."""

    model: str
    digest: str
    """The version's identity: `sha256:` and 64 hexadecimal digits."""
    number: int
    reference: str
    """As the person who delivered it wrote it."""


def read_marker(directory: str) -> ModelVersion:
    """Raises DAMAGED for anything but a marker, and the system's error when there is none."""
    path = os.path.join(directory, OWN_DIRECTORY, MARKER_NAME)
    with open(path, "rb") as file:
        version = _parse_marker(file.read())
    if version is not None:
        return version
    raise ModelError(
        "DAMAGED",
        directory,
        f"{path} does not say which version this is: "
        "deliver the model again with `ballast mount` or `ballast embed`",
    )


def _parse_marker(data: bytes) -> Optional[ModelVersion]:
    record = parse_object(data) or {}
    model, digest = record.get("model"), record.get("digest")
    number, reference = whole_of(record.get("number")), record.get("reference")
    if not isinstance(model, str) or not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        return None
    if number is None or not isinstance(reference, str):
        return None
    return ModelVersion(model, digest, number, reference)


def whole_of(value: Any) -> Optional[int]:
    """The value, where it is a whole number. JSON has one kind of numbers, and truth values are none."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def parse_object(data: bytes) -> Optional[dict[str, Any]]:
    try:
        value = json.loads(data.decode("utf-8", "replace"), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _refuse(text: str) -> None:
    raise ValueError(f"{text} is no JSON")
