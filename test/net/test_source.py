"""The server answers from the address it was spoken to, for as long as it has that address."""

from __future__ import annotations

import pytest

from harness.lab import Lab, nodad
from harness.pair import PORT, Pair, endpoint, make_pair
from harness.process import wait_until
from harness.traffic import Pinging, assert_pings


def several_addresses(lab: Lab, outside: int) -> tuple[Pair, list[str]]:
    """A pair whose server has three more addresses on its cable."""
    pair = make_pair(lab, outside=outside)
    server = pair.server
    more = [server.outer[outside] + digit for digit in "123"]
    width = 24 if outside == 4 else 64
    server.namespace.ip(
        *(f"address add {a}/{width} dev {server.underlay}{nodad(a)}" for a in more)
    )
    return pair, more


def count_sources(pair: Pair, addresses: list[str], outside: int) -> None:
    """The client counts packets from the server by their outer source."""
    word = "ip" if outside == 4 else "ip6"
    pair.client.namespace.count(
        "input",
        **{
            f"from{number}": f"udp sport {PORT} {word} saddr {address}"
            for number, address in enumerate(addresses)
        },
    )


# The reference, in Debian's version, answers from whatever address routing chooses.
@pytest.mark.umbra
@pytest.mark.parametrize("outside", [4, 6])
def test_answers_from_the_address_spoken_to(lab: Lab, outside: int) -> None:
    """Whichever of several addresses the client uses, that one answers, and no other."""
    pair, more = several_addresses(lab, outside)
    client, server = pair.client, pair.server
    count_sources(pair, more + [server.outer[outside]], outside)
    for number, address in enumerate(more):
        client.device.set(
            *("peer", server.device.key.public, "endpoint", endpoint(address))
        )
        before = client.namespace.counters()
        assert_pings(client.namespace, server.inner[4], 5)
        assert_pings(server.namespace, client.inner[4], 5)
        after = client.namespace.counters()
        grown = {name for name in after if after[name] > before[name]}
        assert grown == {f"from{number}"}
        assert client.device.peer(server.device).endpoint == endpoint(address)


@pytest.mark.parametrize("outside", [4, 6])
def test_address_removed(lab: Lab, outside: int) -> None:
    """When that address goes away, the server goes on from another one and the client follows."""
    pair, more = several_addresses(lab, outside)
    client, server = pair.client, pair.server
    client.device.set("peer", server.device.key.public, "endpoint", endpoint(more[1]))
    pings = Pinging(client.namespace, server.inner[4])
    back = Pinging(server.namespace, client.inner[6])
    width = 24 if outside == 4 else 64
    server.namespace.ip(f"address del {more[1]}/{width} dev {server.underlay}")
    pings.next()
    back.next()
    others = {endpoint(a) for a in (more[0], more[2], server.outer[outside])}
    wait_until(
        lambda: client.device.peer(server.device).endpoint in others, 5, "client follows"
    )
    assert max(pings.longest_gap(), back.longest_gap()) < 3
    assert_pings(client.namespace, server.inner[4])
