"""umbra login as a person meets it: at a terminal, before a daemon that knows no server yet."""

from __future__ import annotations

import os
import pty
import signal
from collections.abc import Iterator

import pytest

from harness.device import BIN, environment
from harness.lab import Lab
from harness.nodes import outer
from harness.phaze import Client, Server, make_client, make_server, needs_phaze
from harness.process import wait_until

pytestmark = [pytest.mark.umbra, needs_phaze]

PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    made = Lab()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def ends(lab: Lab) -> tuple[Server, Client]:
    hub, *spaces = (lab.namespace(name) for name in ("hub", "server", "client"))
    lab.bridge(hub, [(space, outer(n)) for n, space in enumerate(spaces, 1)])
    server = make_server(lab, spaces[0])
    server.start()
    server.add_user("alice", PASSWORD)
    return server, make_client(lab, spaces[1])


@pytest.fixture(autouse=True)
def logs(lab: Lab, request: pytest.FixtureRequest) -> None:
    request.node.labs = [lab]


class Terminal:
    """The tool at a terminal."""

    def __init__(self, client: Client, *arguments: str) -> None:
        made = environment(client.lab.folder) | {"UMBRA_SOCKET": str(client.socket)}
        command = client.namespace.command([str(BIN / "umbra"), *arguments])
        self.shown = ""
        self.read_to = 0
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, made)
        os.set_blocking(self.terminal, False)

    def _more(self) -> None:
        try:
            self.shown += os.read(self.terminal, 4096).decode()
        except (BlockingIOError, OSError):
            pass

    def expect(self, words: str) -> None:
        def seen() -> bool:
            self._more()
            return words in self.shown[self.read_to :]

        wait_until(seen, 60, f"{words!r} in {self.shown!r}")
        self.read_to = self.shown.index(words, self.read_to) + len(words)

    def type(self, text: str) -> None:
        os.write(self.terminal, text.encode())

    def end(self) -> int:
        """Its exit code, or minus the signal that ended it."""

        def ended() -> tuple[int, int] | None:
            self._more()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            return (pid, status) if pid else None

        _, status = wait_until(ended, 60, "its end")
        self._more()
        os.close(self.terminal)
        return os.waitstatus_to_exitcode(status)


def tunnels(client: Client) -> set[str]:
    return {path.name for path in (client.files / "tunnels").iterdir()}


def new(client: Client, server: Server, *more: str) -> list[str]:
    return ["login", server.where, "--ca", str(server.authority), "--name", client.name, *more]


def test_interrupted(ends: tuple[Server, Client]) -> None:
    """Who thinks better of it at the question leaves nothing behind."""
    server, client = ends
    terminal = Terminal(client, *new(client, server))
    terminal.expect("User: ")
    terminal.type("alice\n")
    terminal.expect("Password of alice: ")
    terminal.type("\x03")
    assert terminal.end() == -signal.SIGINT
    assert tunnels(client) == set()


def test_mistyped(ends: tuple[Server, Client]) -> None:
    """A wrong password is asked for again; what is kept in the end is the right one."""
    server, client = ends
    terminal = Terminal(client, *new(client, server, "--split", "--remember", "--user", "alice"))
    terminal.expect("Password of alice: ")
    terminal.type("incorrect\n")
    terminal.expect("are not accepted")
    terminal.expect("Password of alice: ")
    terminal.type(f"{PASSWORD}\n")
    terminal.expect(f"{client.name} is connected to {server.where} as alice")
    assert terminal.end() == 0
    assert PASSWORD not in terminal.shown and "incorrect" not in terminal.shown
    client.wait()
    kept = client.files / "keys" / f"{client.name}.password"
    assert kept.read_text() == f"{PASSWORD}\n" and kept.stat().st_mode & 0o777 == 0o600


def test_another_server(ends: tuple[Server, Client]) -> None:
    """One that has no address is told of without waiting for it; its tunnel has a name of its own,
    and the daemon starts with both."""
    server, client = ends
    options = ("--user", "alice", "--ca", str(server.authority), "--split")
    before = tunnels(client)
    for name in ("um0.yaml", "um1.yaml"):
        host = f"{name[:3]}.invalid"
        told = client.umbra("login", host, *options, input="x\n", check=False)
        assert told.returncode == 1 and f"{host}:51820 has no address yet" in told.stderr
        assert tunnels(client) == before | {name}
        before = tunnels(client)
    client.stop()
    client.start()
    assert {t["name"] for t in client.status()["tunnels"]} == {client.name, "um0", "um1"}
    # Which is said without one, too; nobody is asked for a password that nobody takes.
    client.stop()
    told = client.umbra("login", server.where, check=False, input="")
    assert told.returncode == 3 and "umbrad is not running" in told.stderr
    client.start()
    client.wait()
