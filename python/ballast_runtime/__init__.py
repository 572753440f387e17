"""Find the model at a path, and keep up with its versions: `ballast/runtime` of Node.js, in Python."""

from ._error import ModelError
from ._look_out import ModelWatch
from ._marker import ModelVersion
from ._open import (
    LoadedModel,
    LoadedVariant,
    LoadedVariants,
    OpenedModel,
    OpenedVariants,
    open_model,
    open_variants,
)
from ._resolve import ResolvedModel, resolve_model
from ._variants import Variant, VariantSet, resolve_variants
from ._watch import watch_model, watch_variants

__all__ = [
    "LoadedModel",
    "LoadedVariant",
    "LoadedVariants",
    "ModelError",
    "ModelVersion",
    "ModelWatch",
    "OpenedModel",
    "OpenedVariants",
    "ResolvedModel",
    "Variant",
    "VariantSet",
    "open_model",
    "open_variants",
    "resolve_model",
    "resolve_variants",
    "watch_model",
    "watch_variants",
]
