"""A few seconds of tools/soak, so that it is in order on the day when it runs for hours."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from harness.device import REPOSITORY
from harness.process import SLOW

pytestmark = [pytest.mark.umbra, pytest.mark.calm, pytest.mark.long]


def test_soak_for_seconds() -> None:
    """Some actions at a client pass without a fault, and the report has them."""
    command = [str(REPOSITORY / "tools" / "soak"), "--seconds", "8", "--seed", "3"]
    done = subprocess.run(
        [*command, "--only", "client: "], capture_output=True, text=True, timeout=120 * SLOW
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"^\((.*\.json)\)$", done.stdout, re.MULTILINE)
    assert found, done.stdout
    with open(found[1]) as file:
        report = json.load(file)
    assert report["faults"] == [] and report["seed"] == 3
    assert len(report["actions"]) >= 2 and report["compared"] > 4
    assert report["load"]["changed"] == 0 and report["load"]["udp4 answered"] > 50
