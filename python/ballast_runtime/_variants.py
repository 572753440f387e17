import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Optional

from ._error import ModelError, Moved
from ._links import TargetLink, find_link, real_path
from ._marker import VERSIONS, read_marker
from ._pick import pick_by_key
from ._resolve import ResolvedModel, resolve_model, until_still
from ._variant_file import VariantEntry, read_variant_file

# What the only variant of a model that is not split is called, and what `ballast split` calls the usual one.
STABLE = "stable"


@dataclass(frozen=True)
class Variant:
    name: str
    weight: int
    """Its share of all weights is the share of the keys that it gets."""
    model: ResolvedModel


@dataclass(frozen=True)
class VariantSet:
    """The variants at a path, with the weights and rules that were set together with them. It never changes."""

    number: int
    """Counts the changes of the set; 0 where the model is not split."""
    variants: tuple[Variant, ...]
    """At least one. A model that is not split is the variant `stable`."""
    tenants: Mapping[str, str] = field(hash=False)
    """The variants of tenants that have a rule."""
    salt: str = field(default="", repr=False)

    def pick(self, *, key: Optional[str] = None, tenant: Optional[str] = None) -> Variant:
        """The same for the same request in every process, on every host and in every language.

        A tenant's rule comes before the weights; without a key, the tenant is the key. Raises TypeError for a request
        without a key and without a tenant.
        """
        given = [text for text in (key, tenant) if text is not None]
        if not given or not all(isinstance(text, str) for text in given):
            raise TypeError(
                "pick needs a key or a tenant, as texts: pick(key=user.id, tenant=user.organisation)"
            )
        name = None if tenant is None else self.tenants.get(tenant)
        if name is None:
            weights = [(variant.name, variant.weight) for variant in self.variants]
            name = pick_by_key(weights, self.salt, given[0])
        # No set is without a variant that has a weight, nor with a rule for one that is not there.
        return next(variant for variant in self.variants if variant.name == name)


def resolve_variants(path: "str | os.PathLike[str]", *, name: Optional[str] = None) -> VariantSet:
    """Resolves the path once to all the versions that it holds, whole and belonging together.

    A path that cannot be split (an embedded model, a pinned mount, a plain directory) or is not has one variant,
    `stable`. Raises what `resolve_model` does.
    """
    absolute = os.path.abspath(path)
    return until_still(absolute, lambda: _look(absolute, name))


def _look(path: str, name: Optional[str]) -> VariantSet:
    link = find_link(path, name)
    file = None if link is None else read_variant_file(link)
    if link is None or file is None:
        return VariantSet(0, (Variant(STABLE, 1, resolve_model(path, name=name)),), MappingProxyType({}))
    variants: list[Variant] = [
        Variant(entry.name, entry.weight, _model_of(link, entry)) for entry in file.variants
    ]
    return VariantSet(file.number, tuple(variants), MappingProxyType(file.tenants), file.model)


def _model_of(link: TargetLink, entry: VariantEntry) -> ResolvedModel:
    directory = os.path.join(link.root, VERSIONS, entry.id)
    try:
        version = read_marker(directory)
        if version.digest == entry.digest:
            return ResolvedModel(real_path(directory), version)
    except FileNotFoundError:
        # Withdrawn meanwhile, and its time is over.
        now = read_variant_file(link)
        if now is None or not any(one.name == entry.name and one.id == entry.id for one in now.variants):
            raise Moved from None
    raise ModelError(
        "DAMAGED",
        directory,
        f"the variant {entry.name} leads to {directory}, which does not hold its version: "
        f"run `ballast split` again with {entry.name}=REF",
    )
