import os
import time
from dataclasses import dataclass
from typing import Callable, Optional, TypeVar

from ._error import ModelError, Moved
from ._locate import locate
from ._marker import ModelVersion

T = TypeVar("T")

# A path that moves on at each look is swapped faster than it can be read; more looks would not help.
_MOST_LOOKS = 10
_LONGEST_PAUSE = 0.02


@dataclass(frozen=True)
class ResolvedModel:
    """One whole version. Whatever is opened below `directory` belongs to it, also after the path has moved on."""

    directory: str
    """Absolute, with no link in it."""
    version: Optional[ModelVersion]
    """None for a directory that Ballast did not deliver."""

    def file(self, relative_path: str) -> str:
        """The absolute path of one of its files, which need not exist. Raises ValueError for one that leaves the model."""
        path = os.path.normpath(os.path.join(self.directory, relative_path))
        if path.startswith(os.path.join(self.directory, "")):
            return path
        raise ValueError(f"{relative_path!r} is not a file of the model")


def resolve_model(path: "str | os.PathLike[str]", *, name: Optional[str] = None) -> ResolvedModel:
    """Resolves the path once to the version that is there now.

    Take it for each load, and open every file through it: files opened by the path itself can belong to two versions
    while the model is swapped. `name` says which of several models, by its link's name, when the path is a following
    target's root. Raises ModelError when there is no model, OSError when it may not be read.
    """
    absolute = os.path.abspath(path)

    def look() -> ResolvedModel:
        found = locate(absolute, name)
        return ResolvedModel(found.directory, found.version)

    return until_still(absolute, look)


def until_still(path: str, look: Callable[[], T]) -> T:
    """Looks until what is at the path stays for as long as a look takes. Raises what the last look raises."""
    looks = 1
    while True:
        try:
            return look()
        except Moved:
            pass
        except ModelError as error:
            # A version removed between the link and its directory looks like one that never was.
            if looks == _MOST_LOOKS or error.code != "MISSING":
                raise
        if looks == _MOST_LOOKS:
            raise ModelError(
                "MISSING",
                path,
                f"{path} led to another version at each of {looks} looks: "
                "let the swaps come to an end and try again",
            )
        time.sleep(min(2 ** (looks - 1) / 1000, _LONGEST_PAUSE))
        looks += 1
