"""Bad input: one clear line, a failure, and nothing half done is left."""

from __future__ import annotations

import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator

import pytest

from harness.device import BIN, Device, new_key
from harness.lab import SOCKETS, Lab
from harness.pair import make_pair
from harness.process import run, wait_until
from harness.traffic import assert_pings

pytestmark = pytest.mark.calm


def start(
    device: Device, *before: str, foreground: bool = True
) -> subprocess.CompletedProcess[str]:
    """Runs the daemon behind other words, quietly as a user would; it should fail by itself."""
    quiet = {name: value for name, value in device.environment.items() if name != "LOG_LEVEL"}
    command = device.namespace.command([*before, *device.command(foreground)])
    return run(command, check=False, timeout=10, env=quiet)


def one_clear_line(result: subprocess.CompletedProcess[str], *words: str) -> None:
    assert result.returncode not in (0, None) and result.returncode > 0
    assert result.stdout == ""
    assert re.fullmatch(r"[^\n]{10,300}\n", result.stderr), result.stderr
    for word in words:
        assert word in result.stderr


@pytest.fixture
def device(lab: Lab) -> Device:
    return Device(lab, lab.namespace("alone"))


both_ways = pytest.mark.parametrize("foreground", [True, False], ids=["foreground", "daemon"])


@pytest.mark.umbra
@both_ways
def test_no_tun_device(device: Device, foreground: bool) -> None:
    """Without /dev/net/tun the error names it."""
    hide = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /dev/net && exec "$@"', "sh"]
    one_clear_line(start(device, *hide, foreground=foreground), "/dev/net/tun")
    assert device.gone()


@pytest.fixture
def public_binaries() -> Iterator[pathlib.Path]:
    """A copy of the programs where every user may run them."""
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder)
        copy.chmod(0o755)
        for name in ("umbrad", "umbra-wg"):
            shutil.copy(BIN / name, copy / name, follow_symlinks=False)
        yield copy


@pytest.mark.umbra
@both_ways
def test_no_root(device: Device, public_binaries: pathlib.Path, foreground: bool) -> None:
    """Without privileges the error says what is needed."""
    flags = ["-f"] if foreground else []
    drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    argv = [*drop, str(public_binaries / "umbra-wg"), *flags, device.name]
    result = device.namespace.run(*argv, check=False)
    one_clear_line(result, "root")
    assert device.gone()


@pytest.mark.umbra
@both_ways
def test_interface_exists(device: Device, foreground: bool) -> None:
    """A link of that name, of any kind, is left alone."""
    space = device.namespace
    space.ip(f"link add {device.name} type bridge")
    one_clear_line(start(device, foreground=foreground), "exists")
    assert space.links()[device.name]["linkinfo"]["info_kind"] == "bridge"
    assert not device.socket_path.exists()
    assert not space.daemons()
    space.ip(f"link del {device.name}")
    space.run("ip", "tuntap", "add", "dev", device.name, "mode", "tap")
    assert start(device, foreground=foreground).returncode > 0
    assert device.name in space.links() and not space.daemons()


@pytest.mark.umbra
def test_started_twice(lab: Lab) -> None:
    """A second daemon for the same name fails, and the first does not notice."""
    pair = make_pair(lab)
    device = pair.client.device
    assert_pings(pair.client.namespace, pair.server.inner[4])
    one_clear_line(start(device), "exists")
    # From another namespace the name is free, but not its socket.
    elsewhere = Device(lab, lab.namespace("elsewhere"))
    elsewhere.name = device.name
    one_clear_line(start(elsewhere), "running")
    assert device.name not in elsewhere.namespace.links()
    assert not elsewhere.namespace.daemons()
    assert_pings(pair.client.namespace, pair.server.inner[4])
    assert device.answers()


@pytest.mark.umbra
def test_no_place_for_the_socket(device: Device) -> None:
    """When the socket cannot be made, no interface is left either."""
    SOCKETS.mkdir(exist_ok=True)
    hide = f'mount -t tmpfs -o ro none {SOCKETS} && exec "$@"'
    result = start(device, "unshare", "-m", "sh", "-c", hide, "sh")
    one_clear_line(result, device.name)
    assert device.gone()


@pytest.mark.umbra
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["interface"]),
        (["a" * 16], ["interface name"]),
        ([""], ["interface name"]),
        (["a/b"], ["interface name"]),
        ([".."], ["interface name"]),
        (["one", "two"], ["interface name"]),
        (["--nonsense", "one"], ["--nonsense"]),
        (["--shards", "0", "one"], ["--shards"]),
        (["--shards=many", "one"], ["--shards", "many"]),
        (["--no-offload=tun,foo", "one"], ["--no-offload", "foo"]),
    ],
)
def test_wrong_arguments(lab: Lab, arguments: list[str], words: list[str]) -> None:
    """Wrong words on the command line are refused before anything is made."""
    space = lab.namespace("alone")
    one_clear_line(space.run(str(BIN / "umbra-wg"), *arguments, check=False), *words)
    assert set(space.links()) == {"lo"}


@pytest.mark.umbra
def test_wrong_environment(device: Device) -> None:
    """A wrong value of a variable is refused like one of an option."""
    device.environment["UMBRA_AEAD"] = "rot13"
    one_clear_line(start(device), "UMBRA_AEAD", "rot13")
    assert device.gone()


# What the socket answers, below wg(8), which checks most of this itself.

KEY = "11" * 32
WRONG_SETS = {
    "unknown key": "nonsense=1",
    "no equals sign": "nonsense",
    "private key not hexadecimal": f"private_key={'zz' * 32}",
    "private key too short": f"private_key={'11' * 31}",
    "private key too long": f"private_key={'11' * 33}",
    "port too large": "listen_port=65536",
    "port negative": "listen_port=-1",
    "mark too large": "fwmark=4294967296",
    "public key not hexadecimal": f"public_key={'zz' * 32}",
    "peer's key before a peer": "endpoint=192.0.2.1:1",
    "keepalive too large": f"public_key={KEY}\npersistent_keepalive_interval=65536",
    "endpoint without port": f"public_key={KEY}\nendpoint=192.0.2.1",
    "endpoint by name": f"public_key={KEY}\nendpoint=localhost:1",
    "prefix too long": f"public_key={KEY}\nallowed_ip=10.0.0.0/33",
    "IPv6 prefix too long": f"public_key={KEY}\nallowed_ip=fd00::/129",
    "prefix without address": f"public_key={KEY}\nallowed_ip=/8",
    "prefix without length": f"public_key={KEY}\nallowed_ip=10.0.0.0",
    "protocol version": f"public_key={KEY}\nprotocol_version=2",
    "remove false": f"public_key={KEY}\nremove=false",
}


def ask(device: Device, *operations: str) -> list[str]:
    """Does operations one by one over one connection and returns their answers."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(5)
    answers = []
    with connection:
        connection.connect(str(device.socket_path))
        for operation in operations:
            connection.sendall(operation.encode())
            answer = b""
            while not answer.endswith(b"\n\n"):
                piece = connection.recv(65536)
                assert piece, f"closed after {answer!r}"
                answer += piece
            answers.append(answer.decode().strip())
    return answers


@pytest.mark.parametrize("case", WRONG_SETS)
def test_wrong_set(device: Device, case: str) -> None:
    """A wrong line of a set operation is answered by an errno; the daemon goes on."""
    device.start()
    device.configure()
    before = device.show("dump").splitlines()[0]
    answer = ask(device, f"set=1\n{WRONG_SETS[case]}\n\n")
    assert re.fullmatch(r"errno=-?[1-9]\d*", answer[0]), answer
    assert device.show("dump").splitlines()[0] == before
    device.set("peer", new_key().public, "allowed-ips", "10.0.0.0/8")


def test_several_operations(device: Device) -> None:
    """Several operations over one connection are answered in order; the file is for root only."""
    device.start()
    device.configure()
    first, second, third, fourth = ask(
        device,
        f"set=1\npublic_key={KEY}\nallowed_ip=10.1.0.0/16\nallowed_ip=fd01::/64\n\n",
        "get=1\n\n",
        f"set=1\npublic_key={KEY}\nremove=true\n\n",
        "get=1\n\n",
    )
    assert first == third == "errno=0"
    assert f"public_key={KEY}" in second and "allowed_ip=10.1.0.0/16" in second
    assert second.endswith("errno=0") and fourth.endswith("errno=0")
    assert KEY not in fourth
    assert device.socket_path.stat().st_mode & 0o077 == 0


def test_unknown_operation_is_closed(device: Device) -> None:
    """What is neither get=1 nor set=1 has no answer; a get with more lines has one."""
    device.start()
    for operation, answer in (
        ("get=2\n\n", b""),
        ("set=2\n\n", b""),
        ("get=1\nx=1\n\n", b"errno=-22\n\n"),
    ):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(5)
            connection.connect(str(device.socket_path))
            connection.sendall(operation.encode())
            heard = b""
            while piece := connection.recv(4096):
                heard += piece
            assert heard == answer


# The reference holds a lock while it reads an operation.
@pytest.mark.umbra
def test_many_connections(device: Device) -> None:
    """Connections that say nothing, say half, or close at once do not keep wg(8) waiting."""
    device.start()
    device.configure()
    for text in ("", "get=1\n", "set=1\nlisten_po", "x" * 70_000, "\n\n\n"):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(str(device.socket_path))
        connection.settimeout(1)
        try:
            connection.sendall(text.encode())
        except OSError:
            pass
        device.namespace.lab.defer(connection.close)
    wait_until(device.answers, 5, "wg show")
    assert device.answers()
