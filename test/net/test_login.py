"""What the judge of logins lets in, and for how long."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import time
from collections.abc import Iterator

import pytest

from harness.lab import Lab
from harness.nodes import outer
from harness.phaze import Client, Server, inside, make_client, make_server, needs_phaze
from harness.process import STALL, run, wait_until
from harness.traffic import ping

pytestmark = [pytest.mark.umbra, pytest.mark.long, needs_phaze]

PASSWORD = "correct horse battery"


@dataclasses.dataclass
class World:
    server: Server
    one: Client
    two: Client


@pytest.fixture(scope="module")
def made() -> Iterator[tuple[Lab, World]]:
    lab = Lab()
    try:
        yield lab, make_world(lab)
    finally:
        lab.close()


@pytest.fixture
def world(made: tuple[Lab, World], request: pytest.FixtureRequest) -> World:
    request.node.labs = [made[0]]
    return made[1]


def make_world(lab: Lab) -> World:
    hub, *spaces = (lab.namespace(name) for name in ("hub", "server", "one", "two"))
    lab.bridge(hub, [(space, outer(n)) for n, space in enumerate(spaces, 1)])
    server = make_server(lab, spaces[0])
    # So that who hears nothing says so soon; clients are told it.
    server.add("keepalive: 1")
    server.start()
    server.add_user("alice", PASSWORD)
    server.add_user("bob", None)
    return World(server, make_client(lab, spaces[1]), make_client(lab, spaces[2]))


def address(client: Client) -> str:
    return next(address for address in client.addresses() if "." in address)


def enter(server: Server, client: Client, user: str) -> str:
    """Logs in by a certificate; the address that was given."""
    client.take(server, user)
    client.wait()
    return address(client)


def refused(server: Server, client: Client, user: str, reason: str) -> None:
    """By a certificate as well: who it is for, and nothing else, is judged."""
    client.take(server, user)
    wait_until(lambda: reason in client.umbra("status").stdout, 10, reason)


def mistyped(server: Server, client: Client, user: str, password: str) -> str:
    """What a login is refused with."""
    said = client.login(server, user, password, check=False)
    assert said.returncode == 1 and said.stdout == ""
    return said.stderr.strip().splitlines()[-1].removeprefix("umbra: login: ")


def processor_time(pid: int) -> float:
    """Seconds that all threads of a process had of the processors."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def metrics(server: Server) -> str:
    url = "http://umbra/metrics"
    return run(["curl", "-sS", "--unix-socket", str(server.socket), url]).stdout


def counted(server: Server, result: str) -> int:
    """Logins that ended so."""
    name = f'umbra_logins_total{{tunnel="{server.name}",result="{result}"}}'
    found = re.search(rf"^{re.escape(name)} (\d+)$", metrics(server), re.MULTILINE)
    assert found, name
    return int(found[1])


def test_strangers_cost_the_same(world: World) -> None:
    """Who is no user meets the same words as who mistypes his password, and has the server work as
    much; neither hears them at once."""
    server, client = world.server, world.one
    control = server.part("control")
    costs, waits = [], []
    for user, password in (("alice", "another"), ("mallory", PASSWORD)):
        before, begun = processor_time(control), time.monotonic()
        assert mistyped(server, client, user, password).startswith("user name, password or")
        waits.append(time.monotonic() - begun)
        costs.append(processor_time(control) - before)
    assert min(costs) > 0.05 and max(costs) < 3 * min(costs), costs
    # Not sooner than two seconds after the password was there, whatever it cost to look at it.
    assert min(waits) >= 2, waits
    assert counted(server, "credentials") == 2
    # The name may be a password that was typed in the wrong place.
    assert "mallory" not in server.log_text()


def test_devices(world: World) -> None:
    """So many devices of a user at a time; one that ends leaves its place, and its address."""
    server, one, two = world.server, world.one, world.two
    # From here on, as to look at a password takes long on a busy machine.
    server.demand_certificates()
    server.umbra("reload")
    server.umbra("user", "devices", "bob", "1")
    given = enter(server, one, "bob")
    refused(server, two, "bob", "as many devices as are allowed")
    assert one.works()
    one.umbra("down", one.name)
    wait_until(lambda: server.members()["bob"]["state"] != "connected", 5, "its end")
    assert enter(server, two, "bob") == given
    server.umbra("user", "devices", "bob", "2")
    one.umbra("up", one.name)
    one.wait()
    assert address(one) == "10.99.0.3/24"
    assert server.members()["bob/2"]["state"] == "connected"
    # Fewer, from now on: the last goes.
    server.umbra("user", "devices", "bob", "1")
    wait_until(lambda: not one.works(), 1 + STALL, "an end of traffic")
    assert two.works() and "bob/2" not in server.members()
    # Where it would ask again and again, and be in before the other one some time.
    one.umbra("down", one.name)


def test_expiry(world: World) -> None:
    """The session ends when the account does, and the account is named as the reason."""
    server, two = world.server, world.two
    assert two.works(), "the test before left it connected"
    server.umbra("user", "expire", "bob", "2020-01-01")
    wait_until(lambda: not two.works(), 1 + STALL, "an end of traffic")
    refused(server, two, "bob", "account has expired")
    server.umbra("user", "expire", "bob", "never")
    enter(server, two, "bob")


def test_quota(world: World) -> None:
    """What has been moved is kept, and who has used up what he may is out until that is reset."""
    server, two = world.server, world.two
    assert two.works(), "the test before left it connected"
    server.umbra("user", "quota", "bob", "200K", "--reset")
    assert ping(two.namespace, inside(1, 4), 20, "-s", "1000").received == 20
    ping(two.namespace, inside(1, 4), 200, "-s", "1000", "-i", "0.002", wait=0.2)
    wait_until(lambda: not two.works(), 1 + STALL, "an end of traffic")
    refused(server, two, "bob", "quota is used up")
    shown = json.loads(server.umbra("user", "show", "bob", "--json").stdout)
    assert 200 << 10 <= shown["used"] < 400 << 10
    server.umbra("user", "quota", "bob", "none", "--reset")
    enter(server, two, "bob")


def test_leases(world: World) -> None:
    """After a restart an address is still his whose it was; where none is left, nobody comes in."""
    server, one, two = world.server, world.one, world.two
    assert two.works(), "the test before left it connected"
    one.umbra("up", one.name)
    enter(server, one, "alice")
    given = {user: (c, address(c)) for user, c in (("alice", one), ("bob", two))}
    assert given["alice"][1] > given["bob"][1], "who comes first would have the other"
    for client in (one, two):
        client.umbra("down", client.name)
    server.kill()
    server.start()
    for client, before in given.values():
        client.umbra("up", client.name)
        client.wait()
        assert address(client) == before
    # One address beside the server's own; it is kept for whom it was given to.
    text = server.configuration.read_text()
    assert text.count("10.99.0.1/24") == text.count("fd99::1/64") == 1
    small = text.replace("10.99.0.1/24", "10.99.0.1/30").replace("fd99::1/64", "fd99::1/126")
    server.configuration.write_text(small)
    for client in (one, two):
        client.umbra("down", client.name)
    server.umbra("reload")
    # So that her ticket is void.
    for word in ("disable", "enable"):
        server.umbra("user", word, "alice")
    one.umbra("up", one.name)
    refused(server, one, "alice", "no free address")
    two.umbra("up", two.name)
    two.wait()
    assert address(two) == "10.99.0.2/30"
    assert counted(server, "address") >= 1
