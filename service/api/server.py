"""Runs the API in this process until a signal ends it."""

import gc
import signal
import socket
from types import FrameType

import uvicorn

from service.api import keys
from service.api.app import create_app
from service.api.context import ServiceContext, build_context
from service.errors import KeysRequired, ServiceError
from service.settings import Settings
from service.store.revision import check_current

GRACE_SECONDS = 10  # open requests get this long once a signal has come
BACKLOG = 2048


class PortInUse(ServiceError):
    """The port is taken by another program; choose one with --port."""


class DataDirNotWritable(ServiceError):
    """The data directory cannot be written; choose one with --data-dir."""


class _Server(uvicorn.Server):
    """Ends long polls and event streams at the signal, so that a shutdown need not wait for them."""

    def __init__(self, config: uvicorn.Config, context: ServiceContext) -> None:
        super().__init__(config)
        self.context = context

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.config.app.state.closing.set()  # type: ignore[union-attr]
        self.context.wakeups.wake_all()
        super().handle_exit(sig, frame)


def prepare_data_dir(settings: Settings) -> None:
    """Make the data directory, readable by this user only; `DataDirNotWritable` when that cannot be done."""
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = settings.data_dir / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise DataDirNotWritable(
            f"the data directory {settings.data_dir} cannot be written ({error.strerror}); choose one with --data-dir"
        ) from None


def bind(settings: Settings) -> socket.socket:
    """A listening socket; `PortInUse` names the port and the option that changes it."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise PortInUse(
            f"cannot listen on {settings.host}:{settings.port} ({error.strerror}); "
            "another program may be using the port: choose one with --port"
        ) from None
    listener.listen(BACKLOG)
    return listener


def check_keys(context: ServiceContext) -> None:
    """`KeysRequired` for an address that others can reach while there is no valid key."""
    if context.settings.is_loopback:
        return
    with context.read() as session:
        if not keys.has_keys(session, context.time()):
            raise KeysRequired(
                f"{context.settings.host} can be reached by others and there is no API key: "
                "create one first with 'effscale keys create', or bind 127.0.0.1"
            )


def run_api(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. The database must have been migrated.

    Raises `DataDirNotWritable`, `SchemaMismatch`, `KeysRequired`, `PortInUse`, `DatabaseUnavailable`.
    """
    prepare_data_dir(settings)
    context = build_context(settings)
    check_current(context.engine)
    check_keys(context)
    listener = bind(settings)
    config = uvicorn.Config(
        create_app(context),
        log_level=settings.log_level,
        access_log=settings.log_level == "debug",
        timeout_graceful_shutdown=GRACE_SECONDS,
        server_header=False,
    )
    server = _Server(config, context)
    gc.collect()
    gc.freeze()  # what there is by now stays: no collection walks through it (20,000 rows in half the time, measured)
    signal.signal(signal.SIGTERM, server.handle_exit)
    server.run(sockets=[listener])
