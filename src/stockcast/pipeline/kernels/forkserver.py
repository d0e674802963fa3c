"""A warm process that becomes a kernel by forking. Runs outside of the runner's process.

    python -P -m stockcast.pipeline.kernels.forkserver SOCKET

It imports what the run's notebooks import, once, and then forks at every request: a kernel so
started has all of it from its first moment, and shares the memory until it writes there. What must
not be shared across a fork is looked for before the first one, and named: threads, which would be
missing in the kernel, open files and sockets, which two would write to, and a GPU in use.

``SOCKET`` is the descriptor of one end of a pair, which the runner holds the other end of. The
first packet lists the modules to import; the answer is a ``reason`` not to fork here, or null. Each
later packet asks for a kernel and brings two descriptors: where it prints, and a pipe to the
runner. The kernel writes its process id there, and this process how it ended. Then the kernel
stays a zombie until the runner closes the pipe, so that no other process gets its id meanwhile.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import threading
import traceback
import warnings
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn, TypedDict

from stockcast.pipeline.kernels import huge_pages
from stockcast.pipeline.kernels.launcher import die_with, die_with_runner

__all__ = ["LONGEST", "main"]

#: Bytes of a packet.
LONGEST = 1 << 16

#: What every kernel imports before its first cell. prometheus_client has to come before Feast,
#: which makes it keep its figures in files that processes share.
_KERNEL = (
    "prometheus_client",
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "ipykernel.debugger",
    "IPython.core.logger",
)

#: The fork before which this process' memory is joined. That takes as long as 30 of them save.
_MANY = 16

#: Open from the start: the terminal's three, on which nothing depends here.
_STANDARD = {0, 1, 2}

Work = Callable[[], None]


def main() -> None:
    """Serve forks until the runner hangs up."""
    die_with_runner()
    control = socket.socket(fileno=int(sys.argv[1]))
    reason = _warm_up(json.loads(control.recv(LONGEST))) or _unfit({control.fileno()})
    control.send(json.dumps({"reason": reason}).encode())
    if reason:
        _leave(lambda: None)
    _drop_exit_hooks()
    gc.collect()
    gc.freeze()  # or the first collection in each kernel would copy all that is shared
    _leave(Server(control).serve())


def _warm_up(modules: Iterable[str]) -> str | None:
    """Import each of ``modules``, or call it if it is a ``module:function``; return why that
    failed, if it did. What ends in ``?`` may lack what it imports."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are for who works on the library, in their tests
        for name in (*_KERNEL, *modules):
            try:
                module, _, function = name.removesuffix("?").partition(":")
                found = importlib.import_module(module)
                if function:
                    getattr(found, function)()
            except Exception as error:  # whatever it is, the notebook's own import will show it
                if name.endswith("?") and isinstance(error, ModuleNotFoundError):
                    continue
                return f"preparing {name} failed ({type(error).__name__}: {error})"
    return None


def _drop_exit_hooks() -> None:
    """Forget what imports asked for at the end of a process, where a fork gains nothing by it:
    torch would print how long it compiled, and take down its operators one by one."""
    dynamo = sys.modules.get("torch._dynamo.utils")
    if dynamo is not None:
        atexit.unregister(dynamo.dump_compile_times)
    for finalizer in tuple(weakref.finalize._registry):  # type: ignore[attr-defined]
        finalizer.atexit = False


def _unfit(meant: set[int]) -> str | None:
    """Return why this process must not fork, if so; ``meant`` are the files open on purpose."""
    threads = len(list(Path("/proc/self/task").iterdir())) - 1
    if threads:
        return f"an import started threads ({threads}), which a fork leaves behind"
    opened = [path for path in _open_files() if int(path.name) not in _STANDARD | meant]
    if opened:
        names = ", ".join(sorted(str(path.readlink()) for path in opened))
        return f"an import left open what two processes must not share ({names})"
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return "an import began to use CUDA, which does not survive a fork"
    return None


def _open_files() -> list[Path]:
    listed = list(Path("/proc/self/fd").iterdir())
    return [path for path in listed if path.is_symlink()]  # the listing's own is gone by now


class Request(TypedDict):
    """A kernel that is to be forked: its arguments, folder and environment."""

    argv: list[str]
    cwd: str
    env: dict[str, str]


@dataclass(frozen=True)
class Kernel:
    """A kernel as its parent knows it."""

    pid: int
    process: int  #: descriptor that becomes readable when the process has ended
    pipe: int  #: to the runner

    def close(self) -> None:
        """Close the descriptors."""
        os.close(self.process)
        os.close(self.pipe)


class Server:
    """Forks at the runner's request, and tells it how each kernel ended."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._kernels: dict[int, Kernel] = {}  #: by each of their descriptors
        self._forked = 0
        self._events = select.poll()
        self._events.register(control, select.POLLIN)

    def serve(self) -> Work:
        """Return what is left to do: in a new kernel, to be one; here, once the runner has hung up
        and the last kernel is gone, nothing."""
        listening = True
        while listening or self._kernels:
            for number, _ in self._events.poll():
                if number == self._control.fileno():
                    packet, files, *_ = socket.recv_fds(
                        self._control, LONGEST, 2, socket.MSG_CMSG_CLOEXEC
                    )
                    if not packet:
                        listening = False
                        self._events.unregister(self._control)
                    elif work := self._fork(json.loads(packet), *files):
                        return work
                elif kernel := self._kernels.get(number):
                    self._tell_end(kernel) if number == kernel.process else self._let_go(kernel)
        return lambda: None

    def _fork(self, request: Request, log: int, pipe: int) -> Work | None:
        here = os.getpid()
        self._forked += 1
        if self._forked == _MANY:
            huge_pages.collapse()
        try:
            pid = os.fork()
        except OSError as error:  # the runner learns it from a pipe that says nothing
            print(f"cannot fork: {error}", file=sys.stderr)
            os.close(log)
            os.close(pipe)
            return None
        if pid == 0:
            self._control.close()
            for kernel in set(self._kernels.values()):
                kernel.close()
            return lambda: _be_kernel(here, request, log, pipe)
        os.close(log)
        kernel = Kernel(pid, os.pidfd_open(pid), pipe)
        self._kernels |= {kernel.process: kernel, kernel.pipe: kernel}
        self._events.register(kernel.process, select.POLLIN)
        self._events.register(kernel.pipe, 0)  # readable when the runner has closed its end
        return None

    def _tell_end(self, kernel: Kernel) -> None:
        self._events.unregister(kernel.process)
        ended = os.waitid(os.P_PID, kernel.pid, os.WEXITED | os.WNOWAIT)
        if ended is not None:  # never None, but for a call that does not wait
            code = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
            with contextlib.suppress(BrokenPipeError):  # the runner no longer cares
                os.write(kernel.pipe, b"end %d\n" % code)

    def _let_go(self, kernel: Kernel) -> None:
        """The runner closed the pipe: the kernel has ended, or the runner gave it up."""
        for number in (kernel.process, kernel.pipe):
            del self._kernels[number]
            with contextlib.suppress(KeyError):
                self._events.unregister(number)
        kernel.close()
        os.kill(kernel.pid, signal.SIGKILL)
        os.waitpid(kernel.pid, 0)


def _be_kernel(parent: int, request: Request, log: int, pipe: int) -> None:
    """Run an ordinary kernel in the child, until it is shut down.

    Random numbers are as in a process that has just begun: Python's and numpy's differ each time,
    and torch's begin at its default seed, since nothing was drawn from them before.
    """
    os.setsid()  # killing the group kills what the kernel started, too
    die_with(parent)
    for number in (1, 2):
        os.dup2(log, number)
    os.close(log)
    os.chdir(request["cwd"])
    os.environ.update(request["env"])
    os.write(pipe, b"pid %d\n" % os.getpid())
    os.close(pipe)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()  # Python's own does it by itself
    from ipykernel.kernelapp import IPKernelApp

    _skip_debugger()
    kernel: Any = IPKernelApp.instance()
    # 1: do not poll for the parent; the kernel kills this process when its parent dies
    kernel.initialize([*request["argv"], "--IPKernelApp.parent_handle=1"])
    _show_figures(kernel.shell)
    gc.set_threshold(20_000)  # Python's own looks for garbage a hundred times in a notebook
    kernel.start()
    # it takes down sockets and threads one by one, of which some now and then wait for each other
    # until the runner loses patience; the end of the process takes down all at once
    atexit.unregister(kernel.close)


def _skip_debugger() -> None:
    """Spare ipykernel the list of all modules' files, which only a debugger reads: to look at
    thousands of modules copies the memory that they share with the warm process."""
    from ipykernel import ipkernel

    known = {name: getattr(sys, name) for name in ("version", "version_info", "exc_info")}
    vars(ipkernel)["sys"] = SimpleNamespace(modules={}, **known)


def _show_figures(shell: Any) -> None:
    """Have ``shell`` show matplotlib's figures: imported before there was a shell, the backend for
    notebooks knows of none."""
    backend = sys.modules.get("matplotlib_inline.backend_inline")
    if backend is not None:
        backend.configure_inline_support(shell, "inline")


def _leave(work: Work) -> NoReturn:
    """Do ``work`` and end this process as Python does, but for taking down its modules one by
    one, which copies the memory that they share."""
    code = 1
    try:
        work()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    try:
        threading._shutdown()  # type: ignore[attr-defined]  # what multiprocessing does in its forks
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
