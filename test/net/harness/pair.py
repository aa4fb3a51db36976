"""The usual two ends: a client that knows where the server is, and a server that learns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.device import UMBRA, UNDER_TEST, Device, peer_section
from harness.lab import Lab, Namespace, nodad

PORT = 51820


def outer_address(number: int, family: int) -> str:
    return f"198.18.0.{number}" if family == 4 else f"fd18::{number}"


def inner_address(number: int, family: int) -> str:
    return f"10.99.0.{number}" if family == 4 else f"fd99::{number}"


def endpoint(address: str, port: int = PORT) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


@dataclass
class Host:
    """A namespace with a device in it; addresses by family (4 or 6)."""

    namespace: Namespace
    device: Device
    number: int
    underlay: str
    outer: dict[int, str] = field(default_factory=dict)
    inner: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.outer = {f: outer_address(self.number, f) for f in (4, 6)}
        self.inner = {f: inner_address(self.number, f) for f in (4, 6)}

    def inner_hosts(self) -> list[str]:
        return [f"{self.inner[4]}/32", f"{self.inner[6]}/128"]

    def outer_addresses(self) -> list[str]:
        return [f"{self.outer[4]}/24", f"{self.outer[6]}/64"]

    def bring_up(self, mtu: int | None = None) -> None:
        """Gives the interface its addresses and sets it up."""
        name = self.device.name
        lines = [f"link set {name} mtu {mtu}"] if mtu else []
        for address in (f"{self.inner[4]}/24", f"{self.inner[6]}/64"):
            lines.append(f"address add {address} dev {name}{nodad(address)}")
        self.namespace.ip(*lines, f"link set {name} up")
        self.device.wait_for_link()

    def section(
        self, to: int | None = None, keepalive: int = 0, psk: str | None = None
    ) -> str:
        """A [Peer] section that names this host, with its endpoint of family `to`."""
        where = endpoint(self.outer[to]) if to else None
        return peer_section(self.device, self.inner_hosts(), where, keepalive, psk)


@dataclass
class Pair:
    lab: Lab
    client: Host
    server: Host

    def configure(self, outside: int = 4, psk: str | None = None, keepalive: int = 0) -> None:
        """The client knows the server's endpoint; the server listens on PORT and learns."""
        server, client = self.server, self.client
        server.device.configure(PORT, client.section(psk=psk))
        client.device.configure(0, server.section(outside, keepalive, psk))


def make_pair(
    lab: Lab,
    client: str = UNDER_TEST,
    server: str = UNDER_TEST,
    outside: int = 4,
    mtu: int | None = None,
    underlay_mtu: int = 1500,
    psk: str | None = None,
    options: Sequence[str] = (),
    extra_environment: dict[str, str] | None = None,
    configure: bool = True,
) -> Pair:
    """Two namespaces joined by a cable, a device in each, configured and up.

    Options are umbra-wg's; another implementation at one end gets none.
    """
    spaces = [lab.namespace("client"), lab.namespace("server")]
    hosts = []
    for number, implementation in ((2, client), (1, server)):
        space = spaces[len(hosts)]
        own = options if implementation == UMBRA else ()
        device = Device(lab, space, implementation, own, extra_environment)
        hosts.append(Host(space, device, number, ""))
    cable = lab.link(
        *spaces, hosts[0].outer_addresses(), hosts[1].outer_addresses(), underlay_mtu
    )
    for host, name in zip(hosts, cable):
        host.underlay = name
        host.device.start()
    pair = Pair(lab, *hosts)
    if configure:
        pair.configure(outside, psk)
    for host in hosts:
        host.bring_up(mtu)
    return pair
