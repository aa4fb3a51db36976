"""A client whose tunnel takes everything, and hosts that it reaches by the tunnel and past it."""

from __future__ import annotations

import json

from harness.lab import Lab, Namespace
from harness.nodes import NodePair, make_nodes
from harness.pair import outer_address

# All of them are reached both ways: by the tunnel and the server, or by the cable and the server.
BEHIND = {4: ["203.0.113.7", "192.0.2.7"], 6: ["2001:db8:7::7", "2001:db8:2::7"]}
GATEWAY = {4: "203.0.113.1", 6: "2001:db8:7::1"}


class World:
    """The pair, a namespace behind the server, and counters of how the client's packets leave."""

    def __init__(self, lab: Lab, **options: object) -> None:
        self.pair: NodePair = make_nodes(
            lab,
            client_allowed=["0.0.0.0/0", "::/0"],
            server={"masquerade": True},
            **options,
        )
        self.near: Namespace = self.pair.client.namespace
        self.tunnel = self.pair.client_tunnel
        self.behind = lab.namespace("behind")
        server = self.pair.server.namespace
        lab.link(
            *(server, self.behind),
            [f"{GATEWAY[4]}/24", f"{GATEWAY[6]}/64"],
            [f"{BEHIND[4][0]}/24", f"{BEHIND[6][0]}/64"],
        )
        server.ip(
            f"route add {BEHIND[4][1]}/32 via {BEHIND[4][0]}",
            f"route add {BEHIND[6][1]}/128 via {BEHIND[6][0]}",
        )
        self.behind.ip(
            *(f"address add {BEHIND[f][1]}/{bits} dev lo" for f, bits in ((4, 32), (6, 128))),
            f"route add default via {GATEWAY[4]}",
            f"route add default via {GATEWAY[6]}",
        )
        self.near.ip(
            *(f"route add default via {outer_address(1, family)}" for family in (4, 6))
        )

    def values(self) -> dict[str, object]:
        return self.pair.client.tunnels[self.tunnel]

    def way_of(self, address: str) -> str:
        """The interface that packets to the address leave by."""
        found = self.near.run("ip", "-j", "route", "get", address).stdout
        return "tunnel" if json.loads(found)[0]["dev"] == self.tunnel else "cable"

    def let_out(self) -> None:
        """What leaves by the cable is passed on as it is, as any router would."""
        for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
            self.pair.server.namespace.sysctl(key, 1)
        self.behind.ip(
            f"route replace {outer_address(0, 4)}/24 via {GATEWAY[4]}",
            f"route replace fd18::/64 via {GATEWAY[6]}",
        )

    def watch(self) -> None:
        """Counts what leaves, by address and way."""
        self.near.count(
            "postrouting",
            **{
                f"{way}{family}{number}": f'oifname "{link}" {ip} daddr {address}'
                for family, ip in ((4, "ip"), (6, "ip6"))
                for number, address in enumerate(BEHIND[family])
                for way, link in (("tunnel", self.tunnel), ("cable", "v*"))
            },
        )

    def ways(self) -> dict[str, bool]:
        return {name: packets > 0 for name, packets in self.near.counters().items()}
