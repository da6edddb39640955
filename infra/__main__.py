"""The program that `pulumi up` runs. See docs/deploy.md."""

import sys
from pathlib import Path

import pulumi

# Pulumi runs this folder by its path, so only what is inside the folder could be imported.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from infra.config import read_config
from infra.program import deploy

for name, value in deploy(read_config()).items():
    pulumi.export(name, value)
