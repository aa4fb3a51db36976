"""IPv6 inside, outside and missing: every combination works, and what is broken is passed over."""

from __future__ import annotations

import time

import pytest

from harness.lab import Lab, Namespace
from harness.leaks import LeakWatch, Senders
from harness.names import NAME, NameServer, resolv_conf
from harness.nodes import make_nodes, outer
from harness.pair import PORT, endpoint, inner_address, make_pair, outer_address
from harness.process import SLOW, run, wait_until
from harness.split import BEHIND, World
from harness.traffic import assert_pings, reachable

pytestmark = [pytest.mark.umbra, pytest.mark.calm]

# A global address that nobody has.
NOWHERE = "2001:db8:dead::1"


@pytest.mark.parametrize("outside", (4, 6))
@pytest.mark.parametrize("inside", (4, 6))
def test_one_in_the_other(lab: Lab, inside: int, outside: int) -> None:
    """A tunnel of one family alone, over one family alone."""
    pair = make_nodes(lab, outside=outside)
    length = {4: 24, 6: 64}[inside]
    whole = {4: 32, 6: 128}[inside]
    ends = ((pair.client, pair.client_tunnel, 2), (pair.server, pair.server_tunnel, 1))
    for node, tunnel, number in ends:
        other = 3 - number
        values = node.tunnels[tunnel]
        values["addresses"] = [f"{inner_address(number, inside)}/{length}"]
        values["peers"][0]["allowed_ips"] = [f"{inner_address(other, inside)}/{whole}"]
        if outside == 4:
            node.namespace.sysctl("net.ipv6.conf.all.disable_ipv6", int(inside == 4))
        else:
            links = [name for name in node.namespace.links() if name.startswith("v")]
            node.namespace.ip(f"address del {outer_address(number, 4)}/24 dev {links[0]}")
    pair.start()
    assert_pings(pair.client.namespace, inner_address(1, inside))
    assert_pings(pair.server.namespace, inner_address(2, inside))
    assert pair.client.peers(pair.client_tunnel)["server"]["endpoint"] == endpoint(
        outer_address(1, outside)
    )


def link_local(space: Namespace, link: str) -> str:
    addresses = space.links()[link]["addr_info"]
    return next(shown["local"] for shown in addresses if shown["scope"] == "link")


def test_link_local_endpoint(lab: Lab) -> None:
    """wg(8) takes an endpoint on the cable, by the cable's name, and shows where it leads."""
    pair = make_pair(lab)
    client, server = pair.client, pair.server
    net = client.device.net_pid()
    where = endpoint(f"{link_local(server.namespace, server.underlay)}%{client.underlay}")
    setting = ["peer", server.device.key.public, "endpoint", where]
    client.namespace.run("wg", "set", client.device.name, *setting)
    assert_pings(client.namespace, server.inner[4])
    shown = client.namespace.run("wg", "show", client.device.name, "endpoints").stdout
    assert shown.split()[1] == where
    back = server.namespace.run("wg", "show", server.device.name, "endpoints").stdout.split()[1]
    near = link_local(client.namespace, client.underlay)
    assert back == endpoint(f"{near}%{server.underlay}", client.device.port())
    setting[-1] = where.replace(client.underlay, "nowhere0")
    refused = run(["wg", "set", client.device.name, *setting], check=False)
    assert refused.returncode != 0
    assert client.device.net_pid() == net


def test_link_local_endpoint_of_a_configuration(lab: Lab) -> None:
    """So does umbrad, none of whose processes dies of it."""
    spaces = (lab.namespace("client"), lab.namespace("server"))
    near, far = lab.link(*spaces, outer(2), outer(1))
    where = endpoint(f"{link_local(spaces[1], far)}%{near}")
    pair = make_nodes(lab, spaces, server_endpoint=where).start()
    assert_pings(spaces[0], inner_address(1, 4))
    index = spaces[0].links()[near]["ifindex"]
    shown = pair.client.peers(pair.client_tunnel)["server"]["endpoint"]
    assert shown == where.replace(near, str(index))
    assert "ended with signal" not in pair.client.log.read_text()


@pytest.mark.parametrize("broken", ("no route", "disabled"))
def test_falls_back(lab: Lab, broken: str) -> None:
    """A name with a v6 address, on a host that has no way there: v4 is taken at once."""
    pair = make_nodes(lab, server_endpoint=f"{NAME}:{PORT}")
    near, far = pair.client, pair.server
    names = NameServer(lab, far.namespace, outer_address(1, 4))
    names.serve(NOWHERE, outer_address(1, 4))
    resolv_conf(lab, outer_address(1, 4))
    if broken == "disabled":
        near.namespace.sysctl("net.ipv6.conf.all.disable_ipv6", 1)
        near.namespace.sysctl("net.ipv6.conf.default.disable_ipv6", 1)
    pair.server.start()
    begun = time.monotonic()
    pair.client.start()
    near.namespace.spawn("ping", "-n", "-i", "0.1", inner_address(1, 4))
    wait_until(lambda: reachable(near.namespace, inner_address(1, 4)), 15, "pings by v4")
    # An attempt takes five seconds: there was none that could not be sent.
    assert time.monotonic() - begun < 4 * SLOW
    assert near.peers(pair.client_tunnel)["server"]["endpoint"] == endpoint(outer_address(1, 4))


def test_v6_goes_past(lab: Lab) -> None:
    """A tunnel that takes IPv4 alone, without a kill switch, leaves IPv6 outside, and says so."""
    world = World(lab)
    client = world.pair.client
    world.values()["kill_switch"] = False
    world.values()["routes"] = {"include": ["0.0.0.0/0"]}
    client.write()
    told = f"{world.tunnel}: IPv6 goes past it"
    checked = client.umbra("check", "-c", str(client.configuration))
    assert "good" in checked.stdout and told in checked.stderr
    world.pair.start()
    assert told in client.log_text()
    assert [world.way_of(BEHIND[family][0]) for family in (4, 6)] == ["tunnel", "cable"]
    world.values()["routes"] = {"include": ["0.0.0.0/0", "::/0"]}
    client.write()
    assert client.umbra("check", "-c", str(client.configuration)).stderr == ""


def test_v6_is_blocked(lab: Lab) -> None:
    """With the kill switch, which is the default, IPv6 goes nowhere at all."""
    world = World(lab)
    client, server = world.pair.client, world.pair.server.namespace
    world.values()["routes"] = {"include": ["0.0.0.0/0"]}
    world.pair.start()
    assert "goes past" not in client.log_text()
    (link,) = (
        name
        for name, shown in server.links().items()
        if any(address["local"] == outer_address(1, 4) for address in shown["addr_info"])
    )
    watch = LeakWatch(server, link, [(outer_address(1, family), PORT) for family in (4, 6)])
    senders = Senders(
        world.near, [BEHIND[6][0], BEHIND[4][0], outer_address(1, 6)], [outer_address(2, 6)]
    )
    assert_pings(world.near, BEHIND[4][0])
    assert not reachable(world.near, BEHIND[6][0])
    assert not reachable(world.near, outer_address(1, 6))
    watch.assert_none("of a tunnel of IPv4 alone")
    assert watch.seen["tunnel"] > 10
    # They would have been seen.
    client.umbra("down", world.tunnel)
    wait_until(
        lambda: f"> {BEHIND[6][0]} protocol 17 " in " ".join(watch.leaks), 5, "IPv6 past the tunnel"
    )
    senders.close()
