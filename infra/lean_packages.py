"""What a deployment that asks a model for answers, and no more, can do without.

    python -m infra.lean_packages      writes requirements-lean.lock, as `make lock` does

A lean image or zip file holds neither these packages nor these parts of the app. Where a setting
asks for one of them, the start ends with a sentence.
"""

import sys
from collections.abc import Collection, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# What only `openai` needs (CHAT_CLIENT=openai, Azure), and uvloop, without which uvicorn runs on
# asyncio: some 45 MB with their byte code.
PACKAGES = frozenset(
    {"openai", "jiter", "sniffio", "httpx2", "httpx2-jsfetch", "httpcore2", "truststore", "uvloop"}
)
# The local Lambda and the built-in model.
APP_FOLDERS = frozenset({"app/emulator", "app/scripted_model"})


def variant_for(environment: Iterable[str]) -> str:
    """Return the smallest variant of the image that does what these settings ask for.

    Args:
        environment: variables as ``NAME=value``.
    """
    variables = dict(entry.split("=", 1) for entry in environment if "=" in entry)
    if variables.get("CHAT_PROVIDER") == "scripted":
        return "full"
    # An app of one's own may choose its settings itself.
    may_ask_openai = {"CHAT_APP", "AZURE_OPENAI_ENDPOINT"} & variables.keys()
    if may_ask_openai or variables.get("CHAT_CLIENT") == "openai":
        return "production"
    return "lean"


def main() -> int:
    """Write the lean lock file; return the exit status."""
    lock = (ROOT / "requirements.lock").read_text()
    (ROOT / "requirements-lean.lock").write_text(without(lock, PACKAGES))
    return 0


def without(lock: str, names: Collection[str]) -> str:
    """Return a requirements file without these packages and their hashes."""
    kept: list[str] = []
    keep = True
    for line in lock.splitlines(keepends=True):
        if not line.startswith((" ", "#")):
            keep = line.partition("==")[0].strip() not in names
        if keep:
            kept.append(line)
    return "".join(kept)


if __name__ == "__main__":
    sys.exit(main())
