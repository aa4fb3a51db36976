"""What people use a tunnel of streams by: one port for SOCKS5 and HTTP, forwards, datagrams."""

from __future__ import annotations

import hashlib
import os
import socket
import sys
from functools import partial

import pytest

from harness import socks
from harness.browser import page
from harness.lab import Lab
from harness.privacy import Private
from harness.process import SLOW, wait_until
from harness.site import HELLO, RAN, content_digest
from harness.socks import Association, dns_address, dns_query
from harness.streams import (
    ECHO,
    FRONT,
    HARNESS,
    INSIDE,
    SECRET_NAME,
    SITE,
    SITE_NAME,
    STRANGE,
    URL,
    WEB,
    make_streams,
    needs_streams,
)
from harness.traffic import IperfServer, iperf

pytestmark = [pytest.mark.umbra, needs_streams]

PASSWORD = "correct horse"
PUBLIC = "11.22.33.44"  # as it is on the Internet; here nobody has it
SECRET_PORT, LOST_NAME = 41873, "whistle-blower.test"


def test_proxies(lab: Lab) -> None:
    """curl by SOCKS5, by HTTP, and by CONNECT, with a name that only the far end can resolve."""
    streams = make_streams(lab).start()
    text = HELLO.decode()
    assert streams.curl("/hello").stdout == text
    for way in ((), ("-p",)):
        http = ("-x", f"http://127.0.0.1:{FRONT}", *way)
        assert streams.space.run("curl", "-sS", *http, f"{URL}/hello").stdout == text
    assert streams.curl("/who").stdout == INSIDE
    sizes = (1, 65535, 3_000_000)
    for size in sizes:
        path = lab.folder / f"{size}"
        streams.curl(f"/bytes/{size}", "-o", str(path))
        assert hashlib.sha256(path.read_bytes()).hexdigest() == content_digest(size)
    sent = os.urandom(3_000_000)
    path.write_bytes(sent)
    said = streams.curl("/digest", "--data-binary", f"@{path}", "-H", "expect:").stdout
    assert said == hashlib.sha256(sent).hexdigest()


def test_half_close(lab: Lab) -> None:
    """Who has said all still hears the rest."""
    streams = make_streams(lab).start()
    said = os.urandom(1_000_000)
    with streams.connect() as connection:
        connection.sendall(said[:500_000])
        connection.sendall(said[500_000:])
        connection.shutdown(socket.SHUT_WR)
        heard = bytearray()
        while part := connection.recv(1 << 16):
            heard += part
    assert bytes(heard) == said


def test_passwords(lab: Lab) -> None:
    """Nobody passes without the right one, by SOCKS5 or HTTP."""
    streams = make_streams(lab)
    file = streams.client.secret("password", PASSWORD)
    streams.client_rows["proxy"]["users"] = [{"name": "alice", "password_file": file}]
    streams.start()

    def status(*options: str) -> str:
        quiet = ("-s", "-o", "/dev/null", "-w", "%{http_code}")
        return streams.space.run("curl", *quiet, *options, f"{URL}/hello", check=False).stdout

    by_socks = ("--socks5-hostname", f"127.0.0.1:{FRONT}")
    by_http = ("-x", f"http://127.0.0.1:{FRONT}")
    right, wrong = ("-U", f"alice:{PASSWORD}"), ("-U", "alice:wrong")
    for proxy, refused in ((by_socks, "000"), (by_http, "407")):
        for user, expected in ((right, "200"), (wrong, refused), ((), refused)):
            assert status(*user, *proxy) == expected, (proxy, user)


def test_what_cannot_be_reached(lab: Lab) -> None:
    """SOCKS5's replies tell what is not there, a port or a name, from a forbidden place."""
    streams = make_streams(lab).start()
    space = streams.space
    assert socks.reply_to(space, FRONT, SITE_NAME, WEB) == socks.GRANTED
    assert socks.reply_to(space, FRONT, SITE_NAME, 9) == socks.HOST
    assert socks.reply_to(space, FRONT, "nobody.umbra.test", WEB) == socks.HOST
    # Private, as the site is, but no rule names it; the server itself; the server's outside.
    for address in (STRANGE, "127.0.0.1", INSIDE, "198.18.0.1"):
        assert socks.reply_to(space, FRONT, address, WEB) == socks.NOT_ALLOWED, address
    # A listener at the server's own loopback that nobody may reach, also by another spelling.
    streams.server.namespace.spawn("iperf3", "-s", "-p", "5300")
    for address in ("127.0.0.1", "127.1.2.3", "0.0.0.0"):
        assert socks.reply_to(space, FRONT, address, 5300) == socks.NOT_ALLOWED, address
    # Addresses of anywhere need no rule, but where one is the server's own.
    assert socks.reply_to(space, FRONT, PUBLIC, 5300) == socks.HOST
    streams.server.namespace.run("ip", "address", "add", f"{PUBLIC}/32", "dev", "lo")
    assert socks.reply_to(space, FRONT, PUBLIC, 5300) == socks.NOT_ALLOWED


def test_rules_of_one_client(lab: Lab) -> None:
    """A client's own rules come before everybody's, and change with a reload."""
    streams = make_streams(lab, peer={"rules": [f"deny {SITE}/32 tcp {ECHO}"]}).start()
    space = streams.space
    assert socks.reply_to(space, FRONT, SITE, WEB) == socks.GRANTED
    assert socks.reply_to(space, FRONT, SITE, ECHO) == socks.NOT_ALLOWED
    (peer,) = streams.server_rows["peers"]
    peer["rules"] = [f"allow {STRANGE}/32"]
    with streams.connect(SITE, WEB) as before:
        streams.server.reload()
        wait_until(
            lambda: socks.reply_to(space, FRONT, STRANGE, 9) == socks.HOST, 5, "the new rule"
        )
        assert socks.reply_to(space, FRONT, SITE, ECHO) == socks.GRANTED
        # What was connected stays.
        before.sendall(b"GET /hello HTTP/1.1\r\n\r\n")
        assert before.recv(100).startswith(b"HTTP/1.1 200")


def test_rules_of_a_client_of_the_store(lab: Lab) -> None:
    """They come with the client that the tool adds, and with it again after a restart."""
    streams = make_streams(lab)
    space, server = streams.space, streams.server
    (peer,) = streams.server_rows["peers"]
    streams.server_rows["peers"] = []
    streams.start()
    rules = [f"deny {SITE}/32 tcp {ECHO}", f"allow {STRANGE}/32"]
    named = [word for rule in rules for word in ("--rule", rule)]
    add = ("peer", "add", streams.web, "c", "--public-key", peer["public_key"])
    refused = server.umbra(*add, "--rule", "permit any", check=False)
    assert '"permit any" is no rule' in refused.stderr
    server.umbra(*add, *named)
    wait_until(lambda: socks.reply_to(space, FRONT, SITE, WEB) == socks.GRANTED, 10, "the client")
    assert server.peers(streams.web)["c"]["rules"] == rules
    server.stop()
    server.start()
    wait_until(streams.works, 20, "a page from the new server")
    assert socks.reply_to(space, FRONT, SITE, ECHO) == socks.NOT_ALLOWED
    assert socks.reply_to(space, FRONT, STRANGE, 9) == socks.HOST
    shown = server.umbra("peer", "show", streams.web, "c").stdout
    assert all(rule in shown for rule in rules), shown


def test_datagrams_by_socks(lab: Lab) -> None:
    """A question to a name server by SOCKS5's UDP; forbidden places hear nothing."""
    streams = make_streams(lab, server={"policy": {"rules": [f"allow {SITE}/32"]}}).start()
    with (association := Association.open(streams.space, FRONT)).control:
        for name in (SITE, SITE_NAME):
            association.send(name, 53, dns_query(SITE_NAME))
            assert dns_address(association.receive()) == SITE
        ear = streams.site.socket(socket.AF_INET, socket.SOCK_DGRAM)
        ear.bind((STRANGE, 5353))
        ear.settimeout(0.3 * SLOW)
        association.send(STRANGE, 5353, b"let me in")
        with pytest.raises(TimeoutError):
            ear.recv(100)
        # It still works behind the refusal.
        association.send(SITE, 53, dns_query(SITE_NAME, 7))
        assert dns_address(association.receive(), 7) == SITE


def test_log_privacy(lab: Lab) -> None:
    """The most talkative logs of both ends tell nothing of where people go, or try to."""
    private = Private([STRANGE], (SECRET_PORT, SECRET_PORT + 1), [SECRET_NAME, LOST_NAME])
    streams = make_streams(lab, server={"policy": {"rules": [f"allow {STRANGE}/32"]}})
    program = str(HARNESS / "site.py")
    site = streams.site.spawn(sys.executable, program, STRANGE, str(SECRET_PORT))
    wait_until(lambda: "ready" in site.output(), 10, "the site")
    streams.start()
    by_socks = ("curl", "-sS", "--socks5-hostname", f"127.0.0.1:{FRONT}")
    by_http = ("curl", "-sS", "-x", f"http://127.0.0.1:{FRONT}")
    for way in (by_socks, by_http, (*by_http, "-p")):
        for host in (SECRET_NAME, STRANGE):
            shown = streams.space.run(*way, f"http://{host}:{SECRET_PORT}/hello").stdout
            assert shown == HELLO.decode()
            streams.space.run(*way, "-m", "2", f"http://{host}:9/", check=False)
        streams.space.run(*way, "-m", "2", f"http://{LOST_NAME}:{SECRET_PORT}/", check=False)
    with (association := Association.open(streams.space, FRONT)).control:
        for host in (SECRET_NAME, STRANGE, LOST_NAME):
            association.send(host, SECRET_PORT, b"nobody answers this")
    streams.server_rows["policy"]["rules"] = []
    streams.server.reload()
    for host in (SECRET_NAME, STRANGE):
        reply = partial(socks.reply_to, streams.space, FRONT, host, SECRET_PORT)
        wait_until(lambda reply=reply: reply() == socks.NOT_ALLOWED, 5, "the refusal")
    for node in (streams.client, streams.server):
        assert node.stop() == 0
        assert private.lines(node.log_text()) == []


def test_forwards(lab: Lab) -> None:
    """iperf3 both ways through a TCP forward, a name server through a UDP one."""
    streams = make_streams(lab)
    streams.client_rows["forwards"] = [
        {"protocol": "tcp", "listen": "127.0.0.1:5201", "target": f"{SITE_NAME}:5201"},
        {"protocol": "udp", "listen": "127.0.0.1:5353", "target": f"{SITE}:53"},
    ]
    del streams.client_rows["proxy"]
    IperfServer(streams.site)
    streams.start()
    for direction in ((), ("-R",), ("-P", "4")):
        report = iperf(streams.space, "127.0.0.1", *direction, amount=("-n", "40M"))
        assert report["received"]["bytes"] > 1_000_000, report
    for number in range(3):  # each another sender
        asking = streams.space.socket(socket.AF_INET, socket.SOCK_DGRAM)
        asking.settimeout(5 * SLOW)
        asking.connect(("127.0.0.1", 5353))
        asking.send(dns_query(SITE_NAME, number))
        assert dns_address(asking.recv(512), number) == SITE


@pytest.mark.long
def test_browser(lab: Lab) -> None:
    """Chromium loads a page, its picture and its script over the proxy."""
    streams = make_streams(lab).start()
    for scheme in ("socks5", "http"):
        shown = page(streams.space, f"{URL}/page", f"--proxy-server={scheme}://127.0.0.1:{FRONT}")
        assert RAN in shown, scheme
