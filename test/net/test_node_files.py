"""Files of wg-quick: taken over, written, and used by the others' programs."""

from __future__ import annotations

import json
import os

import pytest

from harness.device import REFERENCE, environment, program
from harness.lab import Lab
from harness.node import Node
from harness.nodes import make_nodes
from harness.pair import PORT, endpoint, inner_address, outer_address
from harness.process import run, wait_until
from harness.traffic import assert_pings

pytestmark = [pytest.mark.umbra, pytest.mark.calm]


def quick_environment(lab: Lab) -> dict[str, str]:
    """For wg-quick; the implementation must not keep its standard error open."""
    made = environment(lab.folder, {"WG_QUICK_USERSPACE_IMPLEMENTATION": program(REFERENCE)})
    del made["LOG_LEVEL"]
    return made


def quick(lab: Lab, name: str, text: str) -> str:
    path = lab.folder / f"{name}.conf"
    path.touch(mode=0o600)
    path.write_text(text)
    return str(path)


def test_exported_to_wg_quick(lab: Lab) -> None:
    """A tunnel of umbra, exported, works with wg-quick and another implementation."""
    pair = make_nodes(lab)
    near, far = pair.client, pair.server
    near.write()
    far.start()
    exported = near.umbra("export", pair.client_tunnel, "-c", str(near.configuration)).stdout
    assert near.keys[pair.client_tunnel].private in exported
    path = quick(lab, pair.client_tunnel, exported)
    made = quick_environment(lab)
    run(near.namespace.command(["wg-quick", "up", path]), env=made)
    lab.defer(lambda: run(near.namespace.command(["wg-quick", "down", path]), env=made))
    for family in (4, 6):
        assert_pings(near.namespace, inner_address(1, family))
    assert far.peers(pair.server_tunnel)["client"]["state"] == "connected"


def test_imported_from_wg_quick(lab: Lab) -> None:
    """A file of wg-quick, imported, is a tunnel of umbra; what is not taken over is said."""
    pair = make_nodes(lab)
    near, far = pair.client, pair.server
    far.start()
    name = pair.client_tunnel
    text = (
        f"[Interface]\nPrivateKey = {near.keys[name].private}\n"
        f"Address = {inner_address(2, 4)}/24, {inner_address(2, 6)}/64\nMTU = 1390\n"
        "DNS = 192.0.2.53\nPostUp = touch /tmp/never\n"
        f"[Peer]\n# server\nPublicKey = {far.keys[pair.server_tunnel].public}\n"
        f"AllowedIPs = {inner_address(1, 4)}/32, {inner_address(1, 6)}/128\n"
        f"Endpoint = {endpoint(outer_address(1, 4))}\nPersistentKeepalive = 25\n"
    )
    folder = lab.folder / "etc"
    folder.mkdir(mode=0o700)
    taken = near.umbra(
        "import", quick(lab, name, text), "--name", name, "--directory", str(folder)
    )
    assert "PostUp" in taken.stderr and "DNS" not in taken.stderr
    assert 'servers: ["192.0.2.53"]' in (folder / "tunnels" / f"{name}.yaml").read_text()
    assert near.keys[name].private not in taken.stdout + taken.stderr
    near.configuration.write_text(
        json.dumps(
            {
                "include": [str(folder / "tunnels" / f"{name}.yaml")],
                "node": {"state_dir": str(near.state)},
                "control": {"socket": str(near.socket)},
            }
        )
    )
    process = near.launch()
    wait_until(lambda: "ready, tunnels" in near.log_text(), 10, near.log_text())
    for family in (4, 6):
        assert_pings(near.namespace, inner_address(1, family))
    assert near.namespace.links()[name]["mtu"] == 1390
    assert near.peers(name)["server"]["persistent_keepalive"] == 25
    assert process.running()


def test_init_server(lab: Lab) -> None:
    """`umbra init server`, its first client's file given to wg-quick: packets pass."""
    spaces = lab.namespace("client"), lab.namespace("server")
    lab.link(*spaces, [f"{outer_address(2, 4)}/24"], [f"{outer_address(1, 4)}/24"])
    far, name = Node(lab, spaces[1], "server"), lab.interface_name()
    folder = lab.folder / "etc"
    said = far.umbra(
        *("init", "server", "--name", name, "--endpoint", outer_address(1, 4)),
        *("--client", "phone", "--directory", str(folder)),
    )
    assert "phone" in said.stdout
    assert os.stat(folder / "keys" / f"{name}.key").st_mode & 0o777 == 0o600
    far.process = far.namespace.spawn(
        *far.command()[:1],
        *("-c", str(folder / "umbra.yaml")),
        *("--set", f"control.socket={far.socket}", "--set", f"node.state_dir={far.state}"),
    )
    process = far.process
    wait_until(lambda: "ready, tunnels" in process.output(), 10, process.output())
    text = (folder / "clients" / "phone.conf").read_text()
    client = lab.interface_name()
    path = quick(lab, client, text)
    made = quick_environment(lab)
    run(spaces[0].command(["wg-quick", "up", path]), env=made)
    lab.defer(lambda: run(spaces[0].command(["wg-quick", "down", path]), env=made))
    inside = next(
        a["local"] for a in spaces[1].links()[name]["addr_info"] if a["family"] == "inet"
    )
    assert_pings(spaces[0], inside)
    assert far.peers(name)["phone"]["state"] == "connected"
    assert f":{PORT}" in text
