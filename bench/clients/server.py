"""The server that a crowd of clients talks to, in the first namespace of a pair."""

from __future__ import annotations

import abc
import dataclasses
import json
import pathlib
from collections.abc import Sequence
from typing import Any

from bench.clients.generator import HEADERS, Peer
from bench.contenders.wireguard import PORT, Umbra, WgInterface
from bench.lab import INNER_MTU, UAPI, End, Pair
from bench.node import Node
from bench.process import Process, run, wait_until

CLIENTS_NETWORK = "10.200.0.0/16"
# UDP ports inside whose packets are counted and dropped: of the crowd or the greedy one, and of
# those who get on beside it.
SINK, OTHERS = 9, 10
READY_SECONDS = 10
CONFIGURE_SECONDS = 120


@dataclasses.dataclass(frozen=True)
class Key:
    private: str
    public: str


def new_key() -> Key:
    private = run(["wg", "genkey"]).strip()
    return Key(private, run(["wg", "pubkey"], input=private).strip())


def spawn_interface(end: End, contender: WgInterface, interface: str) -> Process:
    """A daemon for one interface, there when this returns."""
    environment = {"LOG_LEVEL": "error", **contender.environment}
    process = end.spawn_vpn(*contender.command(interface), environment=environment)
    socket = UAPI / f"{interface}.sock"
    end.lab.defer(lambda: socket.unlink(missing_ok=True))

    def listens() -> bool:
        process.check()
        return socket.exists()

    wait_until(listens, READY_SECONDS, f"{contender.name}: its socket")
    return process


class Server(abc.ABC):
    """One interface, without peers at first.

    What arrives is counted and dropped as soon as the kernel has it from the TUN device, before it
    looks for routes or sockets: so the tunnel is measured, and not who reads. Joined packets pass
    there as one, with one pair of headers, so the payload is what counts.
    """

    def __init__(self, pair: Pair, interface: str) -> None:
        self.end, self.interface = pair.server, interface
        self.address = self.end.inner
        self.key = new_key()
        self.key_file = self.end.write("server.key", self.key.private + "\n")
        # Answers to any address go to the other end, as they would into the Internet.
        for name in ("all", "default", "outer"):
            self.end.run("sysctl", "-qw", f"net.ipv4.conf.{name}.rp_filter=0")
        self.end.ip(f"route add default via {pair.client.outer}")
        self.process = self.start()
        self.count_arrivals()

    @abc.abstractmethod
    def start(self) -> Process:
        """Starts the daemon; when it returns the interface is up, with address and routes."""

    @abc.abstractmethod
    def add_peers(self, peers: Sequence[Peer]) -> None: ...

    def count_arrivals(self) -> None:
        rules = [
            "table netdev bench {",
            *(f"counter port{port} {{ }}" for port in (SINK, OTHERS)),
            "chain in {",
            f"type filter hook ingress device {self.interface} priority 0;",
            *(f"udp dport {port} counter name port{port} drop" for port in (SINK, OTHERS)),
            "}",
            "}",
        ]
        self.end.run("nft", "-f", "-", input="\n".join(rules) + "\n")

    def arrived(self, port: int) -> int:
        """Bytes of UDP payload that have come out of the tunnel for this port."""
        text = self.end.run("nft", "-j", "list", "counters", "table", "netdev", "bench")
        return payload_of(text, f"port{port}")

    @property
    def reached(self) -> dict[str, str]:
        """What the generator is told of it."""
        return {"server": f"{self.end.outer}:{PORT}", "key": self.key.public}


def payload_of(listed: str, name: str) -> int:
    """Of nft's counters as JSON: the bytes less an IPv4 and UDP header for each packet."""
    for item in json.loads(listed)["nftables"]:
        counter = item.get("counter")
        if counter and counter["name"] == name:
            return counter["bytes"] - HEADERS * counter["packets"]
    raise KeyError(name)


class WgServer(Server):
    """One that is configured by wg(8)."""

    def __init__(self, pair: Pair, interface: str, contender: WgInterface) -> None:
        self.contender = contender
        super().__init__(pair, interface)

    def start(self) -> Process:
        process = spawn_interface(self.end, self.contender, self.interface)
        run(["wg", "set", self.interface, "private-key", str(self.key_file)]
            + ["listen-port", str(PORT)])
        self.end.ip(
            f"address add {self.address}/32 dev {self.interface}",
            f"link set {self.interface} mtu {INNER_MTU}",
            f"link set {self.interface} up",
            f"route add {CLIENTS_NETWORK} dev {self.interface}",
        )
        return process

    def add_peers(self, peers: Sequence[Peer]) -> None:
        lines = []
        for peer in peers:
            lines += ["[Peer]", f"PublicKey = {peer.public_key}", f"AllowedIPs = {peer.address}/32"]
        path = self.end.folder / "peers"
        path.write_text("\n".join(lines) + "\n")
        run(["wg", "addconf", self.interface, str(path)], timeout=CONFIGURE_SECONDS)


class NodeServer(Server):
    """umbrad with a file that lists the peers."""

    def __init__(self, pair: Pair, interface: str, node: Node) -> None:
        self.node = node
        self.peers: list[Peer] = []
        super().__init__(pair, interface)

    def tunnels(self) -> dict[str, Any]:
        peers = [
            {"name": f"peer-{i}", "public_key": p.public_key, "allowed_ips": [f"{p.address}/32"]}
            for i, p in enumerate(self.peers)
        ]
        tunnel = {
            "listen": f"0.0.0.0:{PORT}",
            "private_key_file": str(self.key_file),
            "addresses": [f"{self.address}/32"],
            "mtu": INNER_MTU,
            "routes": {"include": [CLIENTS_NETWORK]},
            "peers": peers,
        }
        return {self.interface: tunnel}

    def start(self) -> Process:
        return self.node.start(self.end, self.tunnels())

    def add_peers(self, peers: Sequence[Peer]) -> None:
        self.peers += peers
        self.node.write(self.end, self.tunnels())
        self.node.ask(self.end, "reload", timeout=CONFIGURE_SECONDS)


@dataclasses.dataclass(frozen=True)
class Kind:
    """A row of the report: how its server is made, and in which measurements it differs."""

    name: str
    label: str
    contender: WgInterface | None  # None: umbrad
    programs: pathlib.Path
    measures: tuple[str, ...] | None = None  # None: all

    def takes_part(self, measure: str) -> bool:
        return self.measures is None or measure in self.measures

    def missing(self) -> str | None:
        if self.contender:
            return self.contender.missing()
        return Node(self.programs).missing()

    def version(self) -> str:
        if self.contender:
            return self.contender.version()
        return Node(self.programs).version()

    def serve(self, pair: Pair, interface: str) -> Server:
        if self.contender:
            return WgServer(pair, interface, self.contender)
        return NodeServer(pair, interface, Node(self.programs))


def all_kinds(programs: pathlib.Path, others: Sequence[WgInterface]) -> list[Kind]:
    umbra = Umbra("umbra", programs, aead="auto")
    openssl = Umbra("umbra-openssl", programs, aead="openssl")
    return [
        Kind("umbra", umbra.label, umbra, programs),
        Kind("umbra-openssl", openssl.label, openssl, programs, ("memory", "throughput")),
        Kind("umbrad", "umbrad", None, programs, ("memory",)),
        *(Kind(other.name, other.label, other, programs) for other in others),
    ]
