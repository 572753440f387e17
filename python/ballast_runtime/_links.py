import os
from dataclasses import dataclass
from typing import Optional

from ._error import ModelError
from ._marker import MARKER_NAME, OWN_DIRECTORY, VERSIONS

# As many as Linux follows.
_MOST_HOPS = 40


@dataclass(frozen=True)
class TargetLink:
    """One link of a following target."""

    root: str
    """The target's directory, with no link in it."""
    name: str


def real_path(path: str) -> str:
    """Like the system's own: raises OSError for what is not there, and for links that lead back to themselves."""
    found = os.path.realpath(path)
    # Before Python 3.10 realpath is never strict.
    os.stat(path)
    return found


def leads_to(path: str) -> Optional[str]:
    """What the link at the path says; None where there is no link."""
    try:
        return os.readlink(path)
    except OSError:
        return None


def find_link(path: str, name: Optional[str]) -> Optional[TargetLink]:
    """The link that stands behind the path: the path itself, or the one in the target that the path is.

    None where there is none: an embedded or pinned model, a plain directory, or nothing. Raises AMBIGUOUS and EMPTY.
    """
    at = path
    for _ in range(_MOST_HOPS):
        try:
            parent = real_path(os.path.dirname(at))
        except OSError:
            return None
        leads = leads_to(at)
        if leads is None:
            return _find_in_target(path, at, name)
        if os.path.dirname(leads) == VERSIONS:
            return TargetLink(parent, os.path.basename(at))
        at = os.path.normpath(os.path.join(parent, leads))
    return None


def _find_in_target(path: str, at: str, name: Optional[str]) -> Optional[TargetLink]:
    try:
        root = real_path(at)
        own = os.listdir(os.path.join(root, OWN_DIRECTORY))
    except OSError:
        return None
    if MARKER_NAME in own or not is_target(own):
        return None
    return TargetLink(root, choose_link(path, root, name))


def is_target(own: list[str]) -> bool:
    """Whether a directory whose `.ballast` holds these names is a following target."""
    return "state.json" in own or "versions" in own


def choose_link(path: str, root: str, name: Optional[str]) -> str:
    """The links are the truth: the target's record is written after them."""
    links = _list_links(root)
    if not links:
        raise ModelError(
            "EMPTY",
            path,
            f"{path} is prepared for a model, but none has been delivered: run `ballast mount REF {path} --follow`",
        )
    wanted = [link for link in links if name is None or link == name]
    if len(wanted) == 1:
        return wanted[0]
    found = f"{path} holds {', '.join(links)}"
    raise ModelError(
        "AMBIGUOUS",
        path,
        f"{found}: pass one of them as name, or use {os.path.join(path, links[0])} as the path"
        if name is None
        else f"{found}, but not {name}: pass one of them as name",
    )


def _list_links(root: str) -> list[str]:
    return [
        name
        for name in sorted(os.listdir(root))
        if os.path.dirname(leads_to(os.path.join(root, name)) or "") == VERSIONS
    ]
