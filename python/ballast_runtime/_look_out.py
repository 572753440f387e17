import threading
from typing import Callable, Generic, Optional, TypeVar

T = TypeVar("T")


class ModelWatch(Generic[T]):
    """Looks at a path in a thread of its own, which does not keep the process running. Made by `watch_model`."""

    def __init__(
        self,
        *,
        look: Callable[[], T],
        on_change: Callable[[T], None],
        since: Optional[T],
        poll_seconds: float,
        on_error: Optional[Callable[[Exception], None]],
        on_recovered: Optional[Callable[[], None]],
    ) -> None:
        self._look = look
        self._on_change = on_change
        self._known = since
        self._poll_seconds = poll_seconds
        self._on_error = on_error
        self._on_recovered = on_recovered
        self._closed = threading.Event()
        self._complaint: Optional[str] = None
        self._complained = False
        self._thread = threading.Thread(target=self._run, name="ballast-watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """No call begins afterwards; one that is under way is not waited for."""
        self._closed.set()

    def __enter__(self) -> "ModelWatch[T]":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        while not self._closed.is_set():
            # After a change another may have come while the listener was busy.
            if not self._deliver_change():
                self._closed.wait(self._poll_seconds)

    def _deliver_change(self) -> bool:
        try:
            found = self._look()
        except Exception as error:  # noqa: BLE001 - whatever it is, the next look may find what was meant.
            self._complain(error)
            return False
        self._recover()
        former, self._known = self._known, found
        if former is None or former == found or self._closed.is_set():
            return False
        try:
            self._on_change(found)
        except Exception as error:  # noqa: BLE001
            self._report(error)
        return True

    def _complain(self, error: Exception) -> None:
        """A link that is missing at one look is a swap by other means than rename(2); at two it is news, but only once."""
        text = f"{type(error).__name__}: {error}"
        if text != self._complaint:
            self._complained = False
        elif not self._complained:
            self._complained = True
            self._report(error)
        self._complaint = text

    def _recover(self) -> None:
        self._complaint = None
        if self._complained and self._on_recovered is not None and not self._closed.is_set():
            _attempt(self._on_recovered)
        self._complained = False

    def _report(self, error: Exception) -> None:
        on_error = self._on_error
        if on_error is not None and not self._closed.is_set():
            _attempt(lambda: on_error(error))


def _attempt(call: Callable[[], None]) -> None:
    """A failing report has nobody left to be reported to."""
    try:
        call()
    except Exception:  # noqa: BLE001
        pass
