"""Whose clients arrive: a row a protocol, or a way of logging in.

A further one is a class in a file of its own here, a file beside mighty.c, and a row below.
"""

from __future__ import annotations

import pathlib

from bench.arrivals.kind import Kind
from bench.arrivals.mighty import Mighty
from bench.arrivals.phaze import Certificates, Passwords


def all_kinds(programs: pathlib.Path) -> list[Kind]:
    return [Mighty(programs), Certificates(programs), Passwords(programs)]
