"""Split tunnelling by application: umbra exec --outside and --inside."""

from __future__ import annotations

import os
import pathlib
import pwd
import signal

import pytest

from harness.device import BIN, environment
from harness.lab import Lab
from harness.pair import inner_address, outer_address
from harness.process import Process, run, wait_until
from harness.resolving import Leaks, NamedNode, serve_names
from harness.split import BEHIND, World
from harness.traffic import assert_pings

pytestmark = [pytest.mark.umbra, pytest.mark.calm]

# What a program does: TCP, UDP with and without connect(), and each tells who it is for the other.
PROGRAM = """
import socket, sys
for family, address in ((socket.AF_INET, sys.argv[1]), (socket.AF_INET6, sys.argv[2])):
    with socket.create_connection((address, 7), 5) as tcp:
        print(tcp.getsockname()[0], tcp.recv(100).decode())
    for connected in (True, False):
        with socket.socket(family, socket.SOCK_DGRAM) as udp:
            udp.settimeout(5)
            if connected:
                udp.connect((address, 7))
                udp.send(b"?")
            else:
                udp.sendto(b"?", (address, 7))
            print(udp.getsockname()[0] if connected else "-", udp.recv(100).decode())
"""

# The other side answers with the address that it sees.
ANSWERER = """
import selectors, socket
chosen = selectors.DefaultSelector()
for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
    made = socket.socket(socket.AF_INET6, kind)
    made.bind(("::", 7))
    if kind == socket.SOCK_STREAM:
        made.listen(8)
    chosen.register(made, selectors.EVENT_READ)
print("ready", flush=True)
while True:
    for key, _ in chosen.select():
        if key.fileobj.type == socket.SOCK_STREAM:
            connection, peer = key.fileobj.accept()
            connection.sendall(peer[0].removeprefix("::ffff:").encode())
            connection.close()
        else:
            _, peer = key.fileobj.recvfrom(100)
            key.fileobj.sendto(peer[0].removeprefix("::ffff:").encode(), peer)
"""


def open_world(lab: Lab, **routes: object) -> World:
    world = World(lab)
    if routes:
        world.values()["routes"] = routes
    world.let_out()
    answerer = world.behind.spawn("python3", "-uc", ANSWERER)
    wait_until(lambda: "ready" in answerer.output(), 5, "the answerer")
    world.pair.start()
    lab.defer(lambda: [folder.rmdir() for folder in folders(world)])
    return world


def talk(world: World, *how: str) -> list[str]:
    """What the program saw of itself, and what the other side saw of it."""
    said = world.pair.client.umbra(
        *("exec", *how, "python3", "-c", PROGRAM, BEHIND[4][0], BEHIND[6][0]), timeout=60
    )
    return said.stdout.split()


def seen(family_4: str, family_6: str, behind: tuple[str, str] | None = None) -> list[str]:
    far = behind or (family_4, family_6)
    return [
        word
        for near, other in zip((family_4, family_6), far)
        for word in (near, other, near, other, "-", other)
    ]


def folders(world: World) -> list[pathlib.Path]:
    """Control groups of this namespace."""
    mounts = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
    mount = next(m.split()[4] for m in mounts if " - cgroup2 " in m)
    number = os.stat(world.near.path).st_ino
    return sorted(pathlib.Path(mount, "umbra", str(number)).glob("*side*"))


def groups(world: World) -> list[str]:
    return [folder.name for folder in folders(world)]


def members(world: World) -> list[str]:
    return [(folder / "cgroup.procs").read_text() for folder in folders(world)]


def test_outside(lab: Lab) -> None:
    """TCP, UDP and ping of a command go past the tunnel, with the source that belongs there."""
    world = open_world(lab)
    world.near.sysctl("net.ipv4.conf.all.rp_filter", 1)
    world.watch()
    inside = [inner_address(2, 4), inner_address(2, 6)]
    hidden = ("203.0.113.1", "2001:db8:7::1")
    plain = run(
        world.near.command(["python3", "-c", PROGRAM, BEHIND[4][0], BEHIND[6][0]])
    ).stdout.split()
    assert plain == seen(*inside, behind=hidden)
    assert talk(world, "--outside") == seen(outer_address(2, 4), outer_address(2, 6))
    for family in (4, 6):
        address = BEHIND[family][1]
        world.pair.client.umbra("exec", "--outside", "ping", "-n", "-c", "2", "-i", "0.1", address)
    ways = world.ways()
    # What was pinged was pinged outside alone.
    assert ways["cable41"] and ways["cable61"], ways
    assert not ways["tunnel41"] and not ways["tunnel61"], ways
    # All others still go inside, and the group goes with the daemon.
    assert groups(world) == ["outside"]
    assert world.way_of(BEHIND[4][0]) == "tunnel"
    assert world.pair.client.stop() == 0
    assert groups(world) == []
    assert "32692" not in world.pair.client.traces()["rules"]
    assert "umbra_split" not in world.pair.client.traces()["tables"]


def test_inside(lab: Lab) -> None:
    """A command goes into the tunnel whatever the routes say, and nowhere else, come what may."""
    world = open_world(lab, include=[])
    client = world.pair.client
    world.near.sysctl("net.ipv4.conf.all.rp_filter", 1)
    assert world.way_of(BEHIND[4][0]) == "cable"
    world.watch()
    inside = [inner_address(2, 4), inner_address(2, 6)]
    hidden = ("203.0.113.1", "2001:db8:7::1")
    assert talk(world, "--inside", world.tunnel) == seen(*inside, behind=hidden)
    assert not any(way for name, way in world.ways().items() if name.startswith("cable"))
    world.pair.server.namespace.count(
        "prerouting", bare=f"ip saddr {outer_address(2, 4)} ip daddr {BEHIND[4][1]}"
    )
    # One that stays: while the tunnel is down, and after the daemon was killed, it reaches nobody.
    loop = f"while :; do ping -n -c 1 -W 0.3 {BEHIND[4][1]} && echo there; sleep 0.1; done"
    made = environment(lab.folder)
    made["UMBRA_SOCKET"] = str(client.socket)
    stays = Process(
        world.near.command([str(BIN / "umbra"), "exec", "--inside", world.tunnel, "sh", "-c", loop]),
        lab.folder / "stays.log",
        made,
    )
    lab.defer(lambda: stays.stop(signal.SIGKILL))

    def reaches() -> bool:
        before = stays.output().count("there")
        wait_until(lambda: stays.output().count("there") > before, 5, "it reaches it")
        return True

    assert reaches()
    client.umbra("down", world.tunnel)
    before = stays.output().count("nreachable")
    wait_until(lambda: stays.output().count("nreachable") > before + 2, 5, "it is refused")
    client.umbra("up", world.tunnel)
    assert reaches()
    client.kill()
    wait_until(lambda: world.tunnel not in world.near.links(), 5, "the interface is gone")
    # The rules that refuse it are there still; without them it is stopped all the same.
    world.near.ip("rule del priority 32691")
    before = stays.output().count("100% packet loss")
    wait_until(lambda: stays.output().count("100% packet loss") > before + 2, 5, "it is stopped")
    # The next daemon takes it up again.
    client.start()
    assert reaches()
    assert world.pair.server.namespace.counters()["bare"] == 0
    # The same packets of anybody else are counted there.
    assert_pings(world.near, BEHIND[4][1], 1)
    assert world.pair.server.namespace.counters()["bare"] == 1
    stays.stop(signal.SIGKILL)
    wait_until(lambda: not any(members(world)), 5, "nobody is in it")
    assert client.stop() == 0
    assert groups(world) == []


def test_command(lab: Lab) -> None:
    """Exit codes, users, and what is asked for wrongly."""
    world = World(lab)
    world.pair.client.start()
    client = world.pair.client
    ends = client.umbra("exec", "--outside", "sh", "-c", "echo $UMBRA_SOCKET --help; exit 7", check=False)
    assert ends.returncode == 7
    assert ends.stdout == f"{client.socket} --help\n"
    assert client.umbra("exec", "--outside", "false", check=False).returncode == 1
    assert client.umbra("exec", "--outside", "/nowhere", check=False).returncode == 127
    assert client.umbra("exec", "--outside", "/etc/passwd", check=False).returncode == 126
    # Of nobody's own rights nothing is left of root's.
    nobody = pwd.getpwnam("nobody")
    show = ("sh", "-c", "id -u; id -g; id -G; grep -E '^(CapEff|Uid)' /proc/self/status")
    said = client.umbra("exec", "--outside", "--user", "nobody", *show).stdout.split()
    assert said[:2] == [str(nobody.pw_uid), str(nobody.pw_gid)]
    assert "0000000000000000" in said and "0" not in said
    by_sudo = run(
        world.near.command(
            ["env", f"SUDO_UID={nobody.pw_uid}", f"SUDO_GID={nobody.pw_gid}", str(BIN / "umbra")]
            + ["--socket", str(client.socket), "exec", "--outside", *show]
        )
    ).stdout.split()
    assert by_sudo == said
    # Refusals.
    refused = client.umbra("exec", "--inside", "um-none", "true", check=False)
    assert refused.returncode == 1 and "there is no tunnel um-none" in refused.stderr
    client.umbra("down", world.tunnel)
    refused = client.umbra("exec", "--inside", world.tunnel, "true", check=False)
    assert refused.returncode == 1 and "is not up" in refused.stderr
    assert client.umbra("exec", "true", check=False).returncode == 2
    assert client.umbra("exec", "--outside", check=False).returncode == 2
    command = ["setpriv", "--reuid", "65534", "--clear-groups", str(BIN / "umbra")]
    refused = run(world.near.command([*command, "exec", "--outside", "true"]), check=False)
    assert refused.returncode == 1 and "only root" in refused.stderr


def test_inside_without_v6(lab: Lab) -> None:
    """Into a tunnel that has no IPv6 nothing of it goes, nor past it."""
    world = World(lab)
    world.values().update(addresses=[f"{inner_address(2, 4)}/24"], routes={"include": []})
    world.let_out()
    world.pair.start()
    client = world.pair.client
    assert_pings(world.near, BEHIND[6][0])
    client.umbra("exec", "--inside", world.tunnel, "ping", "-n", "-c", "1", BEHIND[4][0])
    inside = ("exec", "--inside", world.tunnel, "ping", "-n", "-c", "1", "-W", "1")
    refused = client.umbra(*inside, BEHIND[6][0], check=False)
    assert refused.returncode != 0 and "unreachable" in refused.stderr
    # A reload that gives it addresses of the other family alone turns it round.
    world.values()["addresses"] = [f"{inner_address(2, 6)}/64"]
    client.reload()
    client.umbra(*inside, BEHIND[6][0])
    refused = client.umbra(*inside, BEHIND[4][0], check=False)
    assert refused.returncode != 0 and "unreachable" in refused.stderr


# Names, which a server behind the far end of the tunnel knows: in none of its networks.
NAMES = {"four.umbra.test": BEHIND[4][0], "six.umbra.test": BEHIND[6][0]}
SERVERS = (BEHIND[4][1], BEHIND[6][1])
PLAIN = b"nameserver 198.51.100.9\noptions timeout:1 attempts:1\n"
SERVERS_RULE = "32689:"

# Begins a question of each kind, waits for no answer, and says as whom another service knows it.
ASKER = """
import socket, sys
address = sys.argv[1]
family = socket.AF_INET6 if ":" in address else socket.AF_INET
for port in (53, 853):
    with socket.socket(family, socket.SOCK_DGRAM) as udp:
        try:
            udp.sendto(b"?", (address, port))
        except OSError:
            pass
    with socket.socket(family, socket.SOCK_STREAM) as tcp:
        tcp.settimeout(0.3)
        tcp.connect_ex((address, port))
with socket.create_connection((address, 7), 5) as tcp:
    print(tcp.recv(100).decode())
"""

ASKS = """
import socket, sys
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"?", (sys.argv[1], 53))
"""


class NamedWorld(World):
    """The client resolves by name servers of its tunnel, through a resolv.conf of its own."""

    def __init__(self, lab: Lab, servers: list[str], **values: object) -> None:
        dns = {"servers": servers, "manager": "file"}
        super().__init__(lab, client={"dns": dns, **values}, client_kind=NamedNode)
        self.lab = lab
        self.let_out()
        answerer = self.behind.spawn("python3", "-uc", ANSWERER)
        wait_until(lambda: "ready" in answerer.output(), 5, "the answerer")
        for server in SERVERS:
            serve_names(lab, self.behind, server, NAMES)
        # What comes back is to pass a strict one, too.
        self.near.sysctl("net.ipv4.conf.all.rp_filter", 1)
        self.client = self.pair.client
        self.client.file.write_bytes(PLAIN)
        (link,) = [name for name in self.near.links() if name.startswith("v")]
        self.leaks = Leaks(self.near, link)
        self.pair.start()
        lab.defer(lambda: [folder.rmdir() for folder in folders(self)])

    def outside(self, program: str, *arguments: str) -> list[str]:
        """What a program past the tunnels says, which finds the name servers as any other does."""
        made = environment(self.lab.folder)
        made["UMBRA_SOCKET"] = str(self.client.socket)
        tool = [str(BIN / "umbra"), "exec", "--outside"]
        command = self.client.inside(*tool, "python3", "-c", program, *arguments)
        said = run(self.near.command(command), check=False, env=made, timeout=60)
        return said.stdout.split()

    def rules(self) -> list[str]:
        return [line for line in self.client.traces()["rules"].splitlines() if SERVERS_RULE in line]


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "bare"])
def test_outside_asks_inside(lab: Lab, guarded: bool) -> None:
    """Past the tunnel go a command's flows, but through it its questions to the tunnel's servers."""
    values = {} if guarded else {"kill_switch": False}
    world = NamedWorld(lab, [SERVERS[0]], **values)
    client, dns = world.client, world.values()["dns"]
    if not guarded:
        dns["leak_protection"] = False
        client.reload()
    outer, names = [outer_address(2, 4), outer_address(2, 6)], list(NAMES)
    for server in SERVERS:
        dns["servers"] = [server]
        client.reload()
        # By UDP, as the system's resolver does; each of the flows that follow is asked for anew.
        assert world.outside(PROGRAM, *names) == seen(*outer)
        assert world.leaks.seen() == set()
        # UDP and TCP, 53 and 853, to this server and to no other.
        rules = world.rules()
        assert len(rules) == 4 and all(f"to {server} " in rule for rule in rules), rules
        number = SERVERS.index(server)
        world.near.count(
            "postrouting",
            **{
                f"asked{number}{kind}{port}": f'oifname "{world.tunnel}" {kind} dport {port}'
                for kind in ("udp", "tcp")
                for port in (53, 853)
            },
        )
        world.near.count(
            "prerouting",
            **{f"answered{number}": f'iifname "{world.tunnel}" udp sport 53'},
            **{f"marked{number}": f'iifname "{world.tunnel}" meta mark != 0'},
        )
        # Any other port of it is somebody's service, and reached as all else.
        assert world.outside(ASKER, server) == [outer[number]]
        assert world.outside(PROGRAM, *names) == seen(*outer)
        counters = world.near.counters()
        asked = {n: c for n, c in counters.items() if n.startswith(f"asked{number}")}
        assert len(asked) == 4 and all(asked.values()), asked
        # Replies are looked for where they come from, without a mark, also by a strict filter.
        assert counters[f"answered{number}"] > 0 and counters[f"marked{number}"] == 0, counters
        assert world.leaks.seen() == set()
    # Without the tunnel nothing of it is left.
    client.umbra("down", world.tunnel)
    assert world.rules() == []
    assert client.file.read_bytes() == PLAIN
    client.umbra("up", world.tunnel)
    assert world.outside(PROGRAM, *names) == seen(*outer)
    assert client.stop() == 0
    assert world.rules() == []


def test_outside_asks_nobody(lab: Lab) -> None:
    """With a kill switch, a tunnel that has failed, and a daemon that was killed, leak no question."""
    world = NamedWorld(lab, list(SERVERS))
    client = world.client
    assert world.outside(PROGRAM, *NAMES) == seen(outer_address(2, 4), outer_address(2, 6))
    assert len(world.rules()) == 8
    world.near.ip(f"link del {world.tunnel}")
    wait_until(
        lambda: client.tunnel_status(world.tunnel)["state"] == "failed", 5, "the tunnel has failed"
    )
    for server, source in zip(SERVERS, (outer_address(2, 4), outer_address(2, 6))):
        assert world.outside(ASKER, server) == [source]
    assert world.leaks.seen() == set()
    assert len(world.rules()) == 8
    client.umbra("down", world.tunnel)
    assert world.rules() == []
    client.umbra("up", world.tunnel)
    assert len(world.rules()) == 8
    # One that stays, and so keeps the group.
    loop = f"while :; do python3 -c '{ASKS}' {SERVERS[0]}; sleep 0.05; done"
    made = environment(lab.folder)
    made["UMBRA_SOCKET"] = str(client.socket)
    stays = Process(
        world.near.command([str(BIN / "umbra"), "exec", "--outside", "sh", "-c", loop]),
        lab.folder / "stays.log",
        made,
    )
    lab.defer(lambda: stays.stop(signal.SIGKILL))
    wait_until(lambda: any(members(world)), 5, "it is in the group")
    client.kill()
    wait_until(lambda: world.tunnel not in world.near.links(), 5, "the interface is gone")
    assert len(world.rules()) == 8
    client.start()
    assert len(world.rules()) == 8
    world.values()["dns"]["servers"] = [SERVERS[1]]
    client.reload()
    assert len(world.rules()) == 4
    # Nobody's servers any more: the tunnel has none, or there is no tunnel.
    assert world.leaks.seen() == set()
    client.umbra("down", world.tunnel)
    assert world.rules() == []
    stays.stop(signal.SIGKILL)
    wait_until(lambda: not any(members(world)), 5, "nobody is in it")


def test_outside_asks_by_narrow_routes(lab: Lab) -> None:
    """A tunnel that takes no default route needs no rule: its routes lead to its servers."""
    include = [f"{SERVERS[0]}/32", f"{SERVERS[1]}/128"]
    world = NamedWorld(lab, list(SERVERS), routes={"include": include})
    assert world.outside(PROGRAM, *NAMES) == seen(outer_address(2, 4), outer_address(2, 6))
    assert world.leaks.seen() == set()
    assert world.rules() == []
