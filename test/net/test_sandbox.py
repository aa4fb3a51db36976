"""What the processes may still do once strangers have taken them over: nothing of use."""

from __future__ import annotations

import ctypes
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile

import pytest

from harness.device import BIN, Device, environment, new_key
from harness.lab import Lab
from harness.node import Node
from harness.nodes import make_nodes
from harness.pair import inner_address
from harness.process import wait_until
from harness.traffic import assert_pings

DRIVER = BIN.parent / "drivers" / "compromised"
pytestmark = [
    pytest.mark.umbra,
    pytest.mark.calm,
    pytest.mark.skipif(not DRIVER.exists(), reason=f"there is no {DRIVER}: build `drivers`"),
]

# Sanitizers' programs keep account and files, see src/daemon/sandbox.h.
sanitized = b"__sanitizer" in (BIN / "umbrad").read_bytes()
whole = pytest.mark.skipif(sanitized, reason="the sandbox of a sanitizer's program is not whole")

# What is tried, and how the driver calls it; what it needs besides is a place, process or family.
ATTACKS = {
    "read key": "read",
    "read shadow": "read",
    "read store": "read",
    "read program": "read",
    "write": "write",
    "write elsewhere": "write",
    "execute": "execute",
    "execute-memory": "",
    "fork": "",
    "netlink": "socket",
    "packet": "socket",
    "inet": "socket",
    "control socket": "connect",
    "other port": "connect-tcp",
    "abstract socket": "connect-abstract",
    "root": "",
    "ptrace": "ptrace",
    "read-memory": "read-memory",
    "open-memory": "open-memory",
    "signal": "signal",
    "mount": "",
    "user-namespace": "",
    "setns": "",
    "chroot": "",
    "io_uring": "",
    "bpf": "",
    "keyctl": "",
    "perf": "",
    "module": "",
    "handle": "",
    "code": "",
    "linger": "",
    "signal-owner": "",
    "signal-number": "",
    "lease": "",
    "watch": "",
    "pair": "",
    "bind": "",
    "listen": "",
}

# The store is control's own; streams lead to all ports.
ALLOWED = {("control", "read store"), ("control", "write"), ("streams", "other port")}
PROCESSES = ("net", "streams", "control")

# What a library may try with no bad intent is refused; the process that tries the rest is ended.
REFUSED = {
    *("read key", "read shadow", "read store", "read program", "write", "write elsewhere"),
    *("control socket", "other port", "abstract socket", "open-memory", "code", "linger"),
    *("signal-owner", "signal-number", "lease", "watch", "pair"),
}

# Only this refuses them to control, in the version of Landlock that came with them.
LANDLOCK = {"read program": 1, "write elsewhere": 1, "other port": 4, "abstract socket": 6}


def landlock_version() -> int:
    create, version = 444, 1  # landlock_create_ruleset(), LANDLOCK_CREATE_RULESET_VERSION
    return ctypes.CDLL(None).syscall(create, None, ctypes.c_size_t(0), version)


def expected(process: str, label: str) -> str:
    if (process, label) in ALLOWED:
        return "done"
    return "refused" if label in REFUSED else "killed"


def attack(process: str, name: str, argument: str, folder: pathlib.Path) -> str:
    """ "done", "refused" or "killed"."""
    made = environment(folder)
    command = [str(DRIVER), "attack", process, name, argument]
    result = subprocess.run(
        command, cwd=folder, env=made, stdin=subprocess.DEVNULL, capture_output=True, timeout=20
    )
    if result.returncode == -signal.SIGSYS:
        return "killed"
    # A program that took this one's place says nothing.
    assert result.returncode in (0, 1), result.stderr.decode(errors="replace")
    return "refused" if result.returncode else "done"


@whole
def test_attacks_on_the_system(lab: Lab) -> None:
    """Each is possible outside of the sandbox, and not inside it, for net as for control; but for a
    net that carries streams, which connects where it likes."""
    node = Node(lab, lab.namespace("alone"), "node")
    node.tunnel(["10.66.0.1/24"])
    node.start()
    assert node.process
    store = node.state / "store"
    (store / "mine").write_text("mine")
    os.chmod(store / "mine", 0o644)
    victim = subprocess.Popen(["sleep", "60"])
    lab.defer(victim.kill)
    everyones = pathlib.Path(tempfile.mkdtemp())
    lab.defer(lambda: shutil.rmtree(everyones))
    os.chmod(everyones, 0o777)
    listener = socket.socket(socket.AF_UNIX)
    lab.defer(listener.close)
    listener.bind(f"\0umbra-{os.getpid()}")
    listener.listen()
    arguments = {
        "read key": str(next(node.folder.glob("*.key"))),
        "read shadow": "/etc/shadow",
        "read store": "mine",
        "read program": "/bin/true",
        "write": "written",
        "write elsewhere": str(everyones / "written"),
        "execute": "/bin/true",
        "netlink": "16",
        "packet": "17",
        "inet": "2",
        "control socket": str(node.socket),
        "other port": "8080",
        "abstract socket": f"umbra-{os.getpid()}",
    }
    version = landlock_version()
    wrong = []
    for label, name in ATTACKS.items():
        if LANDLOCK.get(label, 0) > version:
            continue
        argument = arguments.get(label, str(victim.pid))
        found = {}
        for process in ("none", *PROCESSES):
            found[process] = attack(process, name or label, argument, store)
            for folder in (store, everyones):
                (folder / "written").unlink(missing_ok=True)
        for process in PROCESSES:
            if found[process] != expected(process, label):
                wrong.append((label, process, found[process]))
        if found["none"] != "done":
            wrong.append((label, "none", found["none"]))
    assert not wrong
    # The sandbox itself is no obstacle to what is not forbidden.
    assert attack("net", "nothing", "", store) == "done"
    assert attack("streams", "streams", "8080", store) == "done"


def status_of(pid: int) -> dict[str, str]:
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


NOTHING = "0" * 16


class Member(Node):
    """umbrad of an account that is in groups."""

    def command(self, *options: str) -> list[str]:
        return ["setpriv", "--groups=4321,4322", *super().command(*options)]


@whole
@pytest.mark.parametrize("switch", ["on", "off"])
def test_processes_are_inside(lab: Lab, switch: str) -> None:
    """Account, capabilities and filters of the real processes; off is off."""
    node = Member(lab, lab.namespace("alone"), "node", settings={"sandbox": switch})
    node.tunnel(["10.66.0.1/24"])
    node.start()
    assert node.process
    everything = status_of(os.getpid())["CapBnd"]
    parts = {name: status_of(node.part(name)) for name in ("net", "control")}
    for name, found in parts.items():
        if switch == "off":
            assert found["Uid"].split() == ["0"] * 4 and found["Seccomp"] == "0", name
            assert found["CapEff"] != NOTHING and found["NoNewPrivs"] == "0", name
            continue
        assert set(found["Uid"].split()) == set(found["Gid"].split()), name
        assert 61184 <= int(found["Uid"].split()[0]) <= 65519, name
        assert not found["Groups"].split(), name
        # Others of the account may not look into it.
        assert os.stat(f"/proc/{node.part(name)}/environ").st_uid == 0, name
        for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert found[kind] == NOTHING, (name, kind)
        assert found["NoNewPrivs"] == "1" and found["Seccomp"] == "2", name
        # Every thread of it.
        for task in pathlib.Path(f"/proc/{node.part(name)}/task").iterdir():
            assert "Seccomp:\t2" in (task / "status").read_text()
    main = status_of(node.process.pid)
    assert main["Groups"].split() == ["4321", "4322"]
    if switch == "off":
        assert "the sandbox is off" in node.log_text() and main["Seccomp"] == "0"
        return
    assert main["Seccomp"] == "2" and main["NoNewPrivs"] == "1"
    assert main["CapBnd"] == main["CapPrm"] == main["CapEff"] != everything
    kept = int(main["CapEff"], 16)
    for number in (2, 3, 4, 16, 17, 19, 22, 25, 27, 38, 39):  # SYS_MODULE, SYS_PTRACE, BPF among them
        assert not kept >> number & 1, number
    owner = (node.state / "store").stat()
    assert owner.st_uid == int(parts["control"]["Uid"].split()[0]) and owner.st_mode & 0o777 == 0o700
    assert node.state.stat().st_uid == 0


def is_gone(pid: int) -> bool:
    """Or waits for somebody to ask how it ended."""
    try:
        return status_of(pid)["State"].startswith("Z")
    except FileNotFoundError:
        return True


def test_processes_end_with_the_daemon(lab: Lab) -> None:
    """Also those that cannot notice by themselves that nobody is there any more."""
    node = Node(lab, lab.namespace("alone"), "node")
    node.tunnel(["10.66.0.1/24"])
    node.start()
    parts = [node.part(name) for name in ("net", "control")]
    for pid in parts:
        os.kill(pid, signal.SIGSTOP)
    node.kill()
    try:
        wait_until(lambda: all(is_gone(pid) for pid in parts), 5, "the end of net and control")
    finally:
        for pid in parts:
            if not is_gone(pid):
                os.kill(pid, signal.SIGKILL)


@whole
def test_umbra_wg_is_inside(lab: Lab) -> None:
    """So is the net process of umbra-wg, unless --no-sandbox is given."""
    for options, seccomp in ((["--no-sandbox"], "0"), ([], "2")):
        device = Device(lab, lab.namespace(f"wg{seccomp}"), options=options).start()
        found = status_of(wait_until(device.net_pid, 5, "a net process"))
        assert found["Seccomp"] == seccomp and (found["CapEff"] == NOTHING) == (seccomp == "2")


class Compromised(Node):
    """umbrad, one process of which sends what it is not told to."""

    attack = "messages"

    def command(self, *options: str) -> list[str]:
        once = self.lab.folder / f"once-{self.label}"
        return [
            *("env", f"UMBRA_ATTACK={self.attack}", f"UMBRA_ATTACK_ONCE={once}"),
            f"UMBRA_ATTACK_TUNNEL={next(iter(self.tunnels))}",
            *(str(DRIVER), "-c", str(self.configuration), *options),
        ]


def compromise(lab: Lab, attack: str) -> tuple[Node, Node, str]:
    """A pair whose server is taken over; its tunnel has one name, and a second tunnel is down."""
    pair = make_nodes(lab)
    server = pair.server
    server.__class__ = Compromised
    server.attack = attack  # type: ignore[attr-defined]
    server.tunnel(["10.99.0.1/24"], autostart=False)
    pair.start()
    return server, pair.client, pair.server_tunnel


def sockets(node: Node) -> str:
    return node.namespace.run("ss", "-Hlnu").stdout


def kept(node: Node, name: str) -> int:
    """Descriptors of a memory file that the privileged process has open."""
    assert node.process
    folder = pathlib.Path(f"/proc/{node.process.pid}/fd")
    found = [os.readlink(descriptor) for descriptor in folder.iterdir()]
    assert len(found) > 5
    return sum(link.startswith(f"/memfd:{name}") for link in found)


def test_messages_of_net(lab: Lab) -> None:
    """Ports, marks, shards, other sockets and settings of the interface that the configuration does
    not say are refused; packets pass on."""
    server, client, _ = compromise(lab, "messages")
    before = sockets(server)
    wait_until(lambda: "the messages were sent" in server.log_text(), 10, "the attack")
    wait_until(lambda: "refused so far: 6" in server.log_text(), 5, "six refusals")
    assert ":53 " not in sockets(server) and sockets(server) == before
    assert "198.51.100" not in server.traces()["routes"]
    assert_pings(client.namespace, inner_address(1, 4))
    assert "the net process ended" not in server.log_text()


def test_journals_of_net(lab: Lab) -> None:
    """One for a tunnel is kept; those before it, and one of no tunnel, are not."""
    server, client, _ = compromise(lab, "journals")
    wait_until(lambda: "the messages were sent" in server.log_text(), 10, "the attack")
    assert_pings(client.namespace, inner_address(1, 4))
    wait_until(lambda: kept(server, "attack") == 1, 5, "one journal")
    assert "the net process ended" not in server.log_text()


@pytest.mark.parametrize("attack", ["slot", "type", "length", "descriptors"])
def test_broken_messages_of_net(lab: Lab, attack: str) -> None:
    """What is no message, or has descriptors where none belong, ends net; the next one is good."""
    server, client, _ = compromise(lab, attack)
    wait_until(lambda: "the net process is ready again" in server.log_text(), 15, "a good net")
    assert "message of the net process" in server.log_text()
    assert kept(server, "attack") == 0
    assert_pings(client.namespace, inner_address(1, 4))


def test_flood_of_net(lab: Lab) -> None:
    """A process that asks on and on and reads no answer is ended, and does not fill the log."""
    server, client, _ = compromise(lab, "flood")
    wait_until(lambda: "the net process is ready again" in server.log_text(), 15, "a good net")
    assert "reply to the net process: it does not read" in server.log_text()
    assert server.log_text().count("refused: the net process asks") < 25
    assert_pings(client.namespace, inner_address(1, 4))


def test_messages_of_control(lab: Lab) -> None:
    """Unknown tunnels, default routes and no routes at all change nothing; its end is no matter."""
    server, client, name = compromise(lab, "control")
    wait_until(lambda: "the control process is ready again" in server.log_text(), 15, "control")
    text = server.log_text()
    assert text.count("answer to message") == 6
    assert "there is no tunnel nosuch" in text and "there is no tunnel ../../etc" in text
    assert "refused: 4 routes wider than" in text
    routes = server.traces()["routes"]
    assert "0.0.0.0/1" not in routes and "128.0.0.0/1" not in routes
    assert kept(server, "text") == 0
    assert_pings(client.namespace, inner_address(1, 4))


def test_killed_by_the_filter(lab: Lab) -> None:
    """The log says what ended a process that made a forbidden call, and it is started again."""
    if sanitized:
        pytest.skip("it has no such filter")
    node = Node(lab, lab.namespace("alone"), "node")
    node.tunnel(["10.66.0.1/24"])
    node.start()
    os.kill(node.part("net"), signal.SIGSYS)
    wait_until(lambda: "the net process is ready again" in node.log_text(), 10, "net")
    assert "by its sandbox" in node.log_text()


UNIT = pathlib.Path(__file__).parents[2] / "deploy/systemd/umbrad.service.in"


class Unit(Node):
    """umbrad with the capabilities that its unit leaves it."""

    def command(self, *options: str) -> list[str]:
        names = re.findall(r"CAP_(\w+)", UNIT.read_text())
        kept = ",".join(["-all"] + [f"+{name.lower()}" for name in names])
        rights = ["setpriv", f"--bounding-set={kept}", "--inh-caps=-all", "--no-new-privs"]
        return [*rights, *super().command(*options)]


def test_rights_of_the_unit(lab: Lab) -> None:
    """They are enough for the first start, and for the next one, which finds its folders."""
    node = Unit(lab, lab.namespace("alone"), "node")
    name = node.tunnel(["10.66.0.1/24"])
    for _ in range(2):
        node.start()
        assert not node.peers(name)
        node.stop()


@whole
def test_store_of_before_is_moved(lab: Lab) -> None:
    """A store that an earlier version left in the state folder is found in its new place."""
    node = Node(lab, lab.namespace("alone"), "node")
    name = node.tunnel(["10.66.0.1/24"])
    node.start()
    node.umbra("peer", "add", name, "kept", "--public-key", new_key().public)
    node.stop()
    for file in (node.state / "store").iterdir():
        os.chown(file, 0, 0)
        file.rename(node.state / file.name)
    (node.state / "store").rmdir()
    node.start()
    assert list(node.peers(name)) == ["kept"]
    assert not (node.state / "umbra.db").exists()
