"""Keys changed while the tunnel is up."""

from __future__ import annotations

import pytest

from harness.device import new_key, new_psk
from harness.lab import Lab
from harness.pair import Pair, make_pair
from harness.process import wait_until
from harness.traffic import Pinging, assert_pings, reachable

pytestmark = pytest.mark.calm


def new_handshake(pair: Pair) -> None:
    """Makes the client forget its session, as removing and adding the server does."""
    client, server = pair.client, pair.server
    psk = client.device.peer(server.device).preshared_key
    client.device.set("peer", server.device.key.public, "remove")
    client.device.load("addconf", server.section(4, psk=None if psk == "(none)" else psk))


def test_private_key_changed_live(lab: Lab) -> None:
    """A live device gets another private key; once the other end knows it, traffic flows again."""
    pair = make_pair(lab)
    client, server = pair.client, pair.server
    assert_pings(client.namespace, server.inner[4])
    old = server.device.key
    server.device.set_private_key(new_key())
    assert server.device.show("public-key").strip() == server.device.key.public
    client.device.set("peer", old.public, "remove")
    client.device.load("addconf", server.section(4))
    assert_pings(client.namespace, server.inner[4])
    assert_pings(server.namespace, client.inner[6])
    assert list(client.device.peers()) == [server.device.key.public]

    # The same on the side that initiates.
    old = client.device.key
    client.device.set_private_key(new_key())
    server.device.set("peer", old.public, "remove")
    server.device.load("addconf", client.section())
    wait_until(lambda: reachable(client.namespace, server.inner[4]), 10, "traffic again")
    assert_pings(server.namespace, client.inner[6])


def test_old_key_is_not_accepted(lab: Lab) -> None:
    """After a key change, a peer that still knows the old key gets no new session."""
    pair = make_pair(lab)
    client, server = pair.client, pair.server
    assert_pings(client.namespace, server.inner[4])
    server.device.set_private_key(new_key())
    old = next(iter(client.device.peers()))
    client.device.set("peer", old, "remove")
    section = server.section(4).replace(server.device.key.public, old)
    client.device.load("addconf", section)
    assert not reachable(client.namespace, server.inner[4])
    assert client.device.peers()[old].latest_handshake == 0


def test_preshared_key_changed_live(lab: Lab) -> None:
    """A preshared key added, changed and removed keeps the session, and counts from the next."""
    pair = make_pair(lab)
    client, server = pair.client, pair.server
    pings = Pinging(client.namespace, server.inner[4])
    started = server.device.peer(client.device).latest_handshake
    for psk in (new_psk(), new_psk(), None):
        client.device.set_psk(server.device, psk)
        server.device.set_psk(client.device, psk)
        assert client.device.peer(server.device).preshared_key == (psk or "(none)")
        pings.next()
    assert pings.missing() == []
    assert server.device.peer(client.device).latest_handshake == started
    sent = client.device.peer(server.device).sent

    for psk in (new_psk(), None):
        client.device.set_psk(server.device, psk)
        server.device.set_psk(client.device, psk)
        new_handshake(pair)
        assert_pings(client.namespace, server.inner[4])
        assert client.device.peer(server.device).sent < sent, "not a new peer"


def test_preshared_key_must_match(lab: Lab) -> None:
    """Different preshared keys, or one on one side only: no session."""
    pair = make_pair(lab, psk=new_psk())
    client, server = pair.client, pair.server
    assert_pings(client.namespace, server.inner[4])
    for psk in (new_psk(), None):
        server.device.set_psk(client.device, psk)
        new_handshake(pair)
        assert not reachable(client.namespace, server.inner[4])
        assert client.device.peer(server.device).latest_handshake == 0
    server.device.set_psk(client.device, client.device.peer(server.device).preshared_key)
    new_handshake(pair)
    assert_pings(client.namespace, server.inner[4])
