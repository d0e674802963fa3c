"""Voila, cut down to one page that runs nothing for its readers.

One kernel renders the page of every ticker, and what it rendered is kept until a product changes.
A reader who asks for a missing forecast gets a kernel of their own, to which a browser may say
nothing but what its widgets need to be shown. Everything else that a Jupyter server offers is not
routed at all.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from stockcast.dashboard.options import Options
from stockcast.errors import BadInput
from stockcast.settings import HOME, Settings

if TYPE_CHECKING:
    from traitlets.config import Config

__all__ = ["NOTEBOOK", "address", "configuration", "environment", "serve"]

#: The notebook that Voila renders.
NOTEBOOK = HOME / "dashboards" / "stockcast.ipynb"
#: Seconds a kernel without a visitor lives on, and between two looks for such.
IDLE, LOOK = 120, 20


def serve(settings: Settings, options: Options, ready: Callable[[], None]) -> None:
    """Serve the dashboard until the process is told to end.

    Args:
        settings: of the profile.
        options: where and how.
        ready: called when visitors may come.

    Raises:
        BadInput: the place is taken, or cannot be listened at.
    """
    _check_free(options)
    os.environ.update(environment(settings))
    from stockcast.dashboard.voila import Dashboard

    Dashboard.dashboard, Dashboard.options, Dashboard.ready = settings, options, ready
    Dashboard.launch_instance(argv=[str(NOTEBOOK)], config=configuration(options))


def address(options: Options) -> str:
    """Where a browser on this machine finds the page."""
    everywhere = ("", "0.0.0.0", "::")  # compared, not bound  # noqa: S104  # nosec B104
    host = "127.0.0.1" if options.ip in everywhere else options.ip
    host = f"[{host}]" if ":" in host else host
    return f"http://{host}:{options.port}{options.base_url}"


def environment(settings: Settings) -> dict[str, str]:
    """What kernels and Voila read from the environment."""
    from stockcast.settings import environment as of_settings

    jupyter = [str(HOME / "dashboards"), os.environ.get("JUPYTER_PATH", "")]
    return of_settings(settings) | {"JUPYTER_PATH": os.pathsep.join(filter(None, jupyter))}


def configuration(options: Options) -> Config:
    """Voila's configuration; the person's own Jupyter configuration is not read."""
    from traitlets.config import Config

    return Config(
        {
            "Voila": {
                "ip": options.ip,
                "port": options.port,
                "port_retries": 0,
                "base_url": options.base_url,
                "open_browser": options.open_browser,
                "config_file_paths": [],
                "log_level": logging.ERROR,
            },
            "VoilaConfiguration": {
                "template": "stockcast",
                "strip_sources": True,
                "show_tracebacks": False,
                "allow_template_override": "NO",
                "allow_theme_override": "NO",
                "file_allowlist": [],
                "extension_allowlist": [
                    "@jupyter-widgets/jupyterlab-manager",
                    "@voila-dashboards/widgets-manager8",
                ],
            },
            "KernelManager": {"transport": "ipc"},  # sockets in a folder that is the person's own
            "MappingKernelManager": {
                "cull_idle_timeout": IDLE,
                "cull_interval": LOOK,
                "buffer_offline_messages": False,
            },
        }
    )


def _check_free(options: Options) -> None:
    family = socket.AF_INET6 if ":" in options.ip else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((options.ip, options.port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            why = "something else listens there" if taken else error.strerror
            raise BadInput(
                f"Expected a free place to serve at {options.ip}:{options.port}, got: {why}."
            ) from None
