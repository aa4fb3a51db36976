"""A server that shares keys, and its clients made as people make them: by lines."""

from __future__ import annotations

import re

import pytest

from harness.lab import Lab
from harness.node import Node
from harness.pair import outer_address
from harness.process import wait_until

pytestmark = [pytest.mark.umbra, pytest.mark.calm]

LINE = re.compile(r"^mighty://\S+$", re.MULTILINE)
SERVER = outer_address(1, 4)


def run_made(node: Node) -> None:
    """Starts umbrad with what `umbra init` made."""
    node.process = node.namespace.spawn(
        *node.command()[:1],
        *("-c", str(node.folder / "etc" / "umbra.yaml")),
        *("--set", f"control.socket={node.socket}", "--set", f"node.state_dir={node.state}"),
    )
    process = node.process
    wait_until(lambda: "ready, tunnels: 1" in process.output(), 10, process.output())


def reaches(node: Node, address: str) -> bool:
    return node.namespace.run("ping", "-c", "1", "-W", "1", address, check=False).returncode == 0


def test_lines(lab: Lab) -> None:
    """`umbra init mighty-server` on one host, its line on another one's standard input: what the
    server says is there, and packets pass. One more client by `umbra invite`, who may go nowhere
    but to the server's other address, until `umbra peer del`."""
    near, middle, other = (lab.namespace(label) for label in ("client", "server", "guest"))
    lab.link(near, middle, [f"{outer_address(2, 4)}/24"], [f"{SERVER}/24"])
    lab.link(other, middle, ["11.22.34.2/24"], ["11.22.34.1/24"])
    server, client, guest = (
        Node(lab, middle, "server"),
        Node(lab, near, "client"),
        Node(lab, other, "guest"),
    )
    made = server.umbra(
        *("init", "mighty-server", "--endpoint", SERVER, "--client", "alice", "--no-masquerade"),
        *("--network", "10.66.0.0/24,fd66::/64", "--directory", str(server.folder / "etc")),
    )
    (line,) = LINE.findall(made.stdout)
    assert made.stdout == f"{line}\n" and line not in made.stderr
    # A letter that is another one, a character that is missing, an end that was lost.
    for damaged in (line[:14] + "*" + line[15:], line[:14] + line[15:], line[:-3]):
        folder = client.folder / "damaged"
        refused = client.umbra(
            *("init", "client", "-", "--directory", str(folder)), input=damaged, check=False
        )
        assert refused.returncode != 0 and refused.stderr.strip(), damaged
        assert line[14:40] not in refused.stderr and not folder.exists()
    client.umbra("init", "client", "-", "--directory", str(client.folder / "etc"), input=made.stdout)
    run_made(server)
    run_made(client)
    wait_until(lambda: reaches(client, "10.66.0.1"), 10, client.log_text())
    assert reaches(client, "fd66::1")
    assert server.peers("vpn")["alice"]["state"] == "connected"
    (path,) = client.peers("um0")["server"]["paths"]
    assert path["endpoint"] == f"{SERVER}:51820"

    named = server.umbra("invite", "vpn", "bob", "--rule", "allow example.org", check=False)
    assert named.returncode == 1 and "allow example.org" in named.stderr
    invited = server.umbra("invite", "vpn", "bob", "--endpoint", "11.22.34.1:51820",
                           "--rule", "deny 10.66.0.1 tcp", "--rule", "deny fd66::1 icmp")
    (line,) = LINE.findall(invited.stdout)
    guest.umbra("init", "client", "-", "--directory", str(guest.folder / "etc"), input=line)
    run_made(guest)
    wait_until(lambda: reaches(guest, "10.66.0.1"), 10, guest.log_text())
    assert not reaches(guest, "fd66::1")
    server.umbra("peer", "del", "vpn", "bob")
    wait_until(lambda: not reaches(guest, "10.66.0.1"), 10, "bob is gone")
    assert reaches(client, "10.66.0.1")
