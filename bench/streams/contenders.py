"""Who takes part. All have a SOCKS5 front end at the client, and end their tunnel at the server.

Each is configured as its documentation or its package's example has it, with TLS 1.3 where it has
TLS, and a certificate of the same make.
"""

from __future__ import annotations

import json
import pathlib
from typing import Any

from bench.contenders.contender import Contender, wait_for_port
from bench.contenders.openvpn import request
from bench.lab import Pair
from bench.streams.bed import PROXY, PROXY_PORT, SITE, Bed

PORT = 443
NAME = "server.bench"
PASSWORD = "hardly a secret"
# Of what listens behind the tunnel's end.
INSIDE_PORT = 1081


def make_certificate(folder: pathlib.Path) -> pathlib.Path:
    """One that vouches for itself; the path without .key and .crt."""
    path = folder / "tls"
    request(path, NAME, "-addext", f"subjectAltName=DNS:{NAME}")
    return path


def write_json(folder: pathlib.Path, name: str, value: dict[str, Any]) -> str:
    path = folder / name
    path.touch(mode=0o600)
    path.write_text(json.dumps(value, indent=1))
    return str(path)


class StreamContender(Contender):
    """One with a front end."""


    def target(self, pair: Pair) -> str:
        return SITE

    def wait_until_ready(self, pair: Pair) -> None:
        wait_for_port(pair.client, "tcp", PROXY_PORT)


class Direct(StreamContender):
    name = "none"
    label = "no tunnel"

    def start(self, pair: Bed) -> None:
        pair.directly()

    def wait_until_ready(self, pair: Pair) -> None:
        pass


class Trojan(StreamContender):
    name = "trojan"
    label = "trojan"
    programs = ("trojan", "openssl")
    package = "trojan"

    def start(self, pair: Bed) -> None:
        path = make_certificate(pair.server.folder)
        common = {"password": [PASSWORD], "log_level": 3, "tcp": {"no_delay": True}}
        server = write_json(
            pair.server.folder,
            "trojan.json",
            {
                **common,
                "run_type": "server",
                "local_addr": pair.server.outer,
                "local_port": PORT,
                "remote_addr": "127.0.0.1",
                "remote_port": 80,
                "ssl": {"cert": f"{path}.crt", "key": f"{path}.key", "alpn": ["http/1.1"]},
            },
        )
        client = write_json(
            pair.client.folder,
            "trojan.json",
            {
                **common,
                "run_type": "client",
                "local_addr": PROXY,
                "local_port": PROXY_PORT,
                "remote_addr": pair.server.outer,
                "remote_port": PORT,
                "ssl": {"cert": f"{path}.crt", "sni": NAME, "alpn": ["h2", "http/1.1"]},
            },
        )
        pair.server.spawn_vpn("trojan", "-c", server)
        wait_for_port(pair.server, "tcp", PORT)
        pair.client.spawn_vpn("trojan", "-c", client)


class Shadowsocks(StreamContender):
    programs = ("ss-server", "ss-local")
    package = "shadowsocks-libev"

    def __init__(self, name: str, method: str) -> None:
        self.name = name
        self.label = f"shadowsocks, {method}"
        self.method = method

    def start(self, pair: Bed) -> None:
        common = ("-p", str(PORT), "-k", PASSWORD, "-m", self.method, "-t", "60", "--no-delay")
        pair.server.spawn_vpn("ss-server", "-s", pair.server.outer, *common)
        wait_for_port(pair.server, "tcp", PORT)
        where = ("-b", PROXY, "-l", str(PROXY_PORT))
        pair.client.spawn_vpn("ss-local", "-s", pair.server.outer, *where, *common)


class Stunnel(StreamContender):
    """TLS at both ends, and behind the server's a SOCKS5 server of another program."""

    def __init__(self, name: str, behind: str) -> None:
        self.name = name
        self.label = f"stunnel, {behind} behind it"
        self.behind = behind
        self.programs = ("stunnel", "openssl", behind)
        self.package = "stunnel4"

    def command(self, pair: Bed) -> list[str]:
        if self.behind == "microsocks":
            return ["microsocks", "-i", "127.0.0.1", "-p", str(INSIDE_PORT)]
        file = pair.server.folder / "danted.conf"
        file.write_text(
            "logoutput: stderr\nerrorlog: stderr\n"
            f"internal: 127.0.0.1 port = {INSIDE_PORT}\nexternal: inner\n"
            "clientmethod: none\nsocksmethod: none\nuser.privileged: root\n"
            "user.unprivileged: nobody\nclient pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }\n"
            "socks pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }\n"
        )
        return ["danted", "-f", str(file), "-p", str(pair.server.folder / "danted.pid")]

    def start(self, pair: Bed) -> None:
        path = make_certificate(pair.server.folder)
        common = "foreground = yes\npid =\ndebug = err\nsyslog = no\n"
        delay = "socket = l:TCP_NODELAY=1\nsocket = r:TCP_NODELAY=1\n"
        server = pair.server.folder / "stunnel.conf"
        server.write_text(
            f"{common}{delay}[tunnel]\naccept = {pair.server.outer}:{PORT}\n"
            f"connect = 127.0.0.1:{INSIDE_PORT}\ncert = {path}.crt\nkey = {path}.key\n"
        )
        client = pair.client.folder / "stunnel.conf"
        client.write_text(
            f"{common}{delay}[tunnel]\nclient = yes\naccept = {PROXY}:{PROXY_PORT}\n"
            f"connect = {pair.server.outer}:{PORT}\nsni = {NAME}\n"
            f"CAfile = {path}.crt\nverifyChain = yes\ncheckHost = {NAME}\n"
        )
        pair.server.spawn_vpn(*self.command(pair))
        wait_for_port(pair.server, "tcp", INSIDE_PORT)
        pair.server.spawn_vpn("stunnel", str(server))
        wait_for_port(pair.server, "tcp", PORT)
        pair.client.spawn_vpn("stunnel", str(client))


class V2ray(StreamContender):
    """VLESS, which encrypts nothing by itself, inside TLS."""

    name = "v2ray"
    label = "v2ray, VLESS in TLS"
    programs = ("v2ray", "openssl")
    package = "v2ray"
    user = "6d5b5b0c-6f4a-4b8e-9d55-8f4f5f0a0b01"

    def start(self, pair: Bed) -> None:
        path = make_certificate(pair.server.folder)
        user = {"id": self.user}
        end = {"certificateFile": f"{path}.crt", "keyFile": f"{path}.key"}
        server = {
            "inbounds": [
                {
                    "listen": pair.server.outer,
                    "port": PORT,
                    "protocol": "vless",
                    "settings": {"clients": [user], "decryption": "none"},
                    "streamSettings": {
                        "network": "tcp",
                        "security": "tls",
                        "tlsSettings": {"certificates": [end]},
                    },
                }
            ],
            "outbounds": [{"protocol": "freedom"}],
        }
        known = {"usage": "verify", "certificateFile": f"{path}.crt"}
        there = {"address": pair.server.outer, "port": PORT}
        client = {
            "inbounds": [
                {
                    "listen": PROXY,
                    "port": PROXY_PORT,
                    "protocol": "socks",
                    "settings": {"auth": "noauth"},
                }
            ],
            "outbounds": [
                {
                    "protocol": "vless",
                    "settings": {"vnext": [{**there, "users": [{**user, "encryption": "none"}]}]},
                    "streamSettings": {
                        "network": "tcp",
                        "security": "tls",
                        "tlsSettings": {
                            "serverName": NAME,
                            "disableSystemRoot": True,
                            "certificates": [known],
                        },
                    },
                }
            ],
        }
        log = {"log": {"loglevel": "warning"}}
        for end_, text in ((pair.server, server), (pair.client, client)):
            end_.spawn_vpn("v2ray", "-config", write_json(end_.folder, "v2ray.json", log | text))
            if end_ is pair.server:
                wait_for_port(end_, "tcp", PORT)


def others() -> list[StreamContender]:
    return [
        Direct(),
        Trojan(),
        Shadowsocks("shadowsocks", "chacha20-ietf-poly1305"),
        Shadowsocks("shadowsocks-aes", "aes-256-gcm"),
        Stunnel("stunnel", "danted"),
        Stunnel("stunnel-micro", "microsocks"),
        V2ray(),
    ]
