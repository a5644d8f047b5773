"""The journal: every finished item of a long stage, so that a stopped run goes on where it was."""

import asyncio
import contextlib
import json
import os
import threading
import time
from pathlib import Path

import filelock

from charlib import run

# ways an answer can end; any other `finish` is the reason why there is none
ANSWERED = ("stop", "length", "filter")


_WINDOW = 0.05  # seconds of rows that share one fsync


class Journal:
    """Finished items of a stage, append-only: `get`, `put`, `fail`; durable within 50 ms, and at
    the latest when closed.

    A row is handed to the system as soon as it is put, so a killed process loses none; one thread
    calls fsync for all rows of the last 50 ms, so a power cut loses no more than those. Values stay
    in the file; memory holds an offset per key. Of duplicate keys the last wins. The file is made
    at the first row. Readers take no lock; a second writer gets a RunError (fault F4).
    """

    def __init__(self, path: Path):
        self.path = Path(path)
        self.failed = 0  # rows that record a failure
        # whole lines that are no rows, as a power cut may leave; they are passed over
        self.damaged = 0
        self._index: dict[str, int] = {}
        self._end = 0
        self._file = None
        self._closed = False
        self._lock = filelock.FileLock(self.path.with_name(f".{self.path.name}.lock"), timeout=0, thread_local=False)
        self._guard = threading.Lock()
        self._wake, self._closing = threading.Event(), threading.Event()
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Future]] = []
        self._broken: run.RunError | None = None
        if self._read():
            self._mend()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._index)

    def __contains__(self, entry: str) -> bool:
        return entry in self._index

    def keys(self) -> list[str]:
        """The keys that have a value, in the order they were first put."""
        return list(self._index)

    def get(self, entry: str) -> dict | None:
        """The value kept under that key; None when it was never answered."""
        offset = self._index.get(entry)
        if offset is None:
            return None
        with self.path.open("rb") as file:
            file.seek(offset)
            return json.loads(file.readline())["value"]

    def put(self, entry: str, value: dict, about: dict) -> None:
        """Add a value; durable within 50 ms. Raises RunError when it cannot be written or another
        process writes here.
        """
        self._append(entry, value, about)

    def fail(self, entry: str, about: dict) -> None:
        """Add a row that says in `about` why there is no answer; `get` will not find it, so a later
        run asks again (fault F9).
        """
        self._append(entry, None, about)

    async def put_durable(self, entry: str, value: dict | None, about: dict) -> None:
        """Add a row and return when the fsync that covers it has returned; rows of the same 50 ms
        share one.
        """
        self._append(entry, value, about)
        loop = asyncio.get_running_loop()
        synced = loop.create_future()
        with self._guard:
            self._waiting.append((loop, synced))
            self._wake.set()
        await synced

    def close(self) -> None:
        """Make every row durable and let the next writer in. Raises RunError when an fsync failed.
        """
        self._closed = True
        if self._file is not None:
            self._closing.set()
            self._wake.set()
            self._syncer.join()
            self._file.close()
            self._file = None
            self._lock.release()
        if self._broken:
            raise self._broken

    def _append(self, entry: str, value: dict | None, about: dict) -> None:
        if self._closed:
            raise ValueError("The journal is closed.")
        row = {"key": entry, "value": value, "about": about, "at": time.strftime("%Y-%m-%dT%H:%M:%S%z")}
        line = _line(row)
        with self._guard:
            if self._broken:
                raise self._broken
            if self._file is None:
                self._open()
            self._write(line)
            if value is None:
                self.failed += 1
            else:
                self._index[entry] = self._end
            self._end += len(line)
            self._wake.set()

    def _write(self, line: bytes) -> None:
        written = 0
        try:
            while written < len(line):
                written += self._file.write(line[written:])
        except OSError as error:
            # if even this fails, the next open finds a torn tail and mends it
            with contextlib.suppress(OSError):
                self._file.truncate(self._end)
            raise self._unwritable(error) from error

    def _open(self) -> None:
        """Become the writer: lock, take in what another writer has added since, cut its torn tail
        if it left one.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
            if self._read():
                self._cut()
            new = not self.path.exists()
            self._file = self.path.open("ab", buffering=0)
            if new and os.name == "posix":
                _sync_folder(self.path.parent)
        except filelock.Timeout:
            raise run.RunError(f"{self.path.name} is being written by another process: wait for it, or choose another RUN.") from None
        except OSError as error:
            self._lock.release()
            raise self._unwritable(error) from error
        self._syncer = threading.Thread(target=self._sync, name=f"journal {self.path.name}", daemon=True)
        self._syncer.start()

    def _read(self) -> bool:
        """Index the whole rows from where reading stopped; returns whether a torn one follows."""
        if not self.path.exists():
            return False
        with self.path.open("rb") as file:
            file.seek(self._end)
            for line in file:
                if not line.endswith(b"\n"):
                    return True
                self._note(line)
                self._end += len(line)
        return False

    def _note(self, line: bytes) -> None:
        try:
            row = json.loads(line)
            key, value = row["key"], row["value"]
        except (ValueError, KeyError, TypeError):
            self.damaged += bool(line.strip())
            return
        if value is None:
            self.failed += 1
        else:
            self._index[key] = self._end

    def _mend(self) -> None:
        """Cut a torn tail when opening, unless a living writer is in the middle of it or the folder
        cannot be written.
        """
        with contextlib.suppress(filelock.Timeout, OSError), self._lock.acquire():
            if self._read():
                self._cut()

    def _cut(self) -> None:
        """Truncate to the last newline; what is cut off goes to a `.torn` file beside it first
        (faults F1, F2).
        """
        with self.path.open("r+b") as file:
            file.seek(self._end)
            torn = file.read()
            with self.path.with_name(f"{self.path.name}.torn").open("ab") as copy:
                copy.write(torn + b"\n")
                copy.flush()
                os.fsync(copy.fileno())
            file.truncate(self._end)
            os.fsync(file.fileno())

    def _sync(self) -> None:
        """The syncing thread: wait for a row, let others join it for 50 ms, fsync once, tell all
        that wait.
        """
        while not (self._closing.is_set() and not self._wake.is_set()):
            self._wake.wait()
            self._closing.wait(_WINDOW)
            self._wake.clear()
            with self._guard:
                waiting, self._waiting = self._waiting, []
            try:
                os.fsync(self._file.fileno())
            except OSError as error:
                self._broken = self._unwritable(error)
            for loop, synced in waiting:
                # its loop was closed: nobody waits any more
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(_settle, synced, self._broken)

    def _unwritable(self, error: OSError) -> run.RunError:
        return run.RunError(f"Could not write {self.path.name}: {error.strerror}. Free some space or choose another --outputs.")


def _line(row: dict) -> bytes:
    try:
        return (json.dumps(row, ensure_ascii=False) + "\n").encode()
    except UnicodeEncodeError:  # half a surrogate pair has no UTF-8; escaped it survives
        return (json.dumps(row) + "\n").encode()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _settle(synced: asyncio.Future, broken: Exception | None) -> None:
    if synced.done():
        return
    if broken:
        synced.set_exception(broken)
    else:
        synced.set_result(None)
