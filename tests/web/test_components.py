"""The page's own tests (`web/useChat-demo/tests`): what is logic, without a browser."""

import os
import re
import subprocess

from tests.web.chromium import DEMO


def test_its_components_pass_their_own_tests() -> None:
    vitest = DEMO / "node_modules" / "vitest" / "vitest.mjs"
    environment = {**os.environ, "NO_COLOR": "1"}

    ran = subprocess.run(
        ("node", str(vitest), "run"),
        cwd=DEMO,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )

    assert ran.returncode == 0, ran.stdout
    assert re.search(r"Tests +\d\d+ passed", ran.stdout), ran.stdout
