"""Two umbrad joined by a cable: a server that learns, and a client that knows where it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.lab import Lab, Namespace
from harness.node import Node, peer
from harness.pair import PORT, endpoint, inner_address, outer_address


@dataclass
class NodePair:
    client: Node
    server: Node
    client_tunnel: str
    server_tunnel: str

    def start(self) -> NodePair:
        self.server.start()
        self.client.start()
        return self


def networks(number: int) -> list[str]:
    return [f"{inner_address(number, 4)}/24", f"{inner_address(number, 6)}/64"]


def hosts(number: int) -> list[str]:
    return [f"{inner_address(number, 4)}/32", f"{inner_address(number, 6)}/128"]


def outer(number: int) -> list[str]:
    return [f"{outer_address(number, 4)}/24", f"{outer_address(number, 6)}/64"]


def make_nodes(
    lab: Lab,
    spaces: tuple[Namespace, Namespace] | None = None,
    outside: int = 4,
    server_endpoint: str | None = None,
    client_allowed: list[str] | None = None,
    client: dict[str, Any] | None = None,
    server: dict[str, Any] | None = None,
    client_kind: type[Node] = Node,
) -> NodePair:
    """Client 2 and server 1, not started yet. With namespaces given, those are joined already."""
    if spaces is None:
        spaces = (lab.namespace("client"), lab.namespace("server"))
        lab.link(*spaces, outer(2), outer(1))
    near, far = client_kind(lab, spaces[0], "client"), Node(lab, spaces[1], "server")
    near_name = near.tunnel(networks(2), **(client or {}))
    far_name = far.tunnel(networks(1), listen=f"[::]:{PORT}", **(server or {}))
    where = server_endpoint or endpoint(outer_address(1, outside))
    near.tunnels[near_name]["peers"] = [
        peer("server", far.keys[far_name], client_allowed or hosts(1), where)
    ]
    far.tunnels[far_name]["peers"] = [peer("client", near.keys[near_name], hosts(2))]
    return NodePair(near, far, near_name, far_name)
