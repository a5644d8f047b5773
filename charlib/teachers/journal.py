"""The journal: every finished item of a long stage, so that a stopped run goes on where it was."""

import contextlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import filelock

from charlib import run

BATCH = 1.0  # seconds of rows that share one fsync


class Journal(contextlib.AbstractContextManager):
    """Finished items of a stage as JSON Lines, append-only: rows {key, value, about, at}.

    A row is handed to the system as soon as it is put, so a killed process loses none; rows of one
    second share one fsync, the last have theirs at `close`. Values stay in the file; `offsets` says
    where the last of each key stands. Readers take no lock; a second writer is refused (fault F4).
    """

    def __init__(self, path: Path, say: Callable = print):
        self.path, self.say = Path(path), say
        self.offsets: dict[str, int] = {}
        self.damaged = 0  # lines that are no rows, as a power cut leaves them; they are passed over
        self._end, self._file, self._synced = 0, None, 0.0
        lock = self.path.with_name(f".{self.path.name}.lock")
        self._lock = filelock.FileLock(lock, timeout=0, thread_local=False)
        self._read()

    def get(self, key: str) -> dict | None:
        """The value kept under that key; None when it was never answered."""
        if key not in self.offsets:
            return None
        with self.path.open("rb") as file:
            file.seek(self.offsets[key])
            return json.loads(file.readline())["value"]

    def put(self, key: str, value: dict | None, about: dict) -> None:
        """Add a row; the first makes the file. Without a value it records in `about` why there is
        no answer: `get` will not find it, so a later run asks again (fault F9).

        Raises RunError when the row cannot be written or another process writes here.
        """
        at = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        row = {"key": key, "value": value, "about": about, "at": at}
        # half a surrogate pair has no UTF-8; as an escape of JSON it survives
        line = (json.dumps(row, ensure_ascii=False) + "\n").encode(errors="backslashreplace")
        try:
            if self._file is None:
                self._open()
            written = 0
            while written < len(line):
                written += self._file.write(line[written:])
            if time.monotonic() > self._synced + BATCH:
                os.fsync(self._file.fileno())
                self._synced = time.monotonic()
        except filelock.Timeout:
            raise run.RunError(f"{self.path.name} is being written by another process: wait for "
                               "it, or choose another RUN.") from None
        except OSError as error:
            with contextlib.suppress(OSError, AttributeError):  # else the next writer cuts it
                self._file.truncate(self._end)
            raise self._unwritable(error) from error
        self._note(line)

    def _open(self) -> None:
        """Become the writer: lock, take in what another has added since, cut half a row."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock.acquire()
        self.damaged += self._read()
        self._file = self.path.open("ab", buffering=0)
        self._file.truncate(self._end)
        if self.damaged:
            self.say(f"{self.path.name}: {self.damaged} broken row(s), as a killed process or a "
                     "power cut leaves them, are passed over; what they held is asked again.")

    def _read(self) -> bool:
        """Take in whole rows from where reading stopped; whether half a row follows (F1, F2)."""
        if not self.path.exists():
            return False
        with self.path.open("rb") as file:
            file.seek(self._end)
            for line in file:
                if not line.endswith(b"\n"):
                    return True
                self._note(line)
        return False

    def _note(self, line: bytes) -> None:
        try:
            row = json.loads(line)
            if row["value"] is not None:
                self.offsets[row["key"]] = self._end
        except (ValueError, KeyError, TypeError):
            self.damaged += bool(line.strip())
        self._end += len(line)

    def _unwritable(self, error: OSError) -> run.RunError:
        return run.RunError(f"Could not write {self.path.name}: {error.strerror}. Free some space "
                            "or choose another --outputs.")

    def close(self, *_) -> None:
        """Make every row durable and let the next writer in. Raises RunError when that fails."""
        try:
            if self._file is not None:
                with self._file as file:
                    os.fsync(file.fileno())
        except OSError as error:
            raise self._unwritable(error) from error
        finally:
            self._file = None
            self._lock.release(force=True)

    __exit__ = close
