"""130,000 allowed IPs over a few peers."""

from __future__ import annotations

import ipaddress
import random
import socket
import time
from collections.abc import Iterator

from harness.device import new_key
from harness.lab import Lab, Namespace, nodad
from harness.pair import PORT, Host, make_pair
from harness.process import SLOW
from harness.traffic import assert_pings, family_of

COUNT = 130_000
PROBES = 12

Prefix = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def random_prefixes(generator: random.Random) -> Iterator[Prefix]:
    """Distinct prefixes of both families, of many lengths, many of them nested."""
    seen: set[Prefix] = set()
    while len(seen) < COUNT:
        prefix: Prefix
        if generator.random() < 0.75:
            four = (100 << 24) | generator.getrandbits(20)
            length = generator.choice((16, 18, 20, 24, 28, 30, 31, 32, 32, 32))
            prefix = ipaddress.IPv4Network((four, length), strict=False)
        else:
            six = (0xFD77 << 112) | (generator.getrandbits(20) << 64) | generator.getrandbits(16)
            length = generator.choice((48, 56, 60, 64, 65, 112, 120, 127, 128, 128))
            prefix = ipaddress.IPv6Network((six, length), strict=False)
        if prefix not in seen:
            seen.add(prefix)
            yield prefix


def owner(address: Address, table: dict[Prefix, int]) -> int | None:
    """The peer of the longest prefix around this address."""
    for length in range(address.max_prefixlen, 0, -1):
        found = table.get(ipaddress.ip_network(f"{address}/{length}", strict=False))
        if found is not None:
            return found
    return None


def probes(table: dict[Prefix, int], generator: random.Random) -> tuple[list[str], list[str]]:
    """Addresses that belong to peer 0, and others that belong to other peers or to nobody."""
    mine: list[str] = []
    others: list[str] = []
    prefixes = sorted(table, key=str)
    while min(len(mine), len(others)) < PROBES:
        prefix = generator.choice(prefixes)
        address = prefix[generator.randrange(min(prefix.num_addresses, 1 << 32))]
        into = mine if owner(address, table) == 0 else others
        if len(into) < PROBES and str(address) not in into:
            into.append(str(address))
    return mine, others


def arrivals(end: socket.socket, count: int) -> set[str]:
    """The words that arrive: so many are waited for, and more for a short time."""
    words: set[str] = set()
    while True:
        end.settimeout(5 * SLOW if len(words) < count else 0.3 * SLOW)
        try:
            words.add(end.recv(100).decode())
        except TimeoutError:
            return words


def speak(space: Namespace, source: str, target: str, port: int) -> None:
    """Sends the word that names the source and the target."""
    sender = space.socket(family_of(target), socket.SOCK_DGRAM)
    with sender:
        sender.bind((source, 0))
        sender.sendto(f"{source}>{target}".encode(), (target, port))


def listen(space: Namespace) -> socket.socket:
    """Hears both families."""
    end = space.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    end.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    end.bind(("::", 7777))
    return end


def take_addresses(host: Host, addresses: list[str]) -> None:
    name = host.device.name
    host.namespace.ip(
        *(
            f"address add {a}/{128 if ':' in a else 32} dev {name} noprefixroute{nodad(a)}"
            for a in addresses
        )
    )


def test_many_prefixes(lab: Lab) -> None:
    """setconf takes 130,000 allowed IPs in seconds; they are shown, and the right one decides."""
    generator = random.Random(13)
    pair = make_pair(lab)
    client, server = pair.client, pair.server
    keys = [client.device.key.public, *(new_key().public for _ in range(4))]
    table = {p: generator.randrange(len(keys)) for p in random_prefixes(generator)}
    table |= {ipaddress.ip_network(a): 0 for a in client.inner_hosts()}
    sections = [
        f"[Interface]\nPrivateKey = {server.device.key.private}\nListenPort = {PORT}\n"
    ]
    for number, key in enumerate(keys):
        owned = [str(prefix) for prefix, peer in table.items() if peer == number]
        sections.append(f"[Peer]\nPublicKey = {key}\n")
        sections += [f"AllowedIPs = {', '.join(owned[i:i + 50])}" for i in range(0, len(owned), 50)]

    start = time.monotonic()
    server.device.load("setconf", "\n".join(sections) + "\n", timeout=60)
    loading = time.monotonic() - start
    start = time.monotonic()
    states = server.device.peers()
    showing = time.monotonic() - start
    print(f"setconf {loading:.2f} s, show {showing:.2f} s")
    assert loading < 10 * SLOW
    assert showing < 10 * SLOW
    for number, key in enumerate(keys):
        expected = {str(prefix) for prefix, peer in table.items() if peer == number}
        assert states[key].allowed_ips == expected

    everything = "0.0.0.0/0,::/0"
    client.device.set("peer", server.device.key.public, "allowed-ips", everything)
    assert_pings(client.namespace, server.inner[4])
    mine, others = probes(table, generator)
    take_addresses(client, mine + others)
    for host in (client, server):
        for word, prefix in (("-4", "100.0.0.0/8"), ("-6", "fd77::/16")):
            host.namespace.run("ip", word, "route", "add", prefix, "dev", host.device.name)

    # Inwards: only what comes from the client's own prefixes.
    end = listen(server.namespace)
    for source in mine + others:
        target = server.inner[6 if ":" in source else 4]
        speak(client.namespace, source, target, 7777)
    heard = {word.partition(">")[0] for word in arrivals(end, len(mine))}
    assert heard == set(mine)

    # Outwards: only what goes to them arrives at the client.
    end = listen(client.namespace)
    for target in mine + others:
        speak(server.namespace, server.inner[6 if ":" in target else 4], target, 7777)
    heard = {word.partition(">")[2] for word in arrivals(end, len(mine))}
    assert heard == set(mine)
