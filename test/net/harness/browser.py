"""Chromium without a window, where there is one."""

from __future__ import annotations

import os
import shutil
import tempfile

import pytest

from harness.lab import Namespace

NAMES = ("chromium", "chromium-headless-shell")
ALONE = ("--disable-background-networking", "--disable-component-update", "--no-first-run")


def page(space: Namespace, url: str, *options: str) -> str:
    """The page as it is when its scripts have run; skips the test where there is no browser."""
    program = next((found for name in NAMES if (found := shutil.which(name))), None)
    if not program:
        pytest.skip("there is no chromium")
    home = tempfile.mkdtemp(prefix="browser-", dir=space.lab.folder)
    return space.run(
        *(program, "--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom", *ALONE),
        *(f"--user-data-dir={home}", *options, url),
        env={**os.environ, "HOME": home},
        timeout=60,
    ).stdout
