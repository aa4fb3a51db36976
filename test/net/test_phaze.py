"""Users who log in, from `umbra init` and `umbra user add` to the traffic of their machines."""

from __future__ import annotations

import dataclasses
import pathlib
import shutil
import subprocess
from collections.abc import Callable, Iterator

import pytest

from harness.lab import Lab
from harness.made import kill_all, kill_net
from harness.nodes import outer
from harness.pair import outer_address
from harness.phaze import Client, Server, inside, make_client, make_server, needs_phaze
from harness.process import STALL, wait_until
from harness.traffic import BIG, assert_pings, transfer

pytestmark = [pytest.mark.umbra, needs_phaze]

PASSWORD = "p\u00e4ss word"


@dataclasses.dataclass
class World:
    lab: Lab
    server: Server
    alice: Client
    bob: Client


@pytest.fixture(scope="module")
def made() -> Iterator[World]:
    lab = Lab()
    try:
        yield make_world(lab)
    finally:
        lab.close()


@pytest.fixture
def world(made: World, request: pytest.FixtureRequest) -> World:
    request.node.labs = [made.lab]
    return made


def make_world(lab: Lab) -> World:
    hub, *spaces = (lab.namespace(name) for name in ("hub", "server", "alice", "bob"))
    lab.bridge(hub, [(space, outer(n)) for n, space in enumerate(spaces, 1)])
    server = make_server(lab, spaces[0], "--dns", inside(1, 4))
    # So that who hears nothing says so soon; clients are told it.
    server.add("keepalive: 1")
    server.start()
    server.add_user("alice", PASSWORD)
    return World(lab, server, make_client(lab, spaces[1]), make_client(lab, spaces[2]))


def test_login(world: World) -> None:
    """Who has the right password is in: with what the server gives, both families and ways."""
    server, alice = world.server, world.alice
    let_in = alice.login(server, "alice", PASSWORD)
    assert let_in.stdout == f"{alice.name} is connected to {server.where} as alice\n"
    alice.wait()
    given = [f"{inside(2, 4)}/24", f"{inside(2, 6)}/64"]
    pushed = alice.shown()["pushed"]
    assert alice.addresses() == set(given) == set(pushed["addresses"])
    assert pushed["dns"] == [inside(1, 4)]
    assert "10.99.0.0/24" in alice.namespace.run("ip", "route", "show", "dev", alice.name).stdout
    assert server.members()["alice"]["state"] == "connected"
    for family in (4, 6):
        assert_pings(alice.namespace, inside(1, family))
        assert_pings(server.namespace, inside(2, family))
    transfer(alice.namespace, server.namespace, inside(1, 4), BIG // 5)
    transfer(server.namespace, alice.namespace, inside(2, 6), BIG // 5)
    # Nothing that is shown or kept has the password.
    for node in (server, alice):
        for words in (("status",), ("status", "--json"), ("peer", "list", node.name, "--json")):
            assert PASSWORD not in node.umbra(*words).stdout
        assert PASSWORD not in node.log_text()


@pytest.mark.parametrize("how", [kill_net, kill_all])
@pytest.mark.parametrize("end", ["alice", "server"])
def test_killed(world: World, end: str, how: Callable[[Client | Server], None]) -> None:
    """kill -9 of the net process, or of all, of either end: a ticket brings the client back, as
    nobody is there to say the password again."""
    assert world.alice.works(), "the test before left it connected"
    given = world.alice.addresses()
    how(getattr(world, end))
    wait_until(world.alice.works, 15, "traffic")
    assert world.alice.addresses() == given
    assert_pings(world.server.namespace, inside(2, 6))


def test_disabled(world: World) -> None:
    """`umbra user disable`: within a second nothing passes, and no ticket brings anybody back;
    who may come again has to say the password."""
    server, alice = world.server, world.alice
    assert alice.works(), "the test before left it connected"
    server.umbra("user", "disable", "alice")
    wait_until(lambda: not alice.works(), 1 + STALL, "an end of traffic")
    server.umbra("user", "enable", "alice")
    assert not alice.works() and server.members()["alice"]["state"] != "connected"
    alice.login(server, "alice", PASSWORD)
    alice.wait()


def test_distrusted(world: World) -> None:
    """A list of revoked certificates that has the server's, read while the client is connected: it
    goes, and says why; without that list it comes back."""
    server, alice = world.server, world.alice
    assert alice.works(), "the test before left it connected"
    revoked = world.lab.folder / "distrusted"
    shutil.copytree(server.authority.parent, revoked)
    server.umbra("ca", "revoke", outer_address(1, 4), "--directory", str(revoked))
    (tunnel,) = (alice.files / "tunnels").iterdir()
    before = tunnel.read_text()
    assert before.count("    auth:\n") == 1
    tunnel.write_text(before.replace("    auth:\n", f"    auth:\n      crl_file: {revoked}/crl.pem\n"))
    alice.umbra("reload")
    wait_until(lambda: not alice.works(), 5, "an end of traffic")
    said = "the server's certificate was revoked"
    wait_until(lambda: said in alice.umbra("status").stdout, 5, "a reason")
    wait_until(lambda: server.members()["alice"]["state"] != "connected", 5, "its end")
    tunnel.write_text(before)
    alice.umbra("reload")
    alice.wait()
    assert said not in alice.umbra("status").stdout


def test_wrong_password(world: World) -> None:
    """The tool tells it, and the session there is goes on."""
    server, alice = world.server, world.alice
    assert alice.works(), "the test before left it connected"
    refused = alice.login(server, "alice", "mistyped battery", check=False)
    assert refused.returncode == 1 and refused.stdout == ""
    reason = "user name, password or certificate are not accepted"
    assert refused.stderr == f"umbra: login: {reason}\n"
    assert alice.works() and server.members()["alice"]["state"] == "connected"
    assert "mistyped battery" not in alice.umbra("status").stdout + alice.log_text()


def test_certificate(world: World) -> None:
    """Who shows a certificate needs no password, until it is revoked: `umbra ca revoke` and
    `umbra reload` end the session within a second, and it brings nobody in again."""
    server, bob = world.server, world.bob
    server.demand_certificates()
    server.umbra("reload")
    bob.join(server, "bob")
    assert server.members()["bob"]["state"] == "connected"
    server.umbra("ca", "revoke", "bob", "--directory", str(server.authority.parent))
    assert bob.works(), "a list that nobody has read yet"
    server.umbra("reload")
    wait_until(lambda: not bob.works(), 1 + STALL, "an end of traffic")
    assert server.members()["bob"]["state"] != "connected"


def outdated_list(folder: pathlib.Path, authority: pathlib.Path) -> str:
    """A list of revoked certificates as other programs make them, that held for a second."""
    folder.mkdir()
    (folder / "index").touch()
    (folder / "number").write_text("01\n")
    (folder / "ca.cnf").write_text(
        f"[ca]\ndefault_ca = here\n[here]\ndatabase = {folder / 'index'}\n"
        f"crlnumber = {folder / 'number'}\ndefault_md = default\n"
    )
    words = ("-config", str(folder / "ca.cnf"), "-gencrl", "-crlsec", "1")
    keys = ("-keyfile", str(authority.with_suffix(".key")), "-cert", str(authority))
    made = subprocess.run(("openssl", "ca", *words, *keys), capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return made.stdout


def test_outdated_list(world: World) -> None:
    """Nobody's certificate is taken by it, which `umbra check`, `reload` and `status` say."""
    server = world.server
    said = "its list of revoked certificates is out of date, and no certificate is taken"
    crl = server.authority.with_name("crl.pem")
    good = crl.read_text()
    crl.write_text(outdated_list(world.lab.folder / "outdated", server.authority))
    checking = ("check", "-c", str(server.configuration))
    wait_until(lambda: said in server.umbra(*checking).stderr, 5, "the end of the list")
    assert said in server.umbra("reload").stdout
    assert said in server.shown()["reason"] and said in server.umbra("status").stdout
    crl.write_text(good)
    assert server.umbra(*checking).stderr == ""
    assert said not in server.umbra("reload").stdout
    assert said not in server.umbra("status").stdout
