"""
Two pairs of umbrad. One is kicked about:

    client ═ two uplinks ═ street (routers) ── server (masquerades) ── internet

The other, "calm", lives through the whole run without a crash: what grows there, grows.
"""

from __future__ import annotations

import pathlib
import re
from typing import Any

from harness.device import BIN
from harness.lab import Lab
from harness.resolving import NamedNode
from harness.node import Node, peer
from harness.nodes import NodePair, hosts, make_nodes, networks
from harness.process import run

PORT, OTHER_PORT = 51820, 51821
INTERNET = {4: "203.0.113.7", 6: "2001:db8:7::7"}
GATEWAY = {4: "203.0.113.1", 6: "2001:db8:7::1"}
SERVER = {4: ["198.18.0.1", "198.18.0.11"], 6: ["fd18::1", "fd18::11"]}
RESOLV_CONF = "# of the uplink\nnameserver 198.18.1.1\n"
OTHER = {4: "10.77.0.1", 6: "fd77::1"}


def reference() -> str:
    """The keys that this build's configuration knows."""
    return run([str(BIN / "umbra"), "config", "reference"]).stdout


class Uplink:
    """A way from the client to the street; the better one has the smaller metric."""

    def __init__(self, world: World, number: int, metric: int) -> None:
        self.world, self.number, self.metric = world, number, metric
        self.host = 2
        near, far = self._addresses(self.host), self._addresses(1)
        self.name, self.far = world.lab.link(world.client.namespace, world.street, near, far)
        self.route()

    def _addresses(self, host: int) -> list[str]:
        return [f"198.18.{self.number}.{host}/24", f"fd18:{self.number}::{host:x}/64"]

    def route(self) -> None:
        """What is gone with the link or its addresses: the way out."""
        for via in (f"198.18.{self.number}.1", f"fd18:{self.number}::1"):
            line = f"route replace default via {via} dev {self.name} metric {self.metric}"
            self.world.client.namespace.ip(line)

    def readdress(self) -> None:
        """Another address from the same network, as after a new lease."""
        before = self._addresses(self.host)
        self.host = 2 + (self.host - 1) % 9
        lines = [f"address add {a} dev {self.name} nodad" for a in self._addresses(self.host)]
        lines += [f"address del {a} dev {self.name}" for a in before]
        self.world.client.namespace.ip(*lines)
        self.route()

    def prefer(self, metric: int) -> None:
        for family, via in (("-4", f"198.18.{self.number}.1"), ("-6", f"fd18:{self.number}::1")):
            self.world.client.namespace.run(
                *("ip", family, "route", "del", "default"),
                *("via", via, "dev", self.name, "metric", str(self.metric)),
                check=False,
            )
        self.metric = metric
        self.route()


class World:
    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.keys = reference()
        self.kill_switch = self.has("kill_switch")
        self.street = lab.namespace("street")
        self.internet = lab.namespace("internet")
        self._make_nodes()
        self._make_cables()
        self.uplinks = [Uplink(self, 1, 100), Uplink(self, 2, 200)]
        self.calm = self._make_calm()

    def has(self, key: str) -> bool:
        """Whether this build's configuration knows the key."""
        return re.search(rf"\b{key}\b", self.keys) is not None

    def _make_nodes(self) -> None:
        spaces = [self.lab.namespace("client"), self.lab.namespace("server")]
        self.client = NamedNode(self.lab, spaces[0], "client", log_level="info")
        self.client.file.write_text(RESOLV_CONF)
        self.server = Node(self.lab, spaces[1], "server", log_level="info")
        self.nodes = (self.client, self.server)
        more = {"kill_switch": True} if self.kill_switch else {}
        more["dns"] = {"servers": list(INTERNET.values()), "manager": "file"}
        self.tunnel = self.client.tunnel(networks(2), **more)
        self.far_tunnel = self.server.tunnel(networks(1), listen=f"[::]:{PORT}", masquerade=True)
        self.other = self.client.tunnel(["10.77.0.2/24", "fd77::2/64"])
        self.far_other = self.server.tunnel(
            ["10.77.0.1/24", "fd77::1/64"], listen=f"[::]:{OTHER_PORT}"
        )
        self._join(self.tunnel, self.far_tunnel, ["0.0.0.0/0", "::/0"], hosts(2), PORT)
        inside = ["10.77.0.0/24", "fd77::/64"]
        self._join(self.other, self.far_other, inside, ["10.77.0.2/32", "fd77::2/128"], OTHER_PORT)

    def _join(
        self, near: str, far: str, allowed: list[str], client_allowed: list[str], port: int
    ) -> None:
        where = f"{SERVER[4][0]}:{port}"
        server_key, client_key = self.server.keys[far], self.client.keys[near]
        self.client.tunnels[near]["peers"] = [peer("server", server_key, allowed, where)]
        self.server.tunnels[far]["peers"] = [peer("client", client_key, client_allowed)]

    def _make_cables(self) -> None:
        outside = [f"{a}/24" for a in SERVER[4]] + [f"{a}/64" for a in SERVER[6]]
        street = ["198.18.0.254/24", "fd18::fe/64"]
        self.lab.link(self.server.namespace, self.street, outside, street)
        self.street.sysctl("net.ipv4.ip_forward", 1)
        self.street.sysctl("net.ipv6.conf.all.forwarding", 1)
        ways = ("route add default via 198.18.0.254", "route add default via fd18::fe")
        self.server.namespace.ip(*ways)
        near = [f"{GATEWAY[4]}/24", f"{GATEWAY[6]}/64"]
        far = [f"{INTERNET[4]}/24", f"{INTERNET[6]}/64"]
        self.lab.link(self.server.namespace, self.internet, near, far)

    def _make_calm(self) -> NodePair:
        """Nodes of their own, in namespaces of their own."""
        spaces = (self.lab.namespace("calm-client"), self.lab.namespace("calm-server"))
        self.lab.link(*spaces, ["198.18.0.2/24"], ["198.18.0.1/24"])
        inner = CalmLab(self.lab)
        pair = make_nodes(inner, spaces)
        for node in (pair.client, pair.server):
            node.log_level = "info"
        return pair

    def start(self) -> None:
        self.server.start()
        self.client.start()
        self.calm.start()

    def endpoint(self) -> dict[str, Any]:
        return self.client.tunnels[self.tunnel]["peers"][0]


class CalmLab:
    """The same lab with a folder of its own: nodes are called by their roles."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.folder = lab.folder / "calm"
        self.folder.mkdir()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lab, name)


def state_size(node: Node) -> int:
    return sum(p.stat().st_size for p in node.state.rglob("*") if p.is_file())


def folder_of(node: Node) -> list[str]:
    return sorted(str(p.relative_to(node.folder)) for p in pathlib.Path(node.folder).rglob("*"))
