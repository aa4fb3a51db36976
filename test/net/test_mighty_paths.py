"""Ways between a server with pre-shared keys and its clients that change, end, or are several."""

from __future__ import annotations

import json
import pathlib

import pytest

from harness.lab import Lab
from harness.mighty import Client, Server, inside, make_client, make_server, needs_mighty
from harness.nodes import outer
from harness.pair import PORT, endpoint, outer_address
from harness.process import SLOW, STALL, wait_until
from harness.resolving import serve_names
from harness.traffic import BIG, Pinging, assert_pings, flood, transfer

pytestmark = [pytest.mark.umbra, needs_mighty]

NEAR, FAR = "near.umbra.test", "far.umbra.test"
BEHIND_NAT = """table ip nat {
    chain out { type nat hook postrouting priority 100; oifname %s masquerade; }
}"""

CUT = """table ip cut {
    chain in { type filter hook input priority 0; ip daddr %s drop; }
}"""


def handshakes(node: Client | Server) -> int:
    return sum(shard["handshakes"] for shard in node.shown()["data_path"]["shards"])


def joined(lab: Lab, line: int = 4) -> tuple[Server, Client]:
    """The two on one cable, of which the client knows the server's address of that family."""
    near, far = lab.namespace("client"), lab.namespace("server")
    lab.link(near, far, outer(2), outer(1))
    server = make_server(lab, far, where=endpoint(outer_address(1, line)))
    server.start()
    return server, make_client(lab, near, server.line)


def test_new_keys_v6(lab: Lab) -> None:
    """Over IPv6, with both families inside; keys that are too old are renewed under traffic."""
    server, client = joined(lab, 6)
    client.add("rekey: { seconds: 1 }")
    client.start()
    client.wait()
    assert client.server()["endpoint"] == endpoint(outer_address(1, 6))
    before = handshakes(client)
    pings = [Pinging(client.namespace, inside(1, family), 0.01) for family in (4, 6)]
    transfer(client.namespace, server.namespace, inside(1, 6), BIG // 10)
    wait_until(lambda: handshakes(client) >= before + 2, 10, "new keys")
    assert [p.missing() for p in pings] == [[], []]
    assert client.server()["state"] == "connected"


def test_new_keys_for_packets(lab: Lab) -> None:
    """Keys that had their packets are renewed: a flood of pings goes on, and none is lost."""
    _, client = joined(lab)
    client.add("rekey: { packets: 1000 }")
    client.start()
    client.wait()
    before = handshakes(client)
    flood(client.namespace, inside(1, 4), 2500)
    assert handshakes(client) >= before + 2


def test_mapping_changes(lab: Lab) -> None:
    """A client's NAT gives it another address under traffic: the session moves there, as it is."""
    names = ("client", "router", "server")
    near, router, far = (lab.namespace(name) for name in names)
    lab.link(near, router, ["192.168.1.2/24"], ["192.168.1.1/24"])
    wan, _ = lab.link(router, far, ["198.18.0.2/24"], ["198.18.0.1/24"])
    near.ip("route add default via 192.168.1.1")
    router.sysctl("net.ipv4.ip_forward", 1)
    router.nft(BEHIND_NAT % wan)
    server = make_server(lab, far)
    server.start()
    client = make_client(lab, near, server.line)
    client.start()
    client.wait()

    def alice() -> dict[str, object]:
        return server.peers(server.name)["alice"]

    was = alice()
    assert str(was["endpoint"]).startswith("198.18.0.2:")
    pings = Pinging(near, inside(1, 4))
    # What went out by an address is forgotten when that goes.
    router.ip(f"address add 198.18.0.7/24 dev {wan}", f"address del 198.18.0.2/24 dev {wan}")
    wait_until(lambda: str(alice()["endpoint"]).startswith("198.18.0.7:"), 5, "the new address")
    pings.next()
    assert pings.longest_gap() < 1 * SLOW + STALL
    now = alice()
    assert (now["state"], now["latest_handshake"]) == ("connected", was["latest_handshake"])
    assert_pings(far, inside(2, 4))


@pytest.mark.long
def test_other_endpoint(lab: Lab) -> None:
    """One of a server's addresses is cut off: traffic goes on by the other, without new keys."""
    near, far = lab.namespace("client"), lab.namespace("server")
    for net in (0, 1):
        lab.link(near, far, [f"198.18.{net}.2/24"], [f"198.18.{net}.1/24"])
    server = make_server(lab, far)
    server.start()
    both = [f"198.18.{net}.1:{PORT}" for net in (0, 1)]
    line = server.invite("bob", *(word for where in both for word in ("--endpoint", where)))
    client = make_client(lab, near, line)
    client.start()
    client.wait()
    used = client.server()
    other = both[1 - both.index(used["endpoint"])]
    assert {path["endpoint"] for path in used["paths"]} == set(both)
    pings = Pinging(near, inside(1, 4))
    cut = used["endpoint"].partition(":")[0]
    far.nft(CUT % cut)
    pings.next(8)
    assert pings.longest_gap() < 4 * SLOW + STALL
    now = client.server()
    assert (now["endpoint"], now["latest_handshake"]) == (other, used["latest_handshake"])


def test_address_beside_a_name(lab: Lab) -> None:
    """Reloads that add an address beside the server's name, and take it away, lose neither."""
    near, far = lab.namespace("client"), lab.namespace("server")
    lab.link(near, far, outer(2), outer(1))
    serve_names(lab, far, outer_address(1, 4), {NEAR: outer_address(1, 4)})
    server = make_server(lab, far, where=NEAR)
    server.start()
    client = make_client(lab, near, server.line)
    text = f'node: {{ resolvers: ["{outer_address(1, 4)}"] }}\n{client.configuration.read_text()}'
    client.configuration.write_text(text)
    client.start()
    client.wait()
    there, more = endpoint(outer_address(1, 4)), endpoint(outer_address(77, 4))
    before = client.server()["latest_handshake"]
    for endpoints, paths in ([f"{NEAR}:{PORT}", more], {there, more}), ([f"{NEAR}:{PORT}"], {there}):
        changed = text.replace(f'["{NEAR}:{PORT}"]', json.dumps(endpoints))
        client.configuration.write_text(changed)
        client.reload()
        wait_until(
            lambda: {path["endpoint"] for path in client.server()["paths"]} == paths, 5, f"{paths}"
        )
        assert client.works() and client.server()["endpoint"] == there
    assert client.server()["latest_handshake"] == before


@pytest.mark.long
def test_servers_by_name(lab: Lab) -> None:
    """Two servers share a client's key; one is killed, and the client goes to the other."""
    hub, near, one, two = (lab.namespace(name) for name in ("hub", "client", "one", "two"))
    lab.bridge(hub, [(near, outer(2)), (one, outer(1)), (two, outer(3)), (hub, outer(4))])
    serve_names(lab, hub, outer_address(4, 4), {NEAR: outer_address(1, 4), FAR: outer_address(3, 4)})
    first, second = make_server(lab, one, where=NEAR), make_server(lab, two, where=FAR)
    key = pathlib.Path("keys") / f"{first.name}-alice.psk"
    (second.files / "keys" / f"{second.name}-alice.psk").write_text((first.files / key).read_text())
    for server in (first, second):
        server.start()
    line = first.line
    assert f"{NEAR}:{PORT}" in line
    client = make_client(lab, near, line)
    text = client.configuration.read_text()
    assert f'["{NEAR}:{PORT}"]' in text
    text = text.replace(f'["{NEAR}:{PORT}"]', json.dumps([f"{NEAR}:{PORT}", f"{FAR}:{PORT}"]))
    client.configuration.write_text(f'node: {{ resolvers: ["{outer_address(4, 4)}"] }}\n{text}')
    client.start()
    client.wait()
    servers = {endpoint(outer_address(1, 4)): first, endpoint(outer_address(3, 4)): second}
    used = client.server()["endpoint"]
    servers.pop(used).kill()
    ((rest, server),) = servers.items()
    wait_until(client.works, 12, "the other server")
    assert client.server()["endpoint"] == rest
    assert server.peers(server.name)["alice"]["state"] == "connected"
