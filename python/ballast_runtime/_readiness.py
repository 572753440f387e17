import json
import os
import socket
import threading
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any, Callable, Optional

from ._resolve import ResolvedModel

Readiness = dict[str, Any]


def describe(
    serving: Sequence[tuple[str, ResolvedModel]],
    refused: Sequence[ResolvedModel],
    problem: Optional[Exception],
) -> Readiness:
    """What an application says of itself, in the form in which Ballast asks for it (docs/runtime.md)."""
    usual = next((model for name, model in serving if name == "stable"), serving[0][1])
    said: Readiness = {"ready": True, **_describe_model(usual)}
    if len(serving) > 1:
        said["variants"] = [{"name": name, **_describe_model(model)} for name, model in serving]
    if refused:
        said["refused"] = [_describe_model(model) for model in refused]
    if problem is not None:
        said["problem"] = str(problem)
    return said


def _describe_model(model: ResolvedModel) -> dict[str, Any]:
    return {"directory": model.directory} if model.version is None else asdict(model.version)


class ReadinessFile:
    """Says at every time what the application serves; removed by `close`."""

    def __init__(
        self,
        path: "str | os.PathLike[str]",
        state: Callable[[], Readiness],
        on_error: Optional[Callable[[Exception], None]],
    ) -> None:
        self._path = os.fspath(path)
        self._state = state
        self._on_error = on_error
        self._lock = threading.Lock()
        self._closed = False

    def update(self) -> None:
        self._do(self._write)

    def close(self) -> None:
        self._closed = True
        self._do(self._remove)

    def _do(self, work: Callable[[], None]) -> None:
        with self._lock:
            try:
                work()
            except OSError as error:
                if self._on_error is not None:
                    self._on_error(error)

    def _write(self) -> None:
        """Whole at every time for who reads it; that it survives a power failure is not wanted."""
        if self._closed:
            return
        pid = os.getpid()
        time = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        said = {**self._state(), "pid": pid, "host": socket.gethostname(), "time": time}
        temporary = f"{self._path}.{pid}.tmp"
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(json.dumps(said) + "\n")
        os.replace(temporary, self._path)

    def _remove(self) -> None:
        try:
            os.remove(self._path)
        except FileNotFoundError:
            pass
