"""What `pulumi up` runs: the stack as it is configured. See docs/deploy.md."""

import sys
from pathlib import Path

import pulumi

# Pulumi runs this folder by its path, so that only the folder itself can be imported from.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from infra.config import read_config
from infra.program import deploy

for name, value in deploy(read_config()).items():
    pulumi.export(name, value)
