import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Callable, Generic, Optional, TypeVar

from ._look_out import ModelWatch
from ._readiness import Readiness, ReadinessFile, describe
from ._resolve import ResolvedModel, resolve_model
from ._variants import STABLE, VariantSet, resolve_variants
from ._watch import POLL_SECONDS, watch_model, watch_variants

T = TypeVar("T")
Found = TypeVar("Found")
Loaded = TypeVar("Loaded")


@dataclass(frozen=True)
class LoadedModel(Generic[T]):
    """A version and what was loaded from it; the two always belong together."""

    model: ResolvedModel
    value: T


@dataclass(frozen=True)
class LoadedVariant(LoadedModel[T]):
    """A variant and what was loaded from its version."""

    variant: str
    """`stable` where the model is not split."""


@dataclass(frozen=True)
class LoadedVariants(Generic[T]):
    """Variants that were loaded, with the weights and rules that belong to them. It never changes."""

    set: VariantSet
    loaded: tuple[LoadedVariant[T], ...]

    def pick(self, *, key: Optional[str] = None, tenant: Optional[str] = None) -> LoadedVariant[T]:
        """As `VariantSet.pick`: the same in every process and language."""
        name = self.set.pick(key=key, tenant=tenant).name
        return next(one for one in self.loaded if one.variant == name)


class _Kept(Generic[Found, Loaded]):
    """What is in use; replaced only by what has been loaded whole."""

    def __init__(
        self,
        *,
        resolve: Callable[[], Found],
        load: Callable[[Found, Optional[Loaded]], Loaded],
        found_of: Callable[[Loaded], Found],
        on_swap: Optional[Callable[[Loaded, Loaded], None]],
        on_error: Optional[Callable[[Exception], None]],
    ) -> None:
        self._load = load
        self._found_of = found_of
        self._on_swap = on_swap
        self._on_error = on_error
        self._load_problem: Optional[Exception] = None
        self._path_problem: Optional[Exception] = None
        self._closed = False
        self._watch: "Optional[ModelWatch[Found]]" = None
        self.file: Optional[ReadinessFile] = None
        self.refused: Optional[Found] = None
        self.current = self._load_first(resolve)

    @property
    def problem(self) -> Optional[Exception]:
        return self._load_problem or self._path_problem

    def begin(self, watch: "ModelWatch[Found]") -> None:
        self._watch = watch

    def close(self) -> None:
        self._closed = True
        if self._watch is not None:
            self._watch.close()
        if self.file is not None:
            self.file.close()

    def reload(self, found: Found) -> None:
        if found != self._found_of(self.current):
            self._replace(found)
        self._load_problem = None
        self.refused = None
        self._tell()

    def failed(self, error: Exception) -> None:
        if error is not self._load_problem:
            self._path_problem = error
        self._tell()
        self._report(error)

    def recovered(self) -> None:
        self._path_problem = None
        self._tell()

    def _replace(self, found: Found) -> None:
        former = self.current
        try:
            following = self._load(found, former)
        except Exception as error:
            self._load_problem = error
            self.refused = found
            raise
        if self._closed:
            return
        self.current = following
        if self._on_swap is None:
            return
        try:
            self._on_swap(following, former)
        except Exception as error:  # noqa: BLE001 - the swap itself has happened.
            self._report(error)

    def _load_first(self, resolve: Callable[[], Found]) -> Loaded:
        while True:
            found = resolve()
            try:
                return self._load(found, None)
            except Exception:
                # A version that was replaced during the load may have been removed under it.
                if _now(resolve, found) == found:
                    raise

    def _tell(self) -> None:
        if self.file is not None:
            self.file.update()

    def _report(self, error: Exception) -> None:
        if self._on_error is not None:
            self._on_error(error)


def _now(resolve: Callable[[], Found], found: Found) -> Found:
    try:
        return resolve()
    except Exception:  # noqa: BLE001 - the failed load says more.
        return found


class _Opened(Generic[Found, Loaded]):
    def __init__(self, kept: "_Kept[Found, Loaded]", state: Callable[[], Readiness]) -> None:
        self._kept = kept
        self._state = state

    @property
    def problem(self) -> Optional[Exception]:
        """Why what the path leads to now is not in use: the error that was reported. None while all is well."""
        return self._kept.problem

    def readiness(self) -> Readiness:
        """What is in use, and what was refused, in the form in which Ballast asks for it (docs/runtime.md)."""
        return self._state()

    def close(self) -> None:
        """Stops reloading; `current` stays as it is."""
        self._kept.close()

    def __exit__(self, *_: object) -> None:
        self.close()


class OpenedModel(_Opened[ResolvedModel, LoadedModel[T]], Generic[T]):
    @property
    def current(self) -> LoadedModel[T]:
        """The newest version that was loaded. Take it once a request: it never changes, the next take may differ."""
        return self._kept.current

    def __enter__(self) -> "OpenedModel[T]":
        return self


class OpenedVariants(_Opened[VariantSet, LoadedVariants[T]], Generic[T]):
    @property
    def current(self) -> LoadedVariants[T]:
        """Take it once a request where that picks more than once."""
        return self._kept.current

    def pick(self, *, key: Optional[str] = None, tenant: Optional[str] = None) -> LoadedVariant[T]:
        """What `current.pick` returns: once a request."""
        return self._kept.current.pick(key=key, tenant=tenant)

    def __enter__(self) -> "OpenedVariants[T]":
        return self


def open_model(
    path: "str | os.PathLike[str]",
    load: Callable[[ResolvedModel], T],
    *,
    name: Optional[str] = None,
    poll_seconds: float = POLL_SECONDS,
    on_swap: Optional[Callable[[LoadedModel[T], LoadedModel[T]], None]] = None,
    on_error: Optional[Callable[[Exception], None]] = None,
    readiness_file: "Optional[str | os.PathLike[str]]" = None,
) -> OpenedModel[T]:
    """Loads the model and loads it again whenever its version changes, in a thread of its own.

    `current` is replaced only when the new version has been loaded; when that fails, the former one stays and `on_error`
    is told. Raises when the first load fails. `readiness_file` says at every time what `readiness()` says, for who cannot
    ask by HTTP, and goes with `close`. Its directory has to exist, and should go with the container (`/tmp`, `/run`).
    Each process needs a file of its own.
    """
    kept: "_Kept[ResolvedModel, LoadedModel[T]]" = _Kept(
        resolve=lambda: resolve_model(path, name=name),
        load=lambda model, _: LoadedModel(model, load(model)),
        found_of=lambda loaded: loaded.model,
        on_swap=on_swap,
        on_error=on_error,
    )

    def state() -> Readiness:
        refused = [] if kept.refused is None else [kept.refused]
        return describe([(STABLE, kept.current.model)], refused, kept.problem)

    _announce(kept, readiness_file, state, on_error)
    kept.begin(
        watch_model(
            path,
            kept.reload,
            name=name,
            since=kept.current.model,
            poll_seconds=poll_seconds,
            on_error=kept.failed,
            on_recovered=kept.recovered,
        )
    )
    return OpenedModel(kept, state)


def open_variants(
    path: "str | os.PathLike[str]",
    load: Callable[[ResolvedModel], T],
    *,
    name: Optional[str] = None,
    poll_seconds: float = POLL_SECONDS,
    on_swap: Optional[Callable[[LoadedVariants[T], LoadedVariants[T]], None]] = None,
    on_error: Optional[Callable[[Exception], None]] = None,
    readiness_file: "Optional[str | os.PathLike[str]]" = None,
) -> OpenedVariants[T]:
    """Loads all variants at a path, and again what has changed of them, in a thread of its own.

    Versions, weights and rules come into use together: a set of which one version cannot be loaded is not used at all,
    and the former one stays. A version that is in use already, under whichever name, is not loaded again. Raises when the
    first load fails. `readiness_file` is as of `open_model`.
    """
    kept: "_Kept[VariantSet, LoadedVariants[T]]" = _Kept(
        resolve=lambda: resolve_variants(path, name=name),
        load=lambda found, former: _load_variants(found, former, load),
        found_of=lambda loaded: loaded.set,
        on_swap=on_swap,
        on_error=on_error,
    )

    def state() -> Readiness:
        serving = [(variant.name, variant.model) for variant in kept.current.set.variants]
        return describe(serving, _not_in(kept.current, kept.refused), kept.problem)

    _announce(kept, readiness_file, state, on_error)
    kept.begin(
        watch_variants(
            path,
            kept.reload,
            name=name,
            since=kept.current.set,
            poll_seconds=poll_seconds,
            on_error=kept.failed,
            on_recovered=kept.recovered,
        )
    )
    return OpenedVariants(kept, state)


def _announce(
    kept: "_Kept[Found, Loaded]",
    path: "Optional[str | os.PathLike[str]]",
    state: Callable[[], Readiness],
    on_error: Optional[Callable[[Exception], None]],
) -> None:
    if path is None:
        return
    kept.file = ReadinessFile(path, state, on_error)
    kept.file.update()


def _load_variants(
    found: VariantSet, former: Optional[LoadedVariants[T]], load: Callable[[ResolvedModel], T]
) -> LoadedVariants[T]:
    known: list[LoadedModel[T]] = [] if former is None else list(former.loaded)
    loaded: list[LoadedVariant[T]] = []
    # One after the other: two at once would need the memory of both loads.
    for variant in found.variants:
        same = next((one for one in known if one.model == variant.model), None)
        value = load(variant.model) if same is None else same.value
        one = LoadedVariant(variant.model, value, variant.name)
        known.append(one)
        loaded.append(one)
    return LoadedVariants(found, tuple(loaded))


def _not_in(current: LoadedVariants[T], refused: Optional[VariantSet]) -> Sequence[ResolvedModel]:
    models = [] if refused is None else [variant.model for variant in refused.variants]
    in_use = [one.model for one in current.loaded]
    return [model for model in models if model not in in_use]
