class ModelError(Exception):
    """Why there is no model to load; the message names the path, what was found there and what to do.

    `code` is `MISSING` (nothing, or no directory, at the path), `EMPTY` (a directory or target without a model),
    `DAMAGED` (Ballast's own files there cannot be used) or `AMBIGUOUS` (several models, and none or another one is
    named).
    """

    def __init__(self, code: str, path: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.path = path


class Moved(Exception):
    """The version was replaced while it was being looked at; looking again finds the new one."""
