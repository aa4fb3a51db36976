"""Users: what the tool makes of them, what is kept, and what nobody sees."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import pty
import signal
import socket
import sqlite3
import threading
import time
from typing import Any

import pytest

from harness.device import BIN, environment
from harness.lab import Lab
from harness.node import Node
from harness.process import wait_until

pytestmark = [pytest.mark.umbra, pytest.mark.calm]

PASSWORD = "correct horse battery"


def make_node(lab: Lab) -> Node:
    return Node(lab, lab.namespace("users"), "users").start()


def user(node: Node, name: str) -> dict[str, Any]:
    return json.loads(node.umbra("user", "show", name, "--json").stdout)


def stored(node: Node, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(f"file:{node.state}/store/umbra.db?mode=ro", uri=True) as store:
        return store.execute(query).fetchall()


def test_a_user_is_kept_as_the_tool_says(lab: Lab) -> None:
    node = make_node(lab)
    node.umbra("user", "add", "alice", input=PASSWORD + "\n")
    assert PASSWORD not in node.log_text()
    assert "may log in" in node.umbra("user", "add", "bob", "--no-password").stderr
    told = node.umbra("user", "group", "alice", "staff,admins,staff")
    assert "alice is in admins, staff\n" in told.stderr
    node.umbra("user", "quota", "alice", "10G")
    node.umbra("user", "rate", "alice", "5M")
    node.umbra("user", "devices", "alice", "7")
    node.umbra("user", "expire", "alice", "+1d")
    node.umbra("user", "disable", "alice")
    # Another process reads it again.
    node.kill()
    node.start()
    alice = user(node, "alice")
    assert abs(alice.pop("expires") - time.time() - 86400) < 60
    assert abs(alice.pop("created") - time.time()) < 60
    assert alice == {
        "name": "alice",
        "has_password": True,
        "groups": ["admins", "staff"],
        "disabled": True,
        "quota": 10 << 30,
        "used": 0,
        "rate": 5 << 20,
        "devices": 7,
        "seen": None,
        "leases": [],
    }
    listed = json.loads(node.umbra("user", "list", "--json").stdout)["users"]
    assert [(u["name"], u["has_password"]) for u in listed] == [("alice", True), ("bob", False)]
    # The store has a hash that is slow to guess, and another one after each change.
    ((first,),) = stored(node, "SELECT password FROM user WHERE name = 'alice'")
    assert first.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    node.umbra("user", "passwd", "alice", input=PASSWORD)
    ((second,),) = stored(node, "SELECT password FROM user WHERE name = 'alice'")
    assert second.startswith("$argon2id$") and second != first
    node.umbra("user", "passwd", "alice", "--none")
    assert not user(node, "alice")["has_password"]
    node.umbra("user", "del", "alice")
    assert stored(node, "SELECT name FROM user") == [("bob",)]
    assert stored(node, "SELECT * FROM user_group") == []
    for path in (node.state / "store").iterdir():
        assert PASSWORD.encode() not in path.read_bytes()


def test_what_is_refused(lab: Lab) -> None:
    node = make_node(lab)

    def refused(status: int, words: str, *arguments: str) -> None:
        done = node.umbra("user", *arguments, check=False, input=PASSWORD)
        assert (done.returncode, done.stdout) == (status, ""), done
        assert words in done.stderr and PASSWORD not in done.stderr

    node.umbra("user", "add", "alice", "--no-password")
    refused(1, "there is a user alice already", "add", "alice")
    refused(1, "name: 1 to 63 letters, digits", "add", "alice/2")
    refused(1, "groups: each has 1 to 63 letters", "group", "alice", "a/b")
    for command in (["show"], ["del"], ["disable"], ["quota", "1G"], ["passwd"]):
        refused(1, "there is no user carol", command[0], "carol", *command[1:])
    refused(2, "'10GB' is no number of bytes", "quota", "alice", "10GB")
    assert user(node, "alice")["groups"] == []


def test_a_terminal_shows_no_password(lab: Lab) -> None:
    node = make_node(lab)
    made = environment(node.lab.folder) | {"UMBRA_SOCKET": str(node.socket)}
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(BIN / "umbra", ["umbra", "user", "add", "alice"], made)
    shown = b""
    for question in (b"Password of alice: ", b"Once more: "):
        while question not in shown:
            shown += os.read(terminal, 1000)
        os.write(terminal, PASSWORD.encode() + b"\n")
    while b"may log in" not in shown:
        shown += os.read(terminal, 1000)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(terminal)
    assert PASSWORD.encode() not in shown
    assert user(node, "alice")["has_password"]


class Connection(http.client.HTTPConnection):
    """To the control socket."""

    def __init__(self, node: Node) -> None:
        super().__init__("umbra", timeout=20)
        self.node = node

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self.node.socket))


def test_an_end_while_passwords_are_hashed(lab: Lab) -> None:
    """More than there are threads for, or room: who asked is told, or cut off, and the end comes."""
    node = make_node(lab)
    asked = [Connection(node) for _ in range(10)]
    for number, connection in enumerate(asked):
        body = {"name": f"user{number}", "password": PASSWORD}
        connection.request("POST", "/v1/users", json.dumps(body))
    assert asked[0].getresponse().status == 201
    assert node.stop() == 0
    for connection in asked[1:]:
        with contextlib.suppress(OSError, http.client.HTTPException):
            assert connection.getresponse().status in (201, 503)
    node.start()
    assert user(node, "user0")["has_password"]


def add_users(node: Node, prefix: str, kept: list[str]) -> None:
    """One after the other until the daemon is gone; those that it acknowledged."""
    connection = Connection(node)
    with contextlib.suppress(OSError, http.client.HTTPException):
        for number in itertools.count():
            name = f"{prefix}x{number}"
            connection.request("POST", "/v1/users", json.dumps({"name": name, "groups": ["all"]}))
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 201
            kept.append(name)


def test_a_killed_daemon_has_all_that_it_acknowledged(lab: Lab) -> None:
    """SIGKILL to all processes while users are added one after the other, twice."""
    node = make_node(lab)
    kept: list[str] = []
    for round in range(2):
        before = len(kept)
        adding = threading.Thread(target=add_users, args=(node, str(round), kept))
        adding.start()
        wait_until(lambda: len(kept) >= before + 30, 20, "some users")
        os.kill(node.part("control"), signal.SIGKILL)
        node.kill()
        adding.join(20)
        assert not adding.is_alive()
        node.start()
        listed = json.loads(node.umbra("user", "list", "--json").stdout)["users"]
        found = {u["name"] for u in listed if u["groups"] == ["all"]}
        assert set(kept) <= found, set(kept) - found
        # One a round may have been kept without anybody having heard of it.
        assert len(listed) <= len(kept) + round + 1
