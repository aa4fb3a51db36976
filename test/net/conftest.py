"""Fixtures and what surrounds every test of this folder."""

from __future__ import annotations

import os
import pathlib
import signal
import sys
from collections.abc import Iterator

import pytest

sys.dont_write_bytecode = True

from harness.device import REFERENCE, UMBRA, UNDER_TEST, program  # noqa: E402
from harness.lab import Lab, isolate, remove_leftovers  # noqa: E402
from harness.share import Share, slow  # noqa: E402
from harness.waits import Waits  # noqa: E402

LOG_TAIL = 6000
SHARE = pytest.StashKey[Share | None]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--share", metavar="FOLDER", help="runs what no other session with this folder runs"
    )


def pytest_configure(config: pytest.Config) -> None:
    folder = config.getoption("--share")
    config.stash[SHARE] = Share(pathlib.Path(folder)) if folder else None

    # An ended session tidies up, whoever ends it.
    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    if os.geteuid() == 0:
        isolate()


def why_impossible() -> str | None:
    if os.geteuid() != 0:
        return "these tests make network namespaces: run them as root"
    if not pathlib.Path("/dev/net/tun").exists():
        return "these tests need /dev/net/tun"
    for name in {UNDER_TEST, REFERENCE}:
        if not os.access(program(name), os.X_OK):
            return f"there is no {program(name)}: build it, or set UMBRA_BIN"
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    reason = why_impossible()
    for item in items:
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))
        elif UNDER_TEST != UMBRA and item.get_closest_marker("umbra"):
            item.add_marker(pytest.mark.skip(reason="says something about umbra-wg alone"))
    # Long waits start first, beside all other tests, and are judged last.
    if share := config.stash[SHARE]:
        share.order(items)
    else:
        items.sort(key=slow)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Goes one test after the other through those that nobody else has."""
    share = session.config.stash[SHARE]
    if share is None or session.config.option.collectonly:
        return None
    todo = share.mine(session.items)
    item = next(todo, None)
    while item is not None:
        following = next(todo, None)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldfail or session.shouldstop:
            raise session.Interrupted(session.shouldfail or session.shouldstop)
        item = following
    return True


def pytest_sessionfinish(session: pytest.Session) -> None:
    if os.geteuid() == 0 and (left := remove_leftovers()):
        print(f"\nremoved leftovers: {', '.join(left)}")


@pytest.fixture
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """The namespaces and processes of one test, removed when it ends, however it ends."""
    made = Lab()
    request.node.labs = [made]
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="session", autouse=True)
def all_waits(request: pytest.FixtureRequest) -> Iterator[Waits]:
    """Begins, before the first test, what the slow tests of this session will judge."""
    names = {
        item.callspec.params["scenario"]
        for item in request.session.items
        if slow(item) and not item.get_closest_marker("skip")
    }
    made = Waits(names)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def waits(request: pytest.FixtureRequest, all_waits: Waits) -> Waits:
    request.node.labs = [all_waits.labs[request.node.callspec.params["scenario"]]]
    return all_waits


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        folders = [made.folder for made in getattr(item, "labs", [])]
        for path in sorted(path for folder in folders for path in folder.glob("*.log")):
            text = path.read_text(errors="replace")
            report.sections.append((f"end of {path.name}", text[-LOG_TAIL:]))
