"""All targets by name, and where their inputs are kept."""

from collections.abc import Mapping
from pathlib import Path

from tests.fuzz import (
    aws_streams,
    http_peers,
    lambda_events,
    model_http,
    model_streams,
    request_bodies,
    texts,
)
from tests.fuzz.target import Target

_MODULES = (
    request_bodies,
    model_http,
    model_streams,
    lambda_events,
    aws_streams,
    http_peers,
    texts,
)

TARGETS: Mapping[str, Target] = {
    target.name: target for module in _MODULES for target in module.TARGETS
}

# In the repository: few, small, and each reaches code that no other does.
CORPUS = Path(__file__).parent / "corpus"
# Ignored by git: whatever was found, so that the next run goes on from there.
FOUND = Path(__file__).parents[2] / ".fuzz"


def kept(name: str) -> list[Path]:
    """Return the inputs of a target that are in the repository."""
    return sorted(path for path in (CORPUS / name).glob("*") if path.is_file())
