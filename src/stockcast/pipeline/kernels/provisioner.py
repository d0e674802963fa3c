"""Starts kernels by forking a warm process, for a run of many notebooks that import the same.

The imports of Feast, torch and MLflow are most of a short notebook's time; a fork has them for
nothing. A kernel is still a process of its own with an environment, a folder and a log of its own,
and Papermill talks to it as to any other. Where a fork is not possible or not safe, kernels start
as ordinary processes, and the reason is shown once.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

from jupyter_client.provisioning import LocalProvisioner

from stockcast.pipeline.kernels.forkserver import LONGEST
from stockcast.settings import HOME

__all__ = ["ForkPool", "ForkProvisioner", "ForkServer", "ForkedKernel", "Unfit"]

#: Seconds that the warm process may take to end by itself.
_PATIENCE = 5

Stamps = frozenset[tuple[str, int, int]]


class Unfit(Exception):
    """No kernel can be forked, for the reason given."""


class ForkedKernel:
    """A kernel that another process is the parent of, with the parts of ``subprocess.Popen`` that
    jupyter_client uses.

    Args:
        pipe: on which the process id comes and then, once the kernel has ended, its exit code.

    Raises:
        Unfit: it was not started.
    """

    stdin = stdout = stderr = None

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self.returncode: int | None = None
        first = pipe.readline()
        if not first.startswith(b"pid "):
            pipe.close()
            raise Unfit("the warm process could not fork")
        self.pid = int(first[4:])

    def poll(self) -> int | None:
        """Return the exit code, or None while the kernel runs."""
        if self.returncode is None and self._readable(0):
            # closed without a word: its parent died, and it with its parent
            self.returncode = int(self._pipe.readline()[4:] or -signal.SIGKILL)
            self._pipe.close()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the kernel's end and return its exit code."""
        if self.returncode is None and not self._readable(timeout):
            raise subprocess.TimeoutExpired(f"kernel {self.pid}", timeout or 0)
        return int(self.poll() or 0)

    async def ended(self) -> None:
        """Wait for the kernel's end without looking again and again."""
        if self.poll() is None:
            loop, end = asyncio.get_running_loop(), asyncio.Event()
            loop.add_reader(self._pipe, end.set)
            try:
                await end.wait()
            finally:
                loop.remove_reader(self._pipe)

    def _readable(self, timeout: float | None) -> bool:
        poll = select.poll()  # select.select() refuses descriptors from 1024 on
        poll.register(self._pipe, select.POLLIN)
        return bool(poll.poll(None if timeout is None else timeout * 1000))

    def send_signal(self, signum: int) -> None:
        """Send a signal, unless the kernel has ended."""
        if self.poll() is None:
            os.kill(self.pid, signum)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)


class ForkServer:
    """The warm process, as the runner holds it.

    Args:
        modules: what it imports.
        env: its environment, which the kernels start from.

    Raises:
        Unfit: it cannot be forked from.
    """

    def __init__(self, modules: Iterable[str], env: Mapping[str, str]) -> None:
        self._env = dict(env)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # closed by close()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process = subprocess.Popen(  # noqa: S603  # our own program
            [
                sys.executable,
                "-P",
                "-m",
                "stockcast.pipeline.kernels.forkserver",
                str(theirs.fileno()),
            ],
            env=self._env,
            cwd=HOME,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # ctrl-C in a terminal is for the runner
        )
        theirs.close()
        self._control.send(json.dumps(list(modules)).encode())

    def wait_until_warm(self) -> None:
        """Wait until all is imported, or raise :class:`Unfit`."""
        answer = self._control.recv(LONGEST)
        reason = json.loads(answer)["reason"] if answer else f"it ended ({self._last_words()})"
        if reason:
            raise Unfit(reason)

    def fork(
        self, arguments: Iterable[str], env: Mapping[str, str], cwd: str, log: IO[bytes]
    ) -> ForkedKernel:
        """Start a kernel with the command line ``arguments``, or raise :class:`Unfit`."""
        changed = {key: value for key, value in env.items() if self._env.get(key) != value}
        request = {"argv": list(arguments), "env": changed, "cwd": cwd}
        ours, theirs = os.pipe()
        try:
            files = [log.fileno(), theirs]
            socket.send_fds(self._control, [json.dumps(request).encode()], files)
        except OSError as error:
            os.close(ours)
            raise Unfit(f"the warm process is gone ({error.strerror})") from None
        finally:
            os.close(theirs)
        return ForkedKernel(os.fdopen(ours, "rb", buffering=0))

    def retire(self) -> None:
        """Let it end once its last kernel has."""
        self._control.close()

    def kill(self) -> None:
        """Kill it, and with it its kernels."""
        self._process.kill()

    def close(self) -> None:
        """End it; there must be no kernels any more."""
        self._control.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE)
        self._process.kill()
        self._process.wait()
        self._log.close()

    def _last_words(self) -> str:
        self._process.wait()
        self._log.seek(0)
        lines = self._log.read().decode("utf-8", "replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "without a word")


class ForkPool:
    """Keeps one warm process at hand for the kernels of a run.

    It is started at once, and anew when a file of the library has changed since; what was forked
    from the old one ends in its own time.

    Args:
        files: the library's modules to import, and where each lies.
        more: other modules to import.
        env: the kernels' environment.
        say: shows, once, why kernels have to start as ordinary processes.
    """

    def __init__(
        self,
        files: Mapping[str, Path],
        more: Iterable[str],
        env: Mapping[str, str],
        say: Callable[[str], None],
    ) -> None:
        self._files = dict(files)
        self._modules = [*more, *files]
        self._env = dict(env)
        self._say = say
        self._lock = threading.Lock()
        self._servers: list[ForkServer] = []
        self._useless = False
        # a warm process dies with the thread that started it, so that one has to last
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="fork_pool")
        #: of the files that the last server has imported
        self._stamps: Stamps | None = self._read_stamps()
        # while it imports, the caller gets ready to ask for the first kernel
        self._early: Future[None] | None = self._starter.submit(self._start)

    def fork(
        self, arguments: Iterable[str], env: Mapping[str, str], cwd: str, log: IO[bytes]
    ) -> ForkedKernel | None:
        """Return a new kernel, or None when it has to be started as an ordinary process."""
        arguments = list(arguments)
        for _ in range(2):  # the warm process may have been killed; another one may do
            with self._lock:
                server = self._warm()
            if server is None:
                return None
            try:
                return server.fork(arguments, env, cwd, log)
            except Unfit as why:
                reason = str(why)
                with self._lock:
                    self._stamps = None
        self._give_up(reason)
        return None

    def stop(self) -> None:
        """Kill the warm process, and its kernels with it; no other is started."""
        self._useless = True
        for server in tuple(self._servers):
            server.kill()

    def close(self) -> None:
        """End the warm process; there must be no kernels any more."""
        self._useless = True
        if self._early is not None:  # nobody waits for it
            self.stop()
        self._starter.shutdown()
        for server in self._servers:
            server.close()
        self._servers.clear()

    def _warm(self) -> ForkServer | None:
        stamps = self._read_stamps()
        if self._useless:
            return None
        started, self._early = self._early, None
        if stamps != self._stamps:
            started = self._starter.submit(self._start)
        try:
            if started is not None:
                started.result()
        except Unfit as why:
            self._give_up(str(why))
            return None
        self._stamps = stamps
        return self._servers[-1]

    def _read_stamps(self) -> Stamps:
        return frozenset(_stamp(path) for path in self._files.values())

    def _start(self) -> None:
        for server in self._servers:
            server.retire()
        server = ForkServer(self._modules, self._env)
        self._servers.append(server)
        if self._useless:  # stopped meanwhile
            server.kill()
        server.wait_until_warm()

    def _give_up(self, reason: str) -> None:
        if not self._useless:
            self._useless = True
            self._say(f"Each notebook starts in a process of its own, from nothing: {reason}.")


def _stamp(path: Path) -> tuple[str, int, int]:
    try:
        found = path.stat()
    except OSError:  # the notebook that needs it will tell
        return str(path), 0, 0
    return str(path), found.st_mtime_ns, found.st_size


class ForkProvisioner(LocalProvisioner):  # type: ignore[misc]  # jupyter_client is not typed
    """Provisions a local kernel from a fork_pool, or without its help where it has none to give."""

    fork_pool: ForkPool

    async def launch_kernel(self, cmd: list[str], **options: Any) -> Any:
        """Start the kernel that ``cmd`` would start."""
        arguments = cmd[cmd.index("-f") :]
        forked = self.fork_pool.fork(arguments, options["env"], options["cwd"], options["stdout"])
        if forked is None:
            return await super().launch_kernel(cmd, **options)
        self.process, self.pid, self.pgid = forked, forked.pid, forked.pid
        self.cwd = options["cwd"]
        return self.connection_info
