"""What a server says of a client's interface: taken within the file, changed, kept, taken away."""

from __future__ import annotations

import base64
import ctypes
import functools
import json
import os
import re
import signal
import subprocess
from collections.abc import Sequence
from typing import Any

import pytest

from harness.device import BIN
from harness.lab import Lab, Namespace
from harness.node import Node
from harness.nodes import outer
from harness.pair import PORT, endpoint, outer_address
from harness.process import run, wait_until
from harness.resolving import NamedNode, serve_names
from harness.traffic import assert_pings

PROTOCOL = "mighty"
DRIVER = BIN.parent / "drivers" / "compromised"
GOOD, CHANGED, NOTHING, HOSTILE, TAKEN, OTHER, FLOOD, BROKEN = range(8)  # of hostile_settings.c
PLAIN = b"# the machine's own\nnameserver 192.0.2.1\n"
_libc = ctypes.CDLL(None)


@functools.cache
def known() -> bool:
    try:
        text = run([str(BIN / "umbra"), "config", "reference"]).stdout
    except (OSError, AssertionError):
        return False
    row = re.search(r"^tunnels\.\*\.protocol\n(?: .*\n)+", text, re.MULTILINE)
    return bool(row) and PROTOCOL in row[0]


pytestmark = [
    pytest.mark.umbra,
    pytest.mark.skipif(not known(), reason=f"this build does not know the protocol {PROTOCOL}"),
]


class Home(NamedNode):
    """A client with one tunnel, and what it has of what its server gives."""

    name: str

    @property
    def pushed(self) -> dict[str, Any] | None:
        return self.tunnel_status(self.name)["pushed"]

    def addresses(self) -> set[str]:
        (link,) = json.loads(self.namespace.run("ip", "-j", "address", "show", self.name).stdout)
        return {
            f"{row['local']}/{row['prefixlen']}"
            for row in link["addr_info"]
            if row["scope"] == "global"
        }

    def routes(self) -> set[str]:
        """Those that umbrad has made through the tunnel."""
        found = set()
        for family in ("-4", "-6"):
            text = self.namespace.run("ip", family, "route", "show", "dev", self.name).stdout
            found |= {line.split()[0] for line in text.splitlines() if "proto kernel" not in line}
        return {route for route in found if not route.startswith("fe80")}

    def mtu(self) -> int:
        (link,) = json.loads(self.namespace.run("ip", "-j", "link", "show", self.name).stdout)
        return link["mtu"]

    def servers(self) -> list[str]:
        return re.findall(r"^nameserver (\S+)", self.file.read_text(), re.MULTILINE)

    def assert_has(
        self, addresses: Sequence[str], routes: Sequence[str], servers: Sequence[str]
    ) -> None:
        """Soon, and then all of it."""

        def has() -> bool:
            return (self.addresses(), self.routes()) == (set(addresses), set(routes)) and (
                self.servers() == (list(servers) or ["192.0.2.1"])
            )

        wait_until(has, 10, f"{addresses}, {routes}, {servers}:\n{self.log_text()}")


class Client(Home):
    """Its net process reaches nobody, and says of its server what it is told to."""

    neighbour: Namespace

    @classmethod
    def make(cls, lab: Lab, other: dict[str, Any] | None = None, **rows: Any) -> Client:
        """other: a tunnel of another protocol that stands before it."""
        near, far = lab.namespace("client"), lab.namespace("neighbour")
        lab.link(near, far, outer(2), outer(1))
        near.ip("route add 10.20.0.0/16 via 198.18.0.1", "route add default via 198.18.0.1")
        client = cls(lab, near, "client")
        client.name, client.neighbour = lab.interface_name(), far
        key = client.secret("server.psk", subprocess.check_output([BIN / "umbra", "genpsk"], text=True))
        if other is not None:
            text = subprocess.check_output([BIN / "umbra", "genkey"], text=True)
            other.update(protocol="wireguard", private_key_file=client.secret("other.key", text))
            client.tunnels[lab.interface_name()] = other
        client.tunnels[client.name] = {
            "protocol": PROTOCOL,
            "role": "client",
            "auth": {"psk_file": key},
            "endpoints": ["203.0.113.9:51820"],
            **rows,
        }
        client.tunnels[client.name]["dns"] = {"manager": "file", **rows.get("dns", {})}
        client.file.write_bytes(PLAIN)
        client.start()
        return client

    def command(self, *options: str) -> list[str]:
        return ["env", "UMBRA_ATTACK=settings", str(DRIVER), "-c", str(self.configuration), *options]

    def say(self, word: int) -> None:
        before = len(self.log_text())
        assert _libc.sigqueue(self.part("net"), signal.SIGUSR2, ctypes.c_void_p(word)) == 0
        end = f"hostile end of word {word}\n"
        wait_until(lambda: end in self.log_text()[before:], 10, end)


FIRST_OF_SERVER = (["10.66.0.7/24", "fd66::7/64"], ["10.9.0.0/16"], ["10.66.0.1"])
FIRST = (["10.66.0.7/24", "fd66::7/64"], ["10.9.0.0/16", "fd09::/48"], ["10.66.0.1"])


def test_given_changed_and_taken_away(lab: Lab) -> None:
    """As told and shown; another word replaces all of it, an empty one takes it away."""
    client = Client.make(lab)
    own = client.mtu()
    assert client.pushed is None and client.addresses() == set()
    client.say(GOOD)
    client.assert_has(*FIRST)
    wait_until(lambda: client.pushed, 5, "the status")
    assert client.pushed == {
        "addresses": ["10.66.0.7/24", "fd66::7/64"],
        "routes": ["10.9.0.0/16", "fd09::/48"],
        "dns": ["10.66.0.1"],
        "search": ["umbra.test"],
        "mtu": 1300,
    }
    assert client.mtu() == 1300 and "search umbra.test" in client.file.read_text()
    text = client.umbra("status").stdout
    assert "given addresses   10.66.0.7/24, fd66::7/64" in text and "given MTU         1300" in text
    line = "its server gives it address 10.66.0.7/24, fd66::7/64, route 10.9.0.0/16 and 1 more, "
    assert line + "name server 10.66.0.1, search domain umbra.test, MTU 1300" in client.log_text()
    # What goes there may come from there.
    assert {"allowed_ip=10.9.0.0/16", "allowed_ip=10.66.0.0/24"} <= set(
        re.findall(r"hostile device: (\S+)", client.log_text())
    )
    client.say(GOOD)
    assert client.log_text().count("its server gives it") == 1

    monitor = client.namespace.spawn("ip", "-o", "-4", "monitor", "address")

    def listens() -> bool:
        probe = "address {} 192.0.2.77/32 dev lo"
        client.namespace.ip(probe.format("add"), probe.format("del"))
        return "192.0.2.77" in monitor.output()

    wait_until(listens, 5, "the monitor", 0.1)
    client.say(CHANGED)
    client.assert_has(
        ["10.67.0.9/24", "fd66::7/64"], ["10.10.0.0/16", "fd09::/48"], ["10.67.0.1"]
    )
    assert client.mtu() == own and "search umbra.test" not in client.file.read_text()
    # The new address is there before the old one goes.
    told = monitor.output()
    assert 0 < told.index("10.67.0.9/24") < told.index("10.66.0.7/24")
    assert "Deleted" in next(line for line in told.splitlines() if "10.66.0.7/24" in line)
    client.say(NOTHING)
    client.assert_has([], [], [])
    assert client.file.read_bytes() == PLAIN
    wait_until(lambda: client.pushed is None, 5, "nothing in the status")


def test_kept_and_forgotten(lab: Lab) -> None:
    """It outlives net and a reload, and nothing of it the tunnel, or the daemon's death."""
    client = Client.make(lab)
    before = client.traces()
    client.say(GOOD)
    client.assert_has(*FIRST)
    os.kill(client.part("net"), signal.SIGKILL)
    wait_until(lambda: "the net process is ready again" in client.log_text(), 10, "net")
    assert (client.addresses(), client.routes(), client.servers()) == tuple(
        kind(value) for kind, value in zip((set, set, list), FIRST)
    )
    os.kill(client.part("control"), signal.SIGKILL)
    wait_until(lambda: "the control process is ready again" in client.log_text(), 15, "control")
    assert client.pushed and client.pushed["mtu"] == 1300
    # A file with an address of its own takes the server's away, without another word of it; and
    # with its network the way to the name server.
    client.tunnels[client.name]["addresses"] = ["10.99.0.2/24"]
    client.tunnels[client.name]["routes"] = {"accept": ["10.9.0.0/16"]}
    client.reload()
    client.assert_has(["10.99.0.2/24"], ["10.9.0.0/16"], [])
    del client.tunnels[client.name]["addresses"], client.tunnels[client.name]["routes"]
    client.reload()
    client.assert_has(*FIRST)
    # A file with another server takes all of it away; the first one again, and all of it is back.
    client.secret("other.psk", subprocess.check_output([BIN / "umbra", "genpsk"], text=True))
    own = client.tunnels[client.name]["auth"]
    client.tunnels[client.name]["auth"] = {"psk_file": "other.psk"}
    client.reload()
    client.assert_has([], [], [])
    client.tunnels[client.name]["auth"] = own
    client.reload()
    client.assert_has(*FIRST)
    client.umbra("down", client.name)
    assert client.file.read_bytes() == PLAIN and client.name not in client.namespace.links()
    client.umbra("up", client.name)
    assert client.traces() == before and client.pushed is None
    client.say(GOOD)
    client.assert_has(*FIRST)
    client.kill()
    wait_until(lambda: client.name not in client.namespace.links(), 10, "no interface")
    client.start()
    assert client.traces() == before and client.file.read_bytes() == PLAIN


def test_what_nobody_may_say(lab: Lab) -> None:
    """Neighbours, the server, default routes; another's word; a flood; and no settings at all."""
    client = Client.make(lab)
    table = client.namespace.run("ip", "route", "show", "table", "all").stdout
    client.say(HOSTILE)
    client.assert_has(["10.66.0.7/32"], ["10.9.0.0/16"], [])
    wait_until(lambda: "is not all taken: address 198.18.0.1/32: in a network that this host has "
               "already (refused in all: 14)" in client.log_text(), 5, "what was refused")
    assert client.mtu() == 576
    text = client.namespace.run("ip", "route", "show", "table", "all").stdout
    assert not [line for line in set(text.splitlines()) - set(table.splitlines())
                if client.name not in line]
    client.say(OTHER)
    wait_until(lambda: "refused: the net process asks for settings" in client.log_text(), 5, "it")
    # A route that somebody else has keeps the rest from nobody.
    client.say(TAKEN)
    wait_until(lambda: "route 10.20.0.0/16: exists already" in client.log_text(), 10, "the route")
    client.assert_has(FIRST[0], [], FIRST[2])
    # Of many words the last one counts, and most of the others are never carried out.
    client.say(FLOOD)
    client.assert_has(*FIRST)
    assert client.log_text().count("its server gives it") < 10
    client.say(BROKEN)
    wait_until(lambda: "the net process is ready again" in client.log_text(), 15, "another net")
    client.assert_has(*FIRST)


def test_what_other_tunnels_have(lab: Lab) -> None:
    """Their networks and servers are not given to this one: from the start, by name, by a reload."""
    key = base64.b64encode(bytes(range(32))).decode()
    peer = {"public_key": key, "allowed_ips": ["10.9.3.0/24", "::/0"]}
    rows = {
        "peers": [peer], "autostart": False, "routes": {"include": ["10.9.0.0/16"]},
        "kill_switch": False,
    }
    client = Client.make(lab, rows)
    other = next(iter(client.tunnels))
    # Down, and not of those that come up: it has nothing.
    client.say(GOOD)
    client.assert_has(*FIRST)
    client.tunnels[other]["autostart"] = True
    client.reload()
    client.assert_has(FIRST[0], ["fd09::/48"], FIRST[2])
    line = "route 10.9.0.0/16: in a network that this host has already"
    wait_until(lambda: line in client.log_text(), 5, line)
    client.umbra("up", other)
    shown = client.namespace.run("ip", "route", "show", "dev", other).stdout
    assert "10.9.0.0/16" in shown, shown
    # A server of the other one, whose networks are elsewhere now.
    client.tunnels[other]["routes"] = {"include": ["10.8.0.0/16"]}
    peer["endpoint"] = "10.9.9.9:51820"
    client.reload()
    client.assert_has(FIRST[0], ["fd09::/48"], FIRST[2])
    peer["endpoint"] = "192.0.2.9:51820"
    client.reload()
    client.assert_has(*FIRST)
    # The file has what was given: it gets it.
    client.tunnels[other]["routes"] = {"include": ["10.9.0.0/16"]}
    client.reload()
    client.assert_has(FIRST[0], ["fd09::/48"], FIRST[2])
    assert "10.9.0.0/16" in client.namespace.run("ip", "route", "show", "dev", other).stdout
    client.tunnels[other]["routes"] = {"include": ["10.8.0.0/16"]}
    client.reload()
    client.assert_has(*FIRST)
    # The same by its name: what was taken goes before anything is sent there.
    serve_names(lab, client.neighbour, outer_address(1, 4), {"vpn.test": "10.9.9.9"})
    peer["endpoint"] = "vpn.test:51820"
    client.settings["resolvers"] = [outer_address(1, 4)]
    client.reload()
    client.assert_has(FIRST[0], ["fd09::/48"], FIRST[2])


def test_networks_that_come_later(lab: Lab) -> None:
    """What the host gets itself is taken away from the tunnel, and given again once it is free."""
    client = Client.make(lab)
    client.say(GOOD)
    client.assert_has(*FIRST)
    client.namespace.ip("address add 10.9.1.1/15 dev lo")
    client.assert_has(FIRST[0], ["fd09::/48"], FIRST[2])
    client.namespace.ip("address del 10.9.1.1/15 dev lo")
    client.assert_has(*FIRST)
    # A route in its way is tried again as well.
    client.say(TAKEN)
    client.assert_has(FIRST[0], [], FIRST[2])
    client.namespace.ip("route del 10.20.0.0/16")
    client.assert_has(FIRST[0], ["10.9.0.0/16", "10.20.0.0/16"], FIRST[2])


def test_what_the_file_says(lab: Lab) -> None:
    """A default route, its kill switch and leak protection: what is given keeps inside of them."""
    client = Client.make(lab, routes={"include": ["0.0.0.0/0", "::/0"]}, mtu=1280)
    # No question goes past the tunnel while the servers are not known.
    assert "umbra_dns" in client.namespace.run("nft", "list", "tables").stdout
    client.say(GOOD)
    wait_until(lambda: client.addresses() == set(FIRST[0]), 10, "the addresses")
    client.assert_has(FIRST[0], [], FIRST[2])
    assert client.mtu() == 1280
    status = client.tunnel_status(client.name)
    assert status["kill_switch"] == "on" and status["pushed"]["routes"] == []
    # The guards know what was given.
    rules = client.namespace.run("nft", "list", "ruleset").stdout
    assert "10.66.0.1" in rules and "10.66.0.7" in rules
    client.say(NOTHING)
    wait_until(lambda: client.addresses() == set(), 10, "no addresses")
    assert "umbra_dns" not in client.namespace.run("nft", "list", "tables").stdout
    rules = client.namespace.run("nft", "list", "ruleset").stdout
    assert "10.66.0.1" not in rules and "10.66.0.7" not in rules


def gives(network: str, routes: str) -> dict[str, Any]:
    """Of a server: what its client gets, and has to have of its own for that."""
    return {
        "addresses": [f"{network}.1/24", "fd66::1/64"],
        "push": {
            "routes": [routes],
            "dns": [f"{network}.1"],
            "domains": ["umbra.test"],
            "mtu": 1300,
        },
    }


def client_of(network: str) -> dict[str, Any]:
    return {
        "name": "home",
        "psk_file": "shared.psk",
        "allowed_ips": [f"{network}.7/32", "fd66::7/128"],
        "addresses": [f"{network}.7/24", "fd66::7/64"],
    }


def test_of_a_server(lab: Lab) -> None:
    """All of it by a handshake; another pool by the next one; and nothing is left of a killed client."""
    near, far = lab.namespace("client"), lab.namespace("server")
    lab.link(near, far, outer(2), outer(1))
    far.ip("address add 10.9.0.1/32 dev lo", "address add 10.10.0.1/32 dev lo")
    key = subprocess.check_output([BIN / "umbra", "genpsk"], text=True).strip()
    client, server = Home(lab, near, "client"), Node(lab, far, "server")
    client.name, inside = lab.interface_name(), lab.interface_name()
    for node in (client, server):
        node.secret("shared.psk", key)
    base = {"protocol": PROTOCOL, "role": "server", "listen": f"[::]:{PORT}"}
    server.tunnels[inside] = {
        **base, **gives("10.66.0", "10.9.0.0/16"), "peers": [client_of("10.66.0")]
    }
    client.tunnels[client.name] = {
        "protocol": PROTOCOL,
        "role": "client",
        "auth": {"psk_file": "shared.psk"},
        "endpoints": [endpoint(outer_address(1, 4))],
        "dns": {"manager": "file"},
    }
    client.file.write_bytes(PLAIN)
    server.start()
    before = near.run("ip", "route", "show", "table", "all").stdout
    client.start()
    client.assert_has(*FIRST_OF_SERVER)
    assert client.mtu() == 1300 and "search umbra.test" in client.file.read_text()
    for there in ("10.66.0.1", "10.9.0.1", "fd66::1"):
        assert_pings(near, there)
    assert_pings(far, "10.66.0.7")

    # Another pool: nothing changes before the client comes again.
    server.tunnels[inside] = {
        **base, **gives("10.67.0", "10.10.0.0/16"), "peers": [client_of("10.67.0")]
    }
    server.reload()
    os.kill(client.part("net"), signal.SIGKILL)
    client.assert_has(["10.67.0.7/24", "fd66::7/64"], ["10.10.0.0/16"], ["10.67.0.1"])
    for there in ("10.67.0.1", "10.10.0.1"):
        assert_pings(near, there)

    client.kill()
    wait_until(lambda: client.name not in near.links(), 10, "no interface")
    assert near.run("ip", "route", "show", "table", "all").stdout == before
    client.start()
    client.assert_has(["10.67.0.7/24", "fd66::7/64"], ["10.10.0.0/16"], ["10.67.0.1"])
    client.stop()
    assert client.file.read_bytes() == PLAIN
