"""What a tunnel of streams outlives: crashes of either end, a certificate that is renewed."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import pathlib
import shutil
import signal
import socket
import ssl
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from harness.device import new_key
from harness.lab import Lab
from harness.process import wait_until
from harness.streams import (
    FRONT,
    PORT,
    SERVER,
    SERVER_NAME,
    URL,
    WEB,
    Streams,
    make_certificate,
    make_streams,
    needs_streams,
)

pytestmark = [pytest.mark.umbra, pytest.mark.calm, needs_streams]


def pin(certificate: pathlib.Path) -> str:
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return "sha256/" + base64.b64encode(hashlib.sha256(spki).digest()).decode()


def shown_certificate(streams: Streams) -> str:
    """What the server shows to whoever comes."""
    at = (SERVER, PORT)
    return streams.space.call(lambda: ssl.get_server_certificate(at, timeout=10))


def assert_cut(held: socket.socket) -> None:
    """It is reset: what was cut must not look like what has ended."""
    held.settimeout(10)
    with pytest.raises(ConnectionResetError):
        while held.recv(1 << 20):
            pass


def download(streams: Streams) -> socket.socket:
    """One without end, under way."""
    held = streams.connect(port=WEB)
    held.sendall(b"GET /endless HTTP/1.1\r\n\r\n")
    assert_flows(held)
    return held


def assert_flows(held: socket.socket, size: int = 2_000_000) -> None:
    got = 0
    while got < size:
        part = held.recv(1 << 20)
        assert part, f"the end after {got} bytes"
        got += len(part)


def is_served(streams: Streams) -> bool:
    """Whether somebody listens at the front end."""
    with streams.space.socket(socket.AF_INET, socket.SOCK_STREAM) as asking:
        return asking.connect_ex(("127.0.0.1", FRONT)) == 0


# Until a page comes again. A client's first attempt that fails is followed by one within a second.
BACK_SECONDS = {"client": 6, "server": 10}


def test_what_is_the_matter(lab: Lab) -> None:
    """Why there is no connection is in the status within seconds, and gone with the reason."""
    streams = make_streams(lab)
    rows, good = streams.client_rows, streams.client_rows["tls"]
    rows["tls"] = {"server_name": SERVER_NAME, "pins": ["sha256/" + "A" * 42 + "E="]}
    streams.start()

    def reason() -> str:
        return streams.client.tunnel_status(streams.out)["reason"] or ""

    for tls, expected in (
        (rows["tls"], "none of those that are pinned"),
        ({"server_name": SERVER_NAME}, "leads to none of the roots"),
        ({**good, "server_name": "other.umbra.test"}, "for another name"),
    ):
        rows["tls"] = tls
        streams.client.reload()
        streams.curl("/hello", "-m", "0.3", check=False)
        wait_until(lambda: expected in reason(), 10, expected)
    assert f"no connection to {SERVER}:{PORT}" in reason()
    rows["tls"] = good
    streams.client.reload()
    wait_until(streams.works, 40, "a page")
    status = streams.client.tunnel_status(streams.out)
    assert (status["condition"], status["reason"]) == ("connected", None)
    # It knows at once when there is no connection any more, and why there will not be another.
    streams.server_rows["peers"] = []
    streams.server.reload()
    wait_until(
        lambda: streams.client.tunnel_status(streams.out)["condition"] != "connected", 5, "the end"
    )
    streams.curl("/hello", "-m", "1", check=False)
    wait_until(lambda: "answered as a web site" in reason(), 10, "why")


@pytest.mark.parametrize("end", ("client", "server"))
@pytest.mark.parametrize("part", ("net", "control"))
def test_process_dies(lab: Lab, end: str, part: str) -> None:
    """A killed process is replaced while a download runs, which net's end alone cuts; the front end
    stays at its port, and serves soon again."""
    streams = make_streams(lab).start()
    node = getattr(streams, end)
    with download(streams) as held:
        pid = node.part(part)
        os.kill(pid, signal.SIGKILL)
        began = time.monotonic()
        wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists(), 5, "its end")
        assert is_served(streams)
        why = f"a page after the {end}'s {part} died:\n{node.log_text()}"
        wait_until(streams.works, BACK_SECONDS[end], why)
        print(f"{end}, {part}: a page after {time.monotonic() - began:.2f} s")
        if part == "control":
            assert_flows(held, 20_000_000)
        elif end == "server":
            assert_cut(held)
        else:
            # The kernel ends what a killed process had open; whether with a reset is its choice.
            held.settimeout(10)
            with contextlib.suppress(ConnectionResetError):
                while held.recv(1 << 20):
                    pass


def test_net_dies_often(lab: Lab) -> None:
    """Each new one learns whom it may admit, which control tells it, and serves from then on."""
    streams = make_streams(lab).start()
    for _ in range(6):
        pid = streams.server.part("net")
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists(), 5, "its end")
        assert shown_certificate(streams)


def test_server_dies(lab: Lab) -> None:
    """With all its processes; when it is back, so is the tunnel, by the front end that stayed."""
    streams = make_streams(lab).start()
    with streams.connect() as idle, download(streams) as held:
        streams.server.kill()
        assert_cut(held)
        assert_cut(idle)
    assert is_served(streams)
    streams.server.start()
    # The client has failed in vain meanwhile, and waits for longer each time.
    wait_until(streams.works, 10, "a page from the new server")


def test_server_is_stopped(lab: Lab) -> None:
    """Connections end in order, after what is nearly done; who is cut off then, sees that he is."""
    streams = make_streams(lab).start()
    streams.assert_works()
    streams.server.umbra("down", streams.web)
    ended = "a connection to the server has ended: drained"
    wait_until(lambda: ended in streams.client.log_text(), 5, "an end in order")
    streams.server.umbra("up", streams.web)
    wait_until(streams.works, 10, "a page after it was down")
    size = 600_000
    path, slowly = lab.folder / "got", ("--limit-rate", "500k")
    argv = ("curl", "-sS", *slowly, "--socks5-hostname", f"127.0.0.1:{FRONT}", "-o", str(path))
    download = streams.space.spawn(*argv, f"{URL}/bytes/{size}")
    wait_until(lambda: path.exists() and path.stat().st_size > size // 6, 10, "its begin")
    with streams.connect() as held:
        assert streams.server.stop() == 0
        assert download.wait() == 0, download.output()
        assert path.stat().st_size == size
        assert_cut(held)


def test_client_dies(lab: Lab) -> None:
    """With all its processes; what it left at the server is given up, and its port is free."""
    streams = make_streams(lab).start()
    with download(streams):
        streams.client.kill()
        # The other processes end when they see that the first one has.
        wait_until(lambda: not is_served(streams), 5, "the front end's port free")
        streams.client.start()
        wait_until(streams.works, 10, "a page through the new client")

        def open_streams() -> int:
            return streams.server.tunnel_status(streams.web)["streams"]["streams"]

        wait_until(lambda: open_streams() == 0, 10, "the old client's streams given up")


def test_certificate_renewed(lab: Lab) -> None:
    """A reload takes up the new one for those who come; who is connected stays."""
    streams = make_streams(lab)
    folder = streams.server.folder
    renewed = make_certificate(folder, "renewed")
    both = streams.client.folder / "server.crt"
    both.write_text(both.read_text() + renewed.with_suffix(".crt").read_text())
    streams.start()
    old = shown_certificate(streams)
    assert old.split() == (folder / "tls.crt").read_text().split()
    with streams.connect() as held, download(streams) as running:
        for suffix in (".crt", ".key"):
            shutil.copy(renewed.with_suffix(suffix), folder / f"tls{suffix}")
        streams.server.umbra("reload")
        new = wait_until(
            lambda: (seen := shown_certificate(streams)) != old and seen, 5, "the new certificate"
        )
        assert new.split() == renewed.with_suffix(".crt").read_text().split()
        held.sendall(b"still here")
        assert held.recv(100) == b"still here"
        assert_flows(running, 20_000_000)
    # A new client meets it.
    streams.client.stop()
    streams.client.start()
    wait_until(streams.works, 10, "a page behind the new certificate")


def test_damaged_certificate(lab: Lab) -> None:
    """A reload that cannot be is refused, names the file, and changes nothing."""
    streams = make_streams(lab).start()
    old = shown_certificate(streams)
    (streams.server.folder / "tls.crt").write_text("no certificate\n")
    refused = streams.server.umbra("reload", check=False)
    assert refused.returncode != 0
    assert "tls.crt" in refused.stdout + refused.stderr
    assert shown_certificate(streams) == old
    streams.assert_works()


def test_pins(lab: Lab) -> None:
    """A pin replaces the chain; another server's key is refused before anything is said."""
    streams = make_streams(lab)
    right = pin(streams.certificate.with_suffix(".crt"))
    streams.client_rows["tls"] = {"server_name": "else.umbra.test", "pins": [right]}
    streams.start()
    streams.assert_works()
    wrong = pin(make_certificate(lab.folder, "other").with_suffix(".crt"))
    streams.client_rows["tls"]["pins"] = [wrong]
    streams.client.stop()
    streams.client.start()
    assert not streams.works()
    assert streams.client.peers(streams.out)["server"]["state"] != "connected"


def test_unknown_client(lab: Lab) -> None:
    """Who is no peer gets the web site and nothing else; once he is one, streams."""
    streams = make_streams(lab)
    (peer,) = streams.server_rows["peers"]
    right, peer["public_key"] = peer["public_key"], new_key().public
    streams.start()
    assert not streams.works()
    peer["public_key"] = right
    streams.server.reload()
    # A declined client waits for a minute before it asks again.
    streams.client.stop()
    streams.client.start()
    wait_until(streams.works, 10, "a page once it is known")


def test_peer_removed(lab: Lab) -> None:
    """Its connections end at once, and no new one comes."""
    streams = make_streams(lab).start()
    with streams.connect(port=WEB) as held:
        streams.server_rows["peers"] = []
        streams.server.reload()
        assert_cut(held)
    assert not streams.works()
