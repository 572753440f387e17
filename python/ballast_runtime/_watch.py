import os
from typing import Callable, Optional

from ._look_out import ModelWatch
from ._resolve import ResolvedModel, resolve_model
from ._variants import VariantSet, resolve_variants

POLL_SECONDS = 0.5


def watch_model(
    path: "str | os.PathLike[str]",
    listener: Callable[[ResolvedModel], None],
    *,
    name: Optional[str] = None,
    since: Optional[ResolvedModel] = None,
    poll_seconds: float = POLL_SECONDS,
    on_error: Optional[Callable[[Exception], None]] = None,
    on_recovered: Optional[Callable[[], None]] = None,
) -> "ModelWatch[ResolvedModel]":
    """Calls the listener with each new version, one call at a time, in a thread of the watch.

    A version that is replaced while a call is under way may be left out; the newest is always delivered in the end.
    Never raises. Never calls for an embedded or plain directory. A version whose call failed is not offered again before
    the path has changed. `since` is the version that is loaded already; without it, the first one that is found.
    `on_error` takes what the listener raises, and once each a path that cannot be resolved at two looks in a row;
    `on_recovered` is called when such a path resolves again.
    """
    return ModelWatch(
        look=lambda: resolve_model(path, name=name),
        on_change=listener,
        since=since,
        poll_seconds=poll_seconds,
        on_error=on_error,
        on_recovered=on_recovered,
    )


def watch_variants(
    path: "str | os.PathLike[str]",
    listener: Callable[[VariantSet], None],
    *,
    name: Optional[str] = None,
    since: Optional[VariantSet] = None,
    poll_seconds: float = POLL_SECONDS,
    on_error: Optional[Callable[[Exception], None]] = None,
    on_recovered: Optional[Callable[[], None]] = None,
) -> "ModelWatch[VariantSet]":
    """The same for the variants at a path: a call when a version, a weight or a rule among them has changed."""
    return ModelWatch(
        look=lambda: resolve_variants(path, name=name),
        on_change=listener,
        since=since,
        poll_seconds=poll_seconds,
        on_error=on_error,
        on_recovered=on_recovered,
    )
