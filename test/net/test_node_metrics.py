"""Figures of the data path: the tool's status, its JSON, and metrics over TCP and the socket."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time

import pytest

from harness.lab import Lab
from harness.node import Node
from harness.nodes import make_nodes
from harness.pair import inner_address, make_pair
from harness.process import wait_until
from harness.traffic import assert_pings, reachable, transfer

pytestmark = pytest.mark.umbra

AT = "127.0.0.1:9090"
LINE = re.compile(r"(\w+)(?:\{(.*)\})? (\d+)")

Series = dict[tuple[str, frozenset[tuple[str, str]]], int]


def curl(node: Node, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return node.namespace.run(
        "curl", "--silent", "--show-error", "--max-time", "10", *arguments, check=check
    )


def parse(text: str) -> Series:
    """Names and values have no commas or quotes here."""
    series: Series = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        found = LINE.fullmatch(line)
        assert found, line
        labels = re.findall(r'(\w+)="([^"]*)"', found[2] or "")
        key = found[1], frozenset(labels)
        assert key not in series, line
        series[key] = int(found[3])
    return series


def scrape(node: Node, at: str = AT) -> Series:
    return parse(curl(node, "--fail", f"http://{at}/metrics").stdout)


def total(series: Series, name: str, **labels: str) -> int:
    """Over all series of the name that have the labels."""
    found = [v for (n, has), v in series.items() if n == name and set(labels.items()) <= has]
    assert found, f"no {name} with {labels}"
    return sum(found)


def data_path(node: Node, tunnel: str) -> dict:
    return node.tunnel_status(tunnel)["data_path"]


def test_figures_move_and_agree(lab: Lab) -> None:
    pair = make_nodes(lab)
    for node in (pair.client, pair.server):
        node.control["metrics"] = AT
    pair.start()
    client, server, tunnel = pair.client, pair.server, pair.client_tunnel
    assert_pings(client.namespace, inner_address(1, 4))
    first = scrape(client)
    transfer(client.namespace, server.namespace, inner_address(1, 4))
    before = data_path(client, tunnel)
    series = scrape(client)
    over_socket = parse(
        curl(client, "--fail", "--unix-socket", str(client.socket), "http://umbra/metrics").stdout
    )
    after = data_path(client, tunnel)

    # What goes out moves, and lies between what the tool says before and after.
    for name in ("tun_reads", "tun_read_packets", "udp_sent_datagrams", "sealed_packets"):
        metric = f"umbra_shard_{name}_total"
        assert total(series, metric, tunnel=tunnel) > total(first, metric, tunnel=tunnel)
        sums = [sum(shard[name] for shard in path["shards"]) for path in (before, after)]
        assert sums[0] <= total(series, metric, tunnel=tunnel) <= sums[1]
        assert total(series, metric) <= total(over_socket, metric) <= sums[1]
    assert {n for n, _ in series} == {n for n, _ in over_socket}
    assert after["aead"] in ("openssl", "ipsec-mb")
    assert total(series, "umbra_tunnel_info", tunnel=tunnel, aead=after["aead"]) == 1
    assert total(series, "umbra_tunnel_state", tunnel=tunnel, state="up") == 1
    assert total(series, "umbra_tunnel_state", tunnel=tunnel) == 1
    assert total(series, "umbra_tunnel_peers_connected", tunnel=tunnel) == 1
    assert total(series, "umbra_peer_sent_bytes_total", peer="server", origin="file") > 0
    assert time.time() - total(series, "umbra_peer_last_handshake_seconds") < 60
    assert total(series, "umbra_shard_peers") == 1
    assert total(series, "umbra_net_restarts_total") == 0

    # All that left came through, and the other side says so.
    there = scrape(server)
    got = total(there, "umbra_shard_udp_received_datagrams_total")
    assert got == total(scrape(client), "umbra_shard_udp_sent_datagrams_total")
    assert total(there, "umbra_shard_opened_packets_total") > 0
    assert total(there, "umbra_shard_tun_written_packets_total") > 0

    # Batches: a transfer of megabytes goes many packets at a time.
    if after["offloads"]["tun_tcp"] and after["offloads"]["udp_segmentation"]:
        batch = after["batches"]["udp_send"]
        assert batch["packets"] > 3 * batch["calls"] > 0, batch
    for row in after["batches"].values():
        assert row["packets"] == 0 or row["calls"] > 0

    # The tool in words.
    text = client.umbra("status", tunnel).stdout
    line = next(line for line in text.splitlines() if line.startswith("  data path "))
    count = len(after["shards"])
    assert f"{count} shard{'s' if count > 1 else ''}, {after['aead']}, UDP" in line, line
    assert "packets a send" in line and "a write" in line, line
    assert "sealed_packets" not in text
    assert "    sealed_packets " in client.umbra("status", "--verbose").stdout


def test_wg_gets_what_it_got_before(lab: Lab) -> None:
    device = make_pair(lab).client.device
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wg:
        wg.settimeout(10)
        wg.connect(str(device.socket_path))
        wg.sendall(b"get=1\n\n")
        answer = b""
        while not answer.endswith(b"\n\n"):
            answer += wg.recv(65536)
    keys = {line.split("=")[0] for line in answer.decode().splitlines()}
    assert "errno" in keys and not keys & {"aead", "shard", "turns", "peers"}, answer


def test_nothing_else_on_the_port(lab: Lab) -> None:
    pair = make_nodes(lab)
    node = pair.client
    node.control["metrics"] = AT
    node.start()
    for path, status in (("/metrics", "200"), ("/", "404"), ("/v1/status", "404")):
        done = curl(node, "--output", "/dev/null", "--write-out", "%{http_code}", f"{AT}{path}")
        assert done.stdout == status, path
    done = curl(node, "-X", "POST", "-w", "%{http_code}", "-o", "/dev/null", f"{AT}/v1/reload")
    assert done.stdout == "404"
    done = curl(node, "--head", f"{AT}/metrics")
    assert "Content-Type: text/plain; version=0.0.4; charset=utf-8" in done.stdout
    # A connection that says nothing does not stand in others' way.
    with node.namespace.socket(socket.AF_INET, socket.SOCK_STREAM) as silent:
        silent.connect(("127.0.0.1", 9090))
        assert scrape(node)


def test_drops_are_counted(lab: Lab) -> None:
    """A data path that stands still: the kernel drops in front of it, both ways, and says so."""
    pair = make_nodes(lab).start()
    client, server = pair.client, pair.server
    assert_pings(client.namespace, inner_address(1, 4))
    clean = data_path(server, pair.server_tunnel)["drops"]
    assert clean["socket"] == 0 and clean["tun_queue"] == 0
    stopped = server.part("net")
    os.kill(stopped, signal.SIGSTOP)
    try:
        # Out: more packets than the interface's queue holds. In: more bytes than the sockets do.
        with server.namespace.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(3000):
                sender.sendto(bytes(100), (inner_address(2, 4), 9))
        with client.namespace.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:

            def socket_is_full() -> bool:
                for _ in range(4000):
                    sender.sendto(bytes(1200), (inner_address(1, 4), 9))
                shown = server.namespace.run("ss", "-Hunlm").stdout
                return any(map(int, re.findall(r",d(\d+)\)", shown)))

            # A client that is late loses them itself: as many as it takes.
            wait_until(socket_is_full, 30, "more than the sockets hold")
    finally:
        os.kill(stopped, signal.SIGCONT)
    wait_until(lambda: reachable(server.namespace, inner_address(2, 4)), 20, "it goes on")

    def drops_of_socket() -> dict | None:
        found = data_path(server, pair.server_tunnel)["drops"]
        return found if found["socket"] > 0 else None

    # The socket's number comes with a datagram that found room again.
    found = wait_until(drops_of_socket, 10, "drops of the socket")
    assert found["tun_queue"] >= 1000, found
    text = curl(server, "--unix-socket", str(server.socket), "http://umbra/metrics").stdout
    series = parse(text)
    assert total(series, "umbra_dropped_total", reason="socket") == found["socket"]
    assert total(series, "umbra_tun_queue_dropped_total") == found["tun_queue"]
    line = next(x for x in server.umbra("status").stdout.splitlines() if "data path" in x)
    assert re.search(r"; dropped \d+ \(tun_queue \d+, socket \d+", line), line
    # And what is for nobody.
    with client.namespace.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(bytes(100), (inner_address(99, 4), 9))
    drops = data_path(client, pair.client_tunnel)["drops"]
    assert drops["no_route"] == 1 and drops["socket"] == 0, drops


def test_offloads_that_are_off(lab: Lab) -> None:
    pair = make_nodes(lab)
    off = {"udp_send": False, "udp_receive": False, "tun": False, "tun_udp": False}
    pair.client.settings["offload"] = off
    pair.client.control["metrics"] = "9090"
    pair.start()
    assert_pings(pair.client.namespace, inner_address(1, 4))
    offloads = data_path(pair.client, pair.client_tunnel)["offloads"]
    assert not any(offloads.values()), offloads
    assert total(scrape(pair.client), "umbra_offload") == 0
    text = pair.client.umbra("status").stdout
    assert "UDP without offload, TUN without offload" in text
    there = data_path(pair.server, pair.server_tunnel)["offloads"]
    assert there["udp_segmentation"] and there["udp_coalescing"] and there["tun_header"], there


def refused(node: Node, at: str) -> bool:
    return curl(node, f"http://{at}/metrics", check=False).returncode == 7


def test_the_address_follows_the_configuration(lab: Lab) -> None:
    node = make_nodes(lab).client
    node.start()
    assert refused(node, AT)
    node.control["metrics"] = AT
    node.reload()
    assert scrape(node)
    # Another's port: said by its key; tried again until it is free.
    taken = node.namespace.socket(socket.AF_INET, socket.SOCK_STREAM)
    with taken:
        taken.bind(("127.0.0.1", 9091))
        taken.listen()
        node.control["metrics"] = "127.0.0.1:9091"
        done = node.reload(check=False)
        assert done.returncode == 1
        assert "control.metrics: 127.0.0.1:9091: Address already in use" in done.stderr
        assert refused(node, AT)
    wait_until(lambda: not refused(node, "127.0.0.1:9091"), 10, "the port is free")
    # The next control process serves it as well, and so does a daemon that starts anew.
    os.kill(node.part("control"), signal.SIGKILL)
    wait_until(lambda: not refused(node, "127.0.0.1:9091"), 10, "control is back")
    assert scrape(node, "127.0.0.1:9091")
    os.kill(node.part("net"), signal.SIGKILL)
    wait_until(
        lambda: total(scrape(node, "127.0.0.1:9091"), "umbra_net_restarts_total") == 1,
        10,
        "a restart is counted",
    )
    # Its own port at other addresses is not taken by itself.
    for at in ("0.0.0.0:9091", "127.0.0.1:9091"):
        node.control["metrics"] = at
        node.reload()
        assert scrape(node, "127.0.0.1:9091")
    del node.control["metrics"]
    node.reload()
    assert refused(node, "127.0.0.1:9091")
    assert node.stop() == 0
    # At the start it keeps nothing down.
    with node.namespace.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
        taken.bind(("127.0.0.1", 9091))
        taken.listen()
        node.control["metrics"] = "127.0.0.1:9091"
        node.start()
        assert "control.metrics: 127.0.0.1:9091: Address already in use" in node.log_text()
        assert all(t["state"] == "up" for t in node.status()["tunnels"])


def test_a_tunnel_that_is_down_has_no_figures(lab: Lab) -> None:
    pair = make_nodes(lab)
    pair.client.control["metrics"] = AT
    pair.start()
    node, tunnel = pair.client, pair.client_tunnel
    assert_pings(node.namespace, inner_address(1, 4))
    assert data_path(node, tunnel)["shards"]
    node.umbra("down", tunnel)
    assert data_path(node, tunnel) is None
    series = scrape(node)
    assert total(series, "umbra_tunnel_state", tunnel=tunnel, state="down") == 1
    assert not [name for name, _ in series if name.startswith("umbra_shard_")]
    node.umbra("up", tunnel)
    assert_pings(node.namespace, inner_address(1, 4))
    # From the beginning.
    assert 0 < total(scrape(node), "umbra_shard_tun_read_packets_total") < 100
