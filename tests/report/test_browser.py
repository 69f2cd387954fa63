"""The page in headless Chromium: it says nothing to the console, asks nobody for anything, and works for everyone."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest

from edgenas.report import write_comparison, write_report
from edgenas.report.live import LiveReport
from edgenas.report.serve import ReportServer

RunMaker = Callable[..., Path]
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
DESKTOP, PHONE = 1280, 390


def _chromium() -> str:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        reason = "no Chromium; install it with: apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    path = _chromium()
    with sync_api.sync_playwright() as playwright:
        # Inside a container Chromium's own sandbox has no rights; the page is our own.
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


class _Seen:
    """A page with everything that it said and asked for."""

    def __init__(self, browser: Any, url: str, width: int = DESKTOP, **context: Any) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 900}, **context)
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(url)

    def __enter__(self) -> _Seen:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_nothing_leaves_the_page_and_hover_and_keys_work(
    make_run: RunMaker, browser: Any, width: int
) -> None:
    path = write_report(make_run(trials=40))
    with _Seen(browser, path.as_uri(), width) as seen:
        page, tip = seen.page, seen.page.locator("#tip")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert tip.is_hidden()
        page.locator("#part-front .mark.winner").hover()
        assert tip.is_visible() and "Recommended" in tip.inner_text()
        page.mouse.move(2, 2)
        assert tip.is_hidden()
        first = page.locator("#part-front .mark").first
        first.focus()
        before = tip.inner_text()
        page.keyboard.press("ArrowRight")
        assert tip.is_visible() and tip.inner_text() != before
        assert (
            page.evaluate("document.activeElement.closest('svg').querySelectorAll('[tabindex=\"0\"]').length")
            == 1
        )
        page.keyboard.press("Escape")
        assert tip.is_hidden()
        assert seen.said == []
        assert [url for url in seen.asked if not url.startswith(("file:", "data:"))] == []


def test_the_switches_work(make_run: RunMaker, browser: Any) -> None:
    devices = [
        {"label": name, "device": name, "configuration": "a", "predictor": f"{name}/a", "target_ms": 3.0}
        for name in ("host", "board")
    ]
    path = write_report(make_run(trials=12, parts=("baseline", "best"), config={"devices": devices}))
    with _Seen(browser, path.as_uri(), color_scheme="light") as seen:
        page = seen.page
        views = page.locator("#part-front [data-view]")
        assert [views.nth(i).is_visible() for i in range(2)] == [True, False]
        page.get_by_role("button", name="board").click()
        assert [views.nth(i).is_visible() for i in range(2)] == [False, True]
        assert page.get_by_role("button", name="board").get_attribute("aria-pressed") == "true"

        def background() -> str:
            return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

        light = background()
        theme = page.locator("#theme")
        theme.click()  # light
        assert background() == light
        theme.click()  # dark
        assert background() != light and theme.inner_text() == "Colours: dark"
        assert seen.said == []


def test_without_script_everything_is_there(make_run: RunMaker, browser: Any) -> None:
    path = write_report(make_run(trials=12))
    with _Seen(browser, path.as_uri(), java_script_enabled=False) as seen:
        assert seen.page.locator("#part-front svg.chart").is_visible()
        assert seen.page.locator("#theme").is_hidden()


@pytest.mark.parametrize(("scheme", "width"), [("light", DESKTOP), ("dark", PHONE)])
def test_axe_finds_nothing(make_run: RunMaker, browser: Any, scheme: str, width: int) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    one = make_run(trials=12, name="one")
    pages = [write_report(one)]
    if scheme == "light":
        pages.append(write_comparison([one, make_run(trials=12, name="other", parts=())], one / "both.html"))
    for path in pages:
        # axe is injected as a script, which the page's own policy would not let run.
        with _Seen(browser, path.as_uri(), width, color_scheme=scheme, bypass_csp=True) as seen:
            found = axe.run(seen.page).response["violations"]
            assert [(v["impact"], v["id"], [n["html"][:200] for n in v["nodes"]]) for v in found] == []


def test_a_served_page_follows_the_run_without_reloading(make_run: RunMaker, browser: Any) -> None:
    folder = make_run(trials=12, parts=("baseline",))
    server = ReportServer(LiveReport(folder))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with _Seen(browser, server.url) as seen:
            page = seen.page
            page.evaluate("window.mine = 1")
            page.locator("#part-front summary").first.click()
            page.evaluate("scrollTo(0, 600)")
            storage = optuna.storages.RDBStorage(f"sqlite:///{folder / 'study.db'}")
            study = optuna.load_study(study_name="edgenas", storage=storage)
            attrs = {**study.trials[0].user_attrs, "quality": 1.9, "reward": 1.9, "architecture_hash": "new"}
            study.add_trial(optuna.trial.create_trial(value=1.9, user_attrs=attrs))
            storage.engine.dispose()
            page.locator("#part-front", has_text="1.900").wait_for(timeout=20_000)
            assert page.evaluate("window.mine") == 1  # the same document
            assert page.evaluate("scrollY") > 300
            assert page.locator("#part-front details").first.get_attribute("open") is not None
            assert "Following the search" in page.locator("#live").inner_text()
            assert seen.said == []
            assert {url.split("?")[0] for url in seen.asked if url.startswith("http")} == {
                server.url,
                f"{server.url}sections",
            }
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
