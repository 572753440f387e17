import errno
import os
from dataclasses import dataclass
from typing import Optional

from ._error import ModelError, Moved
from ._links import choose_link, is_target, leads_to, real_path
from ._marker import MARKER_NAME, OWN_DIRECTORY, ModelVersion, read_marker


@dataclass(frozen=True)
class Location:
    """Where a path leads at this moment."""

    directory: str
    """The version's own directory, with no link in it."""
    version: Optional[ModelVersion]


def locate(path: str, name: Optional[str]) -> Location:
    """Looks once, and raises Moved where the version was replaced meanwhile.

    The path is resolved before and after the tree is looked at: a tree that is being removed has lost files already, its
    marker perhaps first, and must not be taken for a plain directory.
    """
    root = _follow(path)
    contents = _read_contents(path, root)
    if contents == "target":
        link = os.path.join(root, choose_link(path, root, name))
        return _confirmed(link, _follow(link), True)
    return _confirmed(path, root, contents == "tree")


def _confirmed(link: str, directory: str, marked: bool) -> Location:
    try:
        version = read_marker(directory) if marked else None
        if real_path(link) != directory:
            raise Moved
        return Location(directory, version)
    except FileNotFoundError:
        # A marker that is not there: gone with its tree, or never delivered.
        if not _leads_still(link, directory):
            raise Moved from None
    raise ModelError(
        "DAMAGED",
        link,
        f"{link} leads to {directory}, which holds no whole version: deliver the model again with `ballast mount`",
    )


def _leads_still(path: str, directory: str) -> bool:
    try:
        return real_path(path) == directory
    except OSError:
        return False


def _follow(path: str) -> str:
    try:
        return real_path(path)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _missing(path, f"{path} is a link that leads back to itself") from error
        if error.errno not in (errno.ENOENT, errno.ENOTDIR):
            raise
        leads = leads_to(path)
        if leads is None:
            raise _missing(path, f"there is nothing at {path}") from error
        to = os.path.normpath(os.path.join(os.path.dirname(path), leads))
        raise _missing(path, f"{path} leads to {to}, which is not there") from error


def _missing(path: str, found: str) -> ModelError:
    help_text = "embed the model into the image with `ballast embed`, or mount it with `ballast mount`"
    return ModelError("MISSING", path, f"{found}: {help_text}")


def _read_contents(path: str, root: str) -> str:
    try:
        names = os.listdir(root)
        if OWN_DIRECTORY in names:
            return _read_own(path, root)
    except NotADirectoryError as error:
        raise _missing(path, f"{path} is a file where the model's directory is expected") from error
    except FileNotFoundError:
        raise Moved from None
    # What mkfs leaves at the root of a volume.
    if any(name != "lost+found" for name in names):
        return "plain"
    if not _leads_still(path, root):
        raise Moved
    raise ModelError(
        "EMPTY",
        path,
        f"nothing is mounted at {path} (an empty directory): mount the model with `ballast mount REF TARGET`, "
        "or embed it into the image with `ballast embed`",
    )


def _read_own(path: str, root: str) -> str:
    own = os.listdir(os.path.join(root, OWN_DIRECTORY))
    if MARKER_NAME in own:
        return "tree"
    if is_target(own):
        return "target"
    if not _leads_still(path, root):
        raise Moved
    own_path = os.path.join(path, OWN_DIRECTORY)
    raise ModelError(
        "DAMAGED",
        path,
        f"{own_path} holds neither a version's {MARKER_NAME} nor a following target's state.json: "
        "deliver the model again with `ballast mount`, into a new directory",
    )
