"""The tool against a daemon: what is printed where, exit codes, and what becomes of keys."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from harness.device import BIN, environment, new_key
from harness.lab import Lab
from harness.node import Node, peer
from harness.nodes import hosts, networks
from harness.process import command_lines

pytestmark = [pytest.mark.umbra, pytest.mark.calm]


def make_node(lab: Lab) -> tuple[Node, str]:
    node = Node(lab, lab.namespace("tool"), "tool")
    tunnel = node.tunnel(networks(1), listen="[::]:51820")
    node.tunnels[tunnel]["peers"] = [peer("file peer", new_key(), hosts(2))]
    return node, tunnel


def shell(node: Node, script: str) -> subprocess.CompletedProcess[str]:
    """A line of shell in which "$umbra" is the tool, in the node's namespace."""
    made = environment(node.lab.folder)
    made.update(UMBRA_SOCKET=str(node.socket), NO_COLOR="1", umbra=str(BIN / "umbra"))
    command = node.namespace.command(["bash", "-c", script])
    return subprocess.run(command, env=made, capture_output=True, text=True, timeout=30)


def test_keys_are_not_lost_behind_a_pipe(lab: Lab) -> None:
    """Where the client's file goes nowhere, the peer is taken back, and the tool says so."""
    node, tunnel = make_node(lab)
    node.start()
    gone = node.folder / "gone"  # the reader, before anything is written
    wait = f"until [ -e {gone} ]; do :; done; "
    for number, (first, sink) in enumerate(
        (("", "> /dev/full"), ("", ">&-"), (wait, f"| (exec <&-; : > {gone})"))
    ):
        add = f'{{ {first}"$umbra" peer add {tunnel} phone{number}; }}'
        line = f"{add} {sink}; exit ${{PIPESTATUS[0]}}"
        done = shell(node, line)
        assert (done.returncode, done.stdout) == (1, ""), done
        assert "taken back" in done.stderr
        assert list(node.peers(tunnel)) == ["file peer"]
    # Without standard error the file holds the configuration alone.
    path = node.folder / "phone.conf"
    done = shell(node, f'"$umbra" peer add {tunnel} phone --output {path} <&- >&- 2>&-')
    assert done.returncode == 0
    assert path.read_text().startswith("[Interface]\n") and "umbra:" not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    # And what was for standard output does not go to the daemon instead.
    done = shell(node, f'"$umbra" down {tunnel} >&-')
    assert done.returncode == 1 and "cannot write the output" in done.stderr
    assert node.tunnel_status(tunnel)["state"] == "down"


def test_exit_codes_and_streams(lab: Lab) -> None:
    """0 done, 1 refused, 2 a wrong command line, 3 no daemon; messages on standard error alone."""
    node, tunnel = make_node(lab)
    never = node.tunnel(["10.99.0.1/24"], autostart=False)
    node.start()
    rows: list[tuple[int, str, list[str]]] = [
        (1, "there is no tunnel nope", ["status", "nope"]),
        (1, "there is no tunnel nope", ["peer", "del", "nope", "--from", "/dev/null"]),
        (1, "has no peer nope", ["peer", "show", tunnel, "nope"]),
        (1, f"'umbra up {never}' first", ["peer", "add", never, "phone"]),
        (1, "already", ["peer", "add", tunnel, "file peer"]),
        (1, "remove it there", ["peer", "del", tunnel, "file peer"]),
        (2, "an argument is empty", ["status", ""]),
        (2, "is no level", ["log", "loud"]),
        (2, "--peers takes a number", ["status", "--peers", "-1"]),
        (2, "no HOST:PORT", ["peer", "add", tunnel, "a", "--endpoint", "a"]),
    ]
    for status, error, arguments in rows:
        done = node.umbra(*arguments, check=False)
        assert (done.returncode, done.stdout) == (status, ""), arguments
        assert done.stderr.startswith("umbra: ") and error in done.stderr, done.stderr
    done = shell(node, '"$umbra" status | head -n 1')
    assert done.returncode == 0 and done.stderr == "" and done.stdout.startswith("umbrad ")
    node.stop()
    for command in (["status"], ["peer", "list"], ["reload"], ["events"], ["up", tunnel]):
        assert node.umbra(*command, check=False).returncode == 3


# A client of the control socket; connecting may be refused, later faults are no answer.
ASK = """
import socket
client = socket.socket(socket.AF_UNIX)
client.connect("control.sock")
try:
    client.sendall(b"GET /v1/status HTTP/1.1\\r\\nHost: umbra\\r\\n\\r\\n")
    print("answered", client.recv(4096))
except ConnectionError:
    print("answered", b"")
"""


def test_others_are_not_answered(lab: Lab) -> None:
    """The socket is its owner's alone; whoever gets past its mode is looked at, and sent away."""
    node, _ = make_node(lab)
    node.start()
    assert node.socket.stat().st_mode & 0o777 == 0o600
    node.folder.chmod(0o755)

    def ask(*prefix: str) -> str:
        # By a relative path, as others may not pass the folders above.
        command = [*prefix, "/usr/bin/python3", "-c", ASK]
        done = subprocess.run(command, cwd=node.folder, capture_output=True, text=True, timeout=30)
        return done.stdout + done.stderr

    other = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    assert "PermissionError" in ask(*other)
    node.socket.chmod(0o666)
    assert ask(*other) == "answered b''\n"
    assert "HTTP/1.1 200" in ask()


def test_secrets_stay_in_their_files(lab: Lab) -> None:
    """No private or pre-shared key in an answer, a log, or on a command line."""
    node, tunnel = make_node(lab)
    node.start()
    exported = node.umbra("peer", "add", tunnel, "phone", "--psk").stdout
    words = [line.split(" = ")[1] for line in exported.splitlines() if "Key = " in line]
    public = node.tunnel_status(tunnel)["public_key"]
    secrets = [word for word in words if word != public] + [node.keys[tunnel].private]
    assert len(secrets) == 3
    told = [
        node.umbra(*command).stdout
        for command in (
            ["status", "--json"],
            ["peer", "list", tunnel, "--json"],
            ["peer", "show", tunnel, "phone"],
            ["peer", "export", tunnel, "phone"],
            ["config", "dump", "-c", str(node.configuration)],
        )
    ]
    told += [node.log_text()] + [" ".join(line) for line in command_lines().values()]
    assert not [secret for secret in secrets if any(secret in text for text in told)]
    shown = json.loads(node.umbra("peer", "show", tunnel, "phone", "--json").stdout)
    assert shown["has_preshared_key"] is True
    for folder, _, files in os.walk(node.state):
        assert os.stat(folder).st_mode & 0o077 == 0
        for name in files:
            assert os.stat(os.path.join(folder, name)).st_mode & 0o077 == 0, name
