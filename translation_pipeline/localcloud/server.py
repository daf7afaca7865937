"""The one HTTP server of the stand-in cloud: which request goes to which service."""

from __future__ import annotations

import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from translation_pipeline.localcloud.accounting import Books
from translation_pipeline.localcloud.config import CONTROL_PREFIX, LocalCloudConfig
from translation_pipeline.localcloud.control import Control
from translation_pipeline.localcloud.fault_dealer import FaultDealer
from translation_pipeline.localcloud.gateway import AbortableProtocol, Gateway
from translation_pipeline.localcloud.ims import ImsService
from translation_pipeline.localcloud.objects import ObjectStore
from translation_pipeline.localcloud.oss import OssService

KEEP_ALIVE_S = 75  # Longer than clients keep idle connections, so that they hang up first.
GRACE_S = 10  # What running requests get when the server stops.


class Cloud:
    """The services behind one port. Raises FolderInUseError when another has the data folder."""

    def __init__(self, config: LocalCloudConfig) -> None:
        self._store = ObjectStore(config.data_dir / "objects")
        faults = FaultDealer(config.faults)
        self._oss = OssService(config, self._store, faults)
        self._ims = ImsService(config, self._store, faults)
        self._gateway = Gateway(faults)
        self._control = Control(
            Books(config.jobs_database), self._gateway, faults, instant=config.instant
        )

    async def handle(self, request: Request) -> Response:
        """Answer a request of any service: the one place where they are told apart."""
        if request.scope["path"].startswith(CONTROL_PREFIX):
            return await self._control.handle(request)
        action = request.headers.get("x-acs-action")
        if action is not None:
            return await self._gateway.handle(action, request, self._ims.handle)
        return await self._gateway.handle(f"OSS.{request.method}", request, self._oss.handle)

    async def start(self) -> None:
        """Begin to work off jobs."""
        await self._ims.start()

    async def stop(self) -> None:
        """End the workers and close what is open."""
        await self._ims.stop()
        self._store.close()


def create_app(config: LocalCloudConfig) -> Starlette:
    """The stand-in cloud as an ASGI application.

    Raises FolderInUseError when another server has the data folder.
    """
    cloud = Cloud(config)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await cloud.start()
        try:
            yield
        finally:
            await cloud.stop()

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        response = await cloud.handle(Request(scope, receive, send))
        await response(scope, receive, send)

    app = Starlette(lifespan=lifespan)
    # Keys may hold anything, even what a route pattern does not match or would redirect.
    app.router.default = dispatch
    app.router.redirect_slashes = False
    return app


def serve(config: LocalCloudConfig, *, ready: Callable[[str], None] | None = None) -> None:
    """Serve until SIGTERM or SIGINT; `ready` gets the address once requests are answered.

    To be called in the main thread, for the sake of the signals.
    Raises OSError when the port is taken, FolderInUseError when the data folder is.
    """
    with socket.create_server((config.host, config.port)) as listening:
        url = f"http://{config.host}:{listening.getsockname()[1]}"
        server = _Server(
            uvicorn.Config(
                create_app(config),
                http=AbortableProtocol,
                log_level="warning",
                access_log=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=GRACE_S,
            ),
            on_started=lambda: ready(url) if ready else None,
        )
        with _signals_only_stop():
            server.run(sockets=[listening])


@contextmanager
def _signals_only_stop() -> Iterator[None]:
    """uvicorn stops at a signal and then raises it again: that one shall end nothing more."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: None) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_started()
