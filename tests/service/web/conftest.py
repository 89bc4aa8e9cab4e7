"""A fake API on a loopback port, a real one with a worker, and a real browser."""

import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.acceptance.stack import stack
from tests.service.web.fake_api import Fake, create

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
expect.set_options(timeout=15_000)  # ms until a state of the page must have come, on a busy machine

Serve = Callable[[Fake], str]
OpenPage = Callable[..., Page]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A function that serves a fake and answers its base URL; all are stopped after the test."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(fake: Fake) -> str:
        listening = socket.create_server(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(create(fake), log_level="error", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()  # the socket listens already: what comes early waits in its backlog
        running.append((server, thread))
        return f"http://127.0.0.1:{listening.getsockname()[1]}"

    yield start
    for server, _ in running:
        server.should_exit = True
    for _, thread in running:
        thread.join(20)


@pytest.fixture(scope="module")
def live_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of the real service on an empty database, with one real worker."""
    with stack(tmp_path_factory.mktemp("live")) as real:
        real.start_worker("browser-test")
        yield real.url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window. Tests that use it bear the mark `browser`, and are skipped where there is none.

    While it is open Playwright's event loop runs in this process and other tests may not call `asyncio.run`: hence no
    longer than a module.
    """
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[OpenPage]:
    """A function that opens a URL in a context of its own. What the browser complains of fails the test at its end."""
    complaints: list[str] = []
    contexts = []

    def go(url: str, *, width: int = 1280, dark: bool = False, allow: str = "") -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            accept_downloads=True,
        )
        contexts.append(context)
        page = context.new_page()

        def note(text: str) -> None:
            if not (allow and allow in text):
                complaints.append(text)

        page.on("console", lambda message: note(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: note(str(error)))
        page.goto(url)
        return page

    yield go
    shots = os.environ.get("EFFSCALE_TEST_SHOTS")  # a folder for pictures, for whoever wants to look
    for number, context in enumerate(contexts):
        for page in context.pages if shots else ():
            page.screenshot(path=f"{shots}/{tmp_path.name}-{number}.png", full_page=True)
        context.close()
    assert complaints == []
