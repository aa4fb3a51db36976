"""Clients of Phaze: devices of users who log in, each from a network of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.arrivals.effort import Effort
from bench.arrivals.kind import INTERFACE, PORT, SERVER, Kind
from bench.authority import Authority
from bench.lab import End

# PHAZE_SERVER of phaze.h.
NAME = "server.bench"
RESIDENT, PASSWORD = "resident", "hardly a secret"


class Logins(Kind):
    """Users in the server's store; a user's devices are told apart by what they come from."""

    protocol = "phaze"
    first, again = "login", "ticket"
    # The first client's address; each further one is in the /24 behind.
    source, sources = "172.16.0.1", "172.16.0.0/12"
    demand: str  # of auth.demands
    devices: int  # clients of a user

    def authority(self, server: End) -> Authority:
        return Authority(self.node, server.folder / "ca")

    def users(self, count: int) -> list[str]:
        """Who so many clients are, in turns."""
        return [f"user{number}" for number in range(-(-count // self.devices))]

    def server_auth(self) -> dict[str, Any]:
        """Of the server's configuration, besides what it shows itself."""
        return {"demands": [self.demand]}

    def add(self, server: End, user: str) -> None:
        """Into the store."""
        raise NotImplementedError

    def equip(self, end: End, server: End, user: str) -> dict[str, Any]:
        """Puts into the end's folder what the user shows, and says how its configuration has it."""
        raise NotImplementedError

    def line(self, user: str) -> str:
        """Of the file `users` (phaze_users.h)."""
        raise NotImplementedError

    def serve(self, end: End, lines: Sequence[str]) -> None:
        authority = self.authority(end)
        authority.init()
        authority.issue("server", NAME, end.folder)
        shows = {"certificate_file": f"{NAME}.pem", "key_file": f"{NAME}.key"}
        tunnel = {
            "role": "server",
            "listen": f"{end.outer}:{PORT}",
            "addresses": [f"{SERVER}/16"],
            "auth": {**shows, **self.server_auth()},
        }
        self.node.start(end, {INTERFACE: {**self.common, **tunnel}})
        for user in [RESIDENT, *self.users(len(lines))]:
            self.add(end, user)

    def reside(self, end: End, server: End) -> None:
        end.write("ca.pem", self.authority(server).certificate())
        auth = {"username": RESIDENT, "ca_file": "ca.pem", "server_name": NAME}
        tunnel = {
            "role": "client",
            "endpoints": [f"{server.outer}:{PORT}"],
            "auth": {**auth, **self.equip(end, server, RESIDENT)},
        }
        self.node.start(end, {INTERFACE: {**self.common, **tunnel}})

    def words(self, end: End, server: End, count: int) -> list[str]:
        users = self.users(count)
        for user in users:
            self.equip(end, server, user)
        end.write("users", "".join(f"{self.line(user)}\n" for user in users))
        return [str(end.folder), self.source]


class Certificates(Logins):
    """These cost the server no Argon2id, so that thousands can come, and come again by ticket."""

    name = "umbra-phaze"
    label = "Umbra Phaze"
    demand = "certificate"
    measures = ("first", "again", "paced", "logins", "once")
    devices = 250

    def server_auth(self) -> dict[str, Any]:
        return {**super().server_auth(), "ca_file": "ca/ca.pem"}

    def add(self, server: End, user: str) -> None:
        self.node.ask(server, "user", "add", "--no-password", "--devices", str(self.devices), user)

    def equip(self, end: End, server: End, user: str) -> dict[str, Any]:
        self.authority(server).issue("client", user, end.folder)
        return {"certificate_file": f"{user}.pem", "key_file": f"{user}.key"}

    def line(self, user: str) -> str:
        return user


class Passwords(Logins):
    """Each login is one Argon2id, and so is each user that is added."""

    name = "umbra-phaze-password"
    label = "Umbra Phaze, passwords"
    demand = "password"
    devices = 5
    measures = ("passwords",)

    def clients(self, effort: Effort) -> int:
        return effort.passwords

    def add(self, server: End, user: str) -> None:
        path = server.write("password", f"{PASSWORD}\n")
        words = ("user", "add", "--password-file", str(path), "--devices", str(self.devices))
        self.node.ask(server, *words, user)

    def equip(self, end: End, server: End, user: str) -> dict[str, Any]:
        end.write("password", f"{PASSWORD}\n")
        return {"password_file": "password"}

    def line(self, user: str) -> str:
        return f"{user} {PASSWORD}"
