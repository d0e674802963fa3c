"""The handlers and the application that make Voila safe to show; the only module that knows it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from jupyter_server.services.kernels.handlers import KernelHandler
from jupyter_server.utils import url_path_join
from tornado import web
from tornado.ioloop import IOLoop
from tornado.iostream import StreamClosedError
from voila.app import Voila
from voila.static_file_handler import TemplateStaticFileHandler
from voila.tornado.handler import TornadoVoilaHandler

from stockcast.dashboard import page
from stockcast.dashboard.connections import LIMITS, Server
from stockcast.dashboard.options import Options
from stockcast.dashboard.prepared import Part, Prepared, packed
from stockcast.dashboard.rendering import KernelRenderer, RenderingFailed
from stockcast.errors import BadInput, StockcastError
from stockcast.settings import Settings, parse_ticker
from stockcast.workspace import Workspace

__all__ = ["MESSAGES", "Dashboard"]

_LOG = logging.getLogger(__name__)
#: Messages that may go from a browser to its kernel, all of them on the shell channel.
MESSAGES = frozenset(
    {"comm_open", "comm_msg", "comm_close", "comm_info_request", "kernel_info_request"}
)
#: The one target that a browser may open a comm to: it tells the state of the widgets.
TARGET = "jupyter.widget.control"
#: What the page may load, and from where: from here alone, and no script that stands in it.
POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'self'",
    ]
)
#: The longest message a browser may send: a ticker and its envelope.
LONGEST = 64 * 1024
#: Where the page names its kernel, as index.html.j2 writes it.
_KERNEL = re.compile(r'"kernelId": "([0-9a-f-]+)"')
#: Milliseconds a browser may take to answer a ping.
PING = 30_000
TOO_MANY = "Too many readers have a forecast made at once: ask for this one in a few minutes."


class Connection(ZMQChannelsWebsocketConnection):  # type: ignore[misc]  # not typed
    """The channel between a page and its kernel, with a list of what may pass."""

    def handle_incoming_message(self, incoming_msg: Any) -> None:
        """Pass the message on if it is one of widgets; drop it otherwise."""
        try:
            allowed = len(incoming_msg) <= LONGEST and _may_pass(self._parts(incoming_msg))
        except Exception:
            allowed = False  # what cannot be read is not passed on
        if allowed:
            super().handle_incoming_message(incoming_msg)
        else:
            _LOG.warning("Dropped a message that is none of a widget's.")

    def _parts(self, incoming: Any) -> tuple[Any, Any, Any]:
        """Channel, header and content of a message in either protocol."""
        if self.subprotocol == "v1.kernel.websocket.jupyter.org":
            from jupyter_server.services.kernels.connection.base import deserialize_msg_from_ws_v1

            channel, parts = deserialize_msg_from_ws_v1(incoming)
            return channel, json.loads(bytes(parts[0])), json.loads(bytes(parts[3]))
        if isinstance(incoming, bytes):
            raise ValueError("a binary message of the old protocol")
        message = json.loads(incoming)
        return message.get("channel"), message["header"], message["content"]


def _may_pass(parts: tuple[Any, Any, Any]) -> bool:
    channel, header, content = parts
    kind = header["msg_type"]
    if channel != "shell" or kind not in MESSAGES:
        return False
    if kind == "comm_open":
        return bool(content["target_name"] == TARGET)
    return True


class Reading(JupyterHandler):  # type: ignore[misc]  # jupyter_server is not typed
    """What is prepared goes to whoever asks, packed; nothing of it takes a kernel."""

    prepared: Prepared
    profile: Settings

    def initialize(self, **kwargs: Any) -> None:
        """Take what is prepared, and the profile."""
        self.prepared, self.profile = kwargs.pop("prepared"), kwargs.pop("profile")
        super().initialize(**kwargs)

    @property
    def content_security_policy(self) -> str:
        """What the page may load."""
        return POLICY

    def begin(self) -> None:
        """Say that HTML follows, which no cache keeps: the tags tell what is new."""
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Cache-Control", "no-store")

    def send(self, parts: Sequence[Part]) -> None:
        """Send parts as one answer, compressed for who can take it."""
        self.begin()
        self.set_header("Vary", "Accept-Encoding")
        html = b"".join(part.html for part in parts)
        if "gzip" in self.request.headers.get("Accept-Encoding", ""):
            self.set_header("Content-Encoding", "gzip")
            html = packed(html)
        self.write(html)

    def send_if_new(self, part: Part) -> None:
        """Send a part to who does not have it yet."""
        self.set_header("Etag", f'"{part.tag}"')
        if part.tag in self.request.headers.get("If-None-Match", ""):
            self.set_status(304)
        else:
            self.send([part])

    def refuse(self, status: int, error: StockcastError) -> None:
        """Answer with a sentence."""
        self.begin()
        self.set_status(status)
        self.write(page.sentence(str(error), "fault"))


class Tiles(Reading):
    """The tiles of one ticker, and with them the tag of the table of all."""

    async def get(self) -> None:
        """Answer with HTML."""
        try:
            tiles = await self.prepared.tiles(parse_ticker(self.get_argument("ticker", "")))
            self.set_header("Overview", (await self.prepared.overview()).tag)
            self.send_if_new(tiles)
        except BadInput as error:
            self.refuse(400, error)
        except RenderingFailed as error:
            self.refuse(503, error)


class Overview(Reading):
    """The table of all tickers."""

    async def get(self) -> None:
        """Answer with HTML."""
        try:
            self.send_if_new(await self.prepared.overview())
        except RenderingFailed as error:
            self.refuse(503, error)


class Page(Reading, TornadoVoilaHandler):  # type: ignore[misc]  # voila is not typed
    """The whole page as it is now; where a forecast is to be made, a kernel goes on with it."""

    #: Pages that are being given a kernel, and kernels that pages were given. Voila lists a kernel
    #: late, so that whoever asks meanwhile would find room for one more.
    starting: ClassVar[set[Page]] = set()
    given: ClassVar[set[str]] = set()

    def initialize(self, **kwargs: Any) -> None:
        """Take the dashboard's settings besides Voila's own."""
        self.options: Options = kwargs.pop("options")
        super().initialize(**kwargs)

    async def get(self, path: str | None = None) -> None:
        """Answer with the page; with a kernel to who asked for a forecast that there is none of."""
        ticker, notice = self._wanted()
        acts = notice is None and self._acts(ticker)
        live = acts and self._visitors() < self.options.visitors
        if live:
            self.starting.add(self)
        try:
            await self._answer(ticker, TOO_MANY if acts and not live else notice, live=live)
        except RenderingFailed as error:
            self.refuse(503, error)
        finally:
            self.starting.discard(self)

    async def _answer(self, ticker: str, notice: str | None, *, live: bool) -> None:
        parts = await self.prepared.page(ticker, live=live, notice=notice)
        if not live:
            self.send(parts)
            return
        self.begin()
        self.write(b"".join(part.html for part in parts))
        with contextlib.suppress(StreamClosedError):  # the reader left
            await self.flush()
            await self._write_live_part()
            await self.finish("</body></html>")

    async def _write_live_part(self) -> None:
        async for part in self.get_generator():
            named = _KERNEL.search(part)
            if named:
                self.given.add(named[1])
                self.starting.discard(self)
            self.write(part)
            await self.flush()

    def _visitors(self) -> int:
        """Pages that have a kernel, or are being given one."""
        self.given.intersection_update(self.kernel_manager.list_kernel_ids())
        return len(self.given) + len(self.starting)

    def _acts(self, ticker: str) -> bool:
        """Whether a forecast is to be made: there is none, and somebody named the ticker."""
        if self.options.read_only or not self.get_argument("ticker", ""):
            return False
        return not Workspace.of(self.profile).forecast(ticker).exists()

    def _wanted(self) -> tuple[str, str | None]:
        """The ticker that was asked for, and what is wrong with it."""
        first = self.profile.tickers[0]
        try:
            return parse_ticker(self.get_argument("ticker", first)), None
        except BadInput as error:
            return first, str(error)


class OwnKernel(KernelHandler):  # type: ignore[misc]  # jupyter_server is not typed
    """Tells a page that its kernel lives; nobody ends one through here."""

    SUPPORTED_METHODS = ("GET",)


class Goodbye(JupyterHandler):  # type: ignore[misc]  # jupyter_server is not typed
    """A page that closes ends its own kernel; whoever does not know its name cannot."""

    SUPPORTED_METHODS = ("POST",)

    def check_xsrf_cookie(self) -> None:
        """Ask for none: a page that closes cannot send it, and the kernel's name is a secret."""

    async def post(self, kernel_id: str) -> None:
        """End the kernel, unless it waits for a visitor."""
        if kernel_id in self.kernel_manager:
            await self.kernel_manager.shutdown_kernel(kernel_id)
        self.set_status(204)


class Reports(web.StaticFileHandler, JupyterHandler):  # type: ignore[misc]  # not typed
    """Pages of executed notebooks, which hold no script and ask nobody."""

    @property
    def content_security_policy(self) -> str:
        """Nothing but what stands in the page."""
        return "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'"

    def validate_absolute_path(self, root: str, absolute_path: str) -> str | None:
        """Allow pages below the profile's reports, links followed, and nothing hidden."""
        if "\0" in absolute_path:
            raise web.HTTPError(404)
        found = super().validate_absolute_path(root, absolute_path)
        if found is None:
            return None
        real = Path(found).resolve()
        shown = real.suffix == ".html" and real.is_relative_to(Path(root).resolve())
        if not shown or any(part.startswith(".") for part in real.relative_to(root).parts):
            raise web.HTTPError(404)
        return found


class Health(Reading):
    """Says that the server answers, how many kernels act for readers, and how many tickers' pages
    are prepared."""

    async def get(self) -> None:
        """Answer with JSON."""
        self.set_header("Content-Type", "application/json")
        kernels = len(self.kernel_manager.list_kernel_ids())
        self.write({"status": "ok", "kernels": kernels, "prepared": self.prepared.ready})


class Metrics(Reading):
    """What Prometheus is told of the profile."""

    async def get(self) -> None:
        """Answer with Prometheus' text, made in a thread since it reads products."""
        from stockcast.telemetry.exposition import CONTENT_TYPE, exposition

        made = await IOLoop.current().run_in_executor(None, exposition, self.profile)
        self.set_header("Content-Type", CONTENT_TYPE)
        self.write(made)


class Dashboard(Voila):  # type: ignore[misc]  # voila is not typed
    """Voila with the routes that one page needs."""

    dashboard: ClassVar[Settings]
    options: ClassVar[Options]
    ready: ClassVar[Callable[[], None]]  #: called once readers may come

    def listen(self) -> None:
        """Listen, and say so when the first page is prepared."""
        IOLoop.current().add_callback(self._prepare)
        self.app.listen = lambda port, ip: Server(self.app, **LIMITS).listen(port, ip)
        super().listen()

    async def _prepare(self) -> None:
        self._watching = asyncio.ensure_future(self._prepared.watch())
        with contextlib.suppress(RenderingFailed):  # it is in the log, and readers are told
            await self._prepared.page(self.dashboard.tickers[0])
        type(self).ready()

    def stop(self) -> None:
        """End the kernels."""
        self._renderer.close()
        super().stop()

    def init_settings(self) -> dict[str, Any]:
        """Close what Voila leaves open: any host name, and messages that are not of widgets."""
        settings: dict[str, Any] = super().init_settings()
        settings["allow_remote_access"] = False
        settings["local_hostnames"] = ["localhost", *self.options.hosts]
        settings["kernel_websocket_connection_class"] = Connection
        settings["websocket_max_message_size"] = LONGEST
        settings["ws_ping_timeout"] = PING  # by default it is longer than the pings are apart
        self.kernel_manager.allowed_message_types = sorted(MESSAGES)
        return settings

    def init_handlers(self) -> list[Any]:
        """Route the page, its files, its kernel and the executed notebooks, and nothing else."""
        kept = {
            path.removeprefix(self.server_url.rstrip("/")): handler
            for path, *handler in super().init_handlers()
        }
        return [self._route(path, *rest) for path, *rest in self._routes(kept)]

    def _routes(self, kept: dict[str, list[Any]]) -> Iterable[tuple[Any, ...]]:
        kernel = r"/api/kernels/(?P<kernel_id>\w+-\w+-\w+-\w+-\w+)"
        yield (kernel, OwnKernel)
        yield (f"{kernel}/channels", *kept[f"{kernel}/channels"])
        yield (r"/voila/api/shutdown/(\w+-\w+-\w+-\w+-\w+)", Goodbye)
        yield (r"/voila/templates/(stockcast/static/[\w.-]+)", TemplateStaticFileHandler)
        for assets in (r"/voila/static/(.*)", r"/voila/labextensions/(.*)"):
            yield (assets, *kept[assets])
        yield (r"/reports/(.*)", Reports, {"path": str(Workspace.of(self.dashboard).reports)})
        self._renderer = KernelRenderer(
            Path(self.notebook_path), Path(self.connection_dir), self.config
        )
        self._prepared = Prepared(
            self.dashboard,
            self._renderer,
            static=url_path_join(self.base_url, "voila/templates/stockcast/static/"),
            acts=not self.options.read_only,
        )
        own = {"prepared": self._prepared, "profile": self.dashboard}
        readers = {"health": Health, "metrics": Metrics, "tiles": Tiles, "overview": Overview}
        for name, handler in readers.items():
            yield (rf"/{name}", handler, own)
        yield (r"/()", Page, {**kept["/(.*)"][1], **own, "options": self.options})

    def _route(self, path: str, handler: Any, *arguments: Any) -> tuple[Any, ...]:
        return (url_path_join(self.server_url, path), handler, *arguments)
