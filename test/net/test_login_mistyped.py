"""A login that is refused, beside a session."""

from __future__ import annotations

import concurrent.futures
import os
import signal
import time

import pytest

from harness.lab import Lab
from harness.nodes import outer
from harness.phaze import Client, Server, make_client, make_server, needs_phaze
from harness.process import wait_until

pytestmark = [pytest.mark.umbra, needs_phaze]

PASSWORD = "correct horse battery"


def mistype(server: Server, client: Client) -> None:
    refused = client.login(server, "alice", "mistyped", check=False)
    assert refused.returncode == 1 and refused.stdout == ""


def accepted(server: Server) -> int:
    return server.log_text().count("alice logged in from")


def test_mistyped(lab: Lab) -> None:
    """A wrong password costs nobody a session, nor the ticket for when it ends: whichever process
    dies, and whenever, nobody has to log in again."""
    hub, *spaces = (lab.namespace(name) for name in ("hub", "server", "client"))
    lab.bridge(hub, [(space, outer(n)) for n, space in enumerate(spaces, 1)])
    server = make_server(lab, spaces[0])
    server.start()
    server.add_user("alice", PASSWORD)
    client = make_client(lab, spaces[1])
    client.login(server, "alice", PASSWORD)
    client.wait()
    wait_until(lambda: accepted(server) == 1, 10, "a line about it")
    mistype(server, client)
    assert client.works()
    os.kill(client.part("net"), signal.SIGKILL)
    client.wait(20)
    # In the middle, as the verdict takes two seconds or more.
    with concurrent.futures.ThreadPoolExecutor() as others:
        login = others.submit(mistype, server, client)
        time.sleep(1)
        os.kill(client.part("net"), signal.SIGKILL)
        login.result()
    client.wait(20)
    client.kill()
    client.start()
    client.wait(20)
    assert accepted(server) == 1
