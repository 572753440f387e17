import os
from dataclasses import dataclass
from typing import Any, Optional

from ._error import ModelError
from ._links import TargetLink
from ._marker import VARIANTS, parse_object, whole_of

_ID = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")
_MOST = 2**53


@dataclass(frozen=True)
class VariantEntry:
    name: str
    weight: int
    id: str
    """The name of its directory below `.ballast/versions/`."""
    digest: str


@dataclass(frozen=True)
class VariantFile:
    """What `.ballast/variants/<link>.json` says (docs/design.md, "Variants"), as far as an application needs it."""

    model: str
    """Of the model behind the link; part of what is hashed to pick."""
    number: int
    """Counts the changes of the file."""
    variants: tuple[VariantEntry, ...]
    tenants: dict[str, str]
    """The variant of a tenant, by the tenant."""


def read_variant_file(link: TargetLink) -> Optional[VariantFile]:
    """None where the link is not split. Raises DAMAGED for anything but such a file."""
    path = os.path.join(link.root, VARIANTS, f"{link.name}.json")
    try:
        with open(path, "rb") as file:
            data = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    record = parse_object(data) or {}
    if (whole_of(record.get("version")) or 0) > 1:
        raise ModelError(
            "DAMAGED",
            path,
            f"{path} was written by a newer Ballast: update the runtime library of the application",
        )
    found = _decode(record)
    if found is None:
        raise ModelError(
            "DAMAGED", path, f"{path} does not say which variants there are: run `ballast split` again"
        )
    return found if found.variants else None


def _decode(record: dict[str, Any]) -> Optional[VariantFile]:
    model, number = record.get("model"), whole_of(record.get("number"))
    variants, rules = record.get("variants"), record.get("rules")
    if record.get("version") != 1 or not isinstance(model, str) or number is None:
        return None
    if not isinstance(variants, list) or not isinstance(rules, list):
        return None
    entries = [_decode_entry(value) for value in variants]
    whole = [entry for entry in entries if entry is not None]
    names = {entry.name for entry in whole}
    if len(whole) < len(entries) or len(names) < len(whole):
        return None
    if whole and all(entry.weight == 0 for entry in whole):
        return None
    tenants: dict[str, str] = {}
    for rule in rules:
        tenant = rule.get("tenant") if isinstance(rule, dict) else None
        variant = rule.get("variant") if isinstance(rule, dict) else None
        if not isinstance(tenant, str) or not isinstance(variant, str) or variant not in names:
            return None
        tenants[tenant] = variant
    return VariantFile(model, number, tuple(whole), tenants)


def _decode_entry(value: Any) -> Optional[VariantEntry]:
    if not isinstance(value, dict):
        return None
    name, weight = value.get("name"), whole_of(value.get("weight"))
    id_, digest = value.get("id"), value.get("digest")
    if not isinstance(name, str) or not isinstance(id_, str) or not isinstance(digest, str):
        return None
    if id_ == "" or id_[0] in "-." or not _ID.issuperset(id_):
        return None
    if weight is None or not 0 <= weight < _MOST:
        return None
    return VariantEntry(name, weight, id_, digest)
