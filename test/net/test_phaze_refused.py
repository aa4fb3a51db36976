"""What is wrong with a login, and what the user is told of it: by umbra login, and by its status.
Somebody else goes on all the time."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from harness.certificates import expire
from harness.lab import Lab
from harness.nodes import outer
from harness.pair import PORT, endpoint, outer_address
from harness.phaze import Client, Server, make_client, make_server, needs_phaze
from harness.process import STALL, wait_until
from harness.traffic import Pinging, reachable

pytestmark = [pytest.mark.umbra, pytest.mark.long, needs_phaze]

PASSWORD = "correct horse battery"
# What a server's tunnels demand, each at a port of its own; the last shows an old certificate.
TUNNELS = {
    "password": "[password]",
    "certificate": "[certificate]",
    "both": "[password, certificate]",
    "old": "[password]",
}
# Whatever of it is wrong.
STRANGER = "user name, password or certificate are not accepted"


@dataclasses.dataclass
class World:
    server: Server
    bad: Client
    honest: Client
    pings: Pinging
    names: dict[str, str]  # of the server's tunnels
    outside: pathlib.Path  # a folder with another authority, and what it issued
    revoked: pathlib.Path  # the server's authority, after it revoked the server's certificate


def port(kind: str) -> int:
    return PORT + list(TUNNELS).index(kind)


def inside(kind: str) -> str:
    return f"10.{port(kind) - PORT + 100}.0.1"


def issue(server: Server, folder: pathlib.Path, authority: pathlib.Path, *names: str) -> None:
    for name in names:
        server.umbra(
            *("ca", "issue", "client", name, "--directory", str(authority)),
            *("--output", str(folder)),
        )


def add_tunnels(lab: Lab, server: Server) -> dict[str, str]:
    names = {"password": server.name}
    keys = server.files / "keys"
    for suffix in ("pem", "key"):
        shutil.copy(keys / f"{server.name}.{suffix}", keys / f"old.{suffix}")
    expire(keys / "old.pem", server.authority)
    (server.files / "tunnels").mkdir(mode=0o700, exist_ok=True)
    for kind in list(TUNNELS)[1:]:
        names[kind] = lab.interface_name()
        key = "old" if kind == "old" else server.name
        (server.files / "tunnels" / f"{kind}.yaml").write_text(
            f"tunnels:\n  {names[kind]}:\n    protocol: phaze\n    role: server\n"
            f'    keepalive: 1\n    listen: "[::]:{port(kind)}"\n'
            f'    addresses: ["{inside(kind)}/24"]\n    auth:\n'
            f"      certificate_file: ../keys/{key}.pem\n      key_file: ../keys/{key}.key\n"
            f"      demands: {TUNNELS[kind]}\n"
            "      ca_file: ../ca/ca.pem\n      crl_file: ../ca/crl.pem\n"
        )
    return names


def make_world(lab: Lab) -> World:
    hub, *spaces = (lab.namespace(name) for name in ("hub", "server", "bad", "honest"))
    lab.bridge(hub, [(space, outer(n)) for n, space in enumerate(spaces, 1)])
    server = make_server(lab, spaces[0])
    server.add("keepalive: 1")
    names = add_tunnels(lab, server)
    server.start()
    for user in ("alice", "bob"):
        server.add_user(user, PASSWORD)
    server.add_user("late", PASSWORD, "--expires", "2020-01-01")
    bad, honest = make_client(lab, spaces[1]), make_client(lab, spaces[2])
    ours, outside, revoked = server.authority.parent, lab.folder / "outside", lab.folder / "revoked"
    shutil.copytree(ours, revoked)
    server.umbra("ca", "revoke", outer_address(1, 4), "--directory", str(revoked))
    server.umbra("ca", "init", "--directory", str(outside))
    issue(server, outside, outside, "alice")
    issue(server, bad.files, ours, "alice", "bob", "late")
    for suffix in ("pem", "key"):
        shutil.copy(bad.files / f"alice.{suffix}", bad.files / f"old.{suffix}")
    expire(bad.files / "old.pem", server.authority)
    honest.login(server, "bob", PASSWORD)
    honest.wait()
    return World(server, bad, honest, Pinging(honest.namespace, "10.99.0.1"), names, outside, revoked)


@pytest.fixture(scope="module")
def made() -> Iterator[tuple[Lab, World]]:
    lab = Lab()
    try:
        yield lab, make_world(lab)
    finally:
        lab.close()


@pytest.fixture
def world(made: tuple[Lab, World], request: pytest.FixtureRequest) -> Iterator[World]:
    request.node.labs = [made[0]]
    yield made[1]
    made[1].pings.next()
    assert made[1].honest.server()["state"] == "connected"


def configure(world: World, kind: str, **auth: Any) -> None:
    """The tunnel of the client that is to be refused."""
    client = world.bad
    rows = {"ca_file": world.server.authority, **auth}
    if "pin" in auth:
        del rows["ca_file"]
    if shown := rows.pop("shows", None):
        rows["certificate_file"], rows["key_file"] = f"{shown}.pem", f"{shown}.key"
    written = {
        "protocol": "phaze",
        "role": "client",
        "endpoints": [endpoint(outer_address(1, 4), port(kind))],
        "auth": {key: str(value) for key, value in rows.items() if value},
    }
    file = client.files / "tunnels" / "bad.yaml"
    # Another tunnel than before, whatever it is called: nothing of that goes on.
    file.unlink(missing_ok=True)
    client.umbra("reload")
    file.write_text(json.dumps({"tunnels": {client.name: written}}))
    client.umbra("reload")


def log_in(world: World, user: str, password: str = PASSWORD) -> tuple[int, str]:
    done = world.bad.umbra(
        *("login", world.bad.name, "--user", user), input=f"{password}\n", check=False
    )
    return done.returncode, done.stderr.strip().removeprefix("umbra: login: ")


def assert_refused(world: World, user: str, reason: str, password: str = PASSWORD) -> None:
    status, said = log_in(world, user, password)
    assert status == 1 and said.startswith(reason), said
    shown = world.bad.umbra("status", world.bad.name).stdout
    assert reason in shown, shown


OTHER_PIN = f"sha256/{'1234' * 10}120="
WRONG_SERVERS: dict[str, tuple[str, dict[str, Any], str]] = {
    "authority": (
        "password",
        {"ca_file": "outside"},
        "was issued by nobody that is trusted here: auth.ca_file",
    ),
    "pin": (
        "password",
        {"pin": OTHER_PIN},
        "has another key than the one that is pinned: auth.pin",
    ),
    "name": (
        "password",
        {"server_name": "vpn.example.org"},
        "is for another name than vpn.example.org: auth.server_name",
    ),
    "revoked": ("password", {"crl_file": "revoked"}, "was revoked: its operator has to"),
    "expired": ("old", {}, "has expired: its operator has to give it another one"),
}


@pytest.mark.parametrize("what", WRONG_SERVERS)
def test_server(world: World, what: str) -> None:
    """Who is not the server that was meant hears no password, and the user why."""
    kind, auth, reason = WRONG_SERVERS[what]
    paths = {"outside": world.outside / "ca.pem", "revoked": world.revoked / "crl.pem"}
    configure(world, kind, **{key: paths.get(value, value) for key, value in auth.items()})
    assert_refused(world, "alice", f"the server's certificate {reason}")
    log = world.bad.log_text()
    assert f"login given up by this end: the server's certificate {reason}" in log
    assert f"refused: the server's certificate {reason}" not in log


STRANGERS: dict[str, tuple[str, str | None, str, str]] = {
    # kind of tunnel, certificate shown, user, password
    "nobody": ("password", None, "mallory", PASSWORD),
    "password": ("password", None, "alice", "another one"),
    "of another authority": ("both", "outside", "alice", PASSWORD),
    "of another user": ("both", "bob", "alice", PASSWORD),
    "expired": ("both", "old", "alice", PASSWORD),
    "with a wrong password": ("both", "alice", "alice", "another one"),
    "expired, alone": ("certificate", "old", "alice", PASSWORD),
}


@pytest.mark.parametrize("what", STRANGERS)
def test_stranger(world: World, what: str) -> None:
    """Whatever it is, it is told in the same words."""
    kind, shown, user, password = STRANGERS[what]
    shows = world.outside / "alice" if shown == "outside" else shown and world.bad.files / shown
    configure(world, kind, shows=shows)
    assert_refused(world, user, STRANGER, password)
    assert "mallory" not in world.server.log_text()


def test_lacking(world: World) -> None:
    """What the server wants besides is named at once."""
    configure(world, "both")
    assert_refused(world, "alice", "the server wants a certificate: auth.certificate_file")
    configure(world, "both", shows=world.bad.files / "alice")
    wait_until(
        lambda: "the server wants a password: umbra login" in world.bad.umbra("status").stdout, 10, "a reason"
    )


def test_account(world: World) -> None:
    """Who has shown who he is hears what is the matter, by password and by certificate."""
    configure(world, "password")
    assert_refused(world, "late", "the user's account has expired: its operator can prolong it")
    configure(world, "certificate", shows=world.bad.files / "late")
    wait_until(lambda: "has expired" in world.bad.umbra("status").stdout, 10, "a reason")


def works(world: World, kind: str) -> bool:
    return reachable(world.bad.namespace, inside(kind))


@pytest.mark.parametrize("kind", ["both", "certificate"])
def test_revoked(world: World, kind: str) -> None:
    """Right in all of it, until `umbra ca revoke` and `umbra reload`: a second later nothing of the
    session is left, no ticket brings it back, and the next login is a stranger's."""
    server, client = world.server, world.bad
    user = f"carol-{kind}"
    authority = server.authority.parent
    server.add_user(user, PASSWORD if kind == "both" else None)
    issue(server, client.files, authority, user)
    configure(world, kind, shows=client.files / user)
    if kind == "both":
        status, said = log_in(world, user)
        assert status == 0, said
    wait_until(lambda: works(world, kind), 10, "pings")
    server.umbra("ca", "revoke", user, "--directory", str(authority))
    server.umbra("reload")
    wait_until(lambda: not works(world, kind), 1 + STALL, "an end of traffic")
    peers = server.peers(world.names[kind])
    assert peers[user]["state"] != "connected"
    assert_refused(world, user, STRANGER)
    assert not works(world, kind)
