"""What a change of a stack's configuration does to it: the table of docs/deploy.md.

python -m tests.infra.changes    # writes docs/stack_changes.json and the table anew
"""

import itertools
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

from tests.infra.configurations import Configuration, stacks
from tests.infra.engine import Stack, Step, check, steps
from tests.infra.files import write_files

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "docs" / "stack_changes.json"
PAGE = ROOT / "docs" / "deploy.md"
MARK = "<!-- What changes do, by `python -m tests.infra.changes`. -->"
END_MARK = "<!-- End of what changes do. -->"

# Pulumi.yaml's key, and what has the address behind each front door.
_KEYS = {
    "front_door": "frontDoor",
    "packaging": "packaging",
    "auth": "auth",
    "secret_store": "secretStore",
}
_ADDRESSES = {"url": "FunctionUrl", "cloudfront": "Distribution", "apiGateway": "RestApi"}
_URL = "FunctionUrl"

# A step, in the words of the table's head.
_VERBS = {
    "create": "made",
    "update": "changed",
    "replace": "replaced",
    "delete": "deleted",
}

Way: TypeAlias = tuple[Configuration, Configuration]


@dataclass(frozen=True, slots=True)
class Change:
    """What happens when one key gets another value, whatever the other keys are.

    Attributes:
        behind: the front doors of which this is said; empty: of all.
        address: what happens to the address that callers use.
        replaced: kinds of resources that are deleted and made again.
        changed: kinds that are changed in place.
    """

    key: str
    before: str
    after: str
    behind: tuple[str, ...]
    address: tuple[str, ...]
    replaced: tuple[str, ...]
    changed: tuple[str, ...]
    made: tuple[str, ...]
    deleted: tuple[str, ...]


def ways(known: Mapping[Configuration, Stack]) -> Mapping[Way, Sequence[Step]]:
    """Return what every change does, from each configuration to each other one.

    Raises:
        Refused: AWS would not do it.
    """
    found = {}
    for here, there in itertools.permutations(known, 2):
        found[here, there] = steps(known[here], known[there])
        check(known[here], found[here, there])
    return found


def changes(found: Mapping[Way, Sequence[Step]]) -> list[Change]:
    """Sum up the ways on which a single key changes."""
    by_change: dict[tuple[str, str, str], dict[Way, Sequence[Step]]] = {}
    for way, done in found.items():
        match list(way[0].change(way[1]).items()):
            case [(field, (before, after))]:
                by_change.setdefault((field, before, after), {})[way] = done
    return [
        _change(*named, behind, some)
        for named, one in sorted(by_change.items(), key=_place)
        for behind, some in _by_door(named[0], one)
    ]


def _place(item: tuple[tuple[str, str, str], object]) -> tuple[int, str, str]:
    field, before, after = item[0]
    return list(_KEYS).index(field), before, after


def _by_door(
    field: str, found: Mapping[Way, Sequence[Step]]
) -> Iterator[tuple[tuple[str, ...], Mapping[Way, Sequence[Step]]]]:
    """Yield what happens, of each front door by itself if it is not the same behind all of them."""
    by_door: dict[str, dict[Way, Sequence[Step]]] = {}
    for way, done in found.items():
        by_door.setdefault(way[0].front_door, {})[way] = done
    effects = {str(_effect(done)) for done in found.values()}
    if field == "front_door" or len(effects) == 1:
        yield (), found
        return
    for door, some in by_door.items():
        yield (door,), some


def _effect(done: Iterable[Step]) -> list[set[str]]:
    return [_kinds(done, verb) for verb in _VERBS.values()]


def _change(
    field: str,
    before: str,
    after: str,
    behind: tuple[str, ...],
    found: Mapping[Way, Sequence[Step]],
) -> Change:
    def kinds(verb: str) -> tuple[str, ...]:
        each = {way: _kinds(done, verb) for way, done in found.items()}
        return _with_conditions(each, field)

    address = {way: {_address(way, done)} for way, done in found.items()}
    return Change(
        _KEYS[field],
        before,
        after,
        behind,
        _with_conditions(address, field),
        kinds("replaced"),
        kinds("changed"),
        kinds("made"),
        kinds("deleted"),
    )


def _kinds(done: Iterable[Step], verb: str) -> set[str]:
    return {
        resource.type.rpartition(":")[2]
        for operation, resource in done
        if _VERBS.get(operation) == verb
    }


def _address(way: Way, done: Sequence[Step]) -> str:
    before, after = (_ADDRESSES[configuration.front_door] for configuration in way)
    if before == after:
        return "new" if before in _kinds(done, "replaced") else "kept"
    touched = _kinds(done, "replaced") | _kinds(done, "made") | _kinds(done, "deleted")
    if _URL in touched or _URL not in (before, after):
        return f"another: that of the {after}, new"
    if after == _URL:
        return "another: that of the FunctionUrl, which stays"
    return f"another: that of the {after}, new; that of the FunctionUrl stays, for signed requests"


def _with_conditions(each: Mapping[Way, set[str]], field: str) -> tuple[str, ...]:
    """Return what is there on all ways, and of what is not, on which it is."""
    return tuple(
        f"{what}{_condition({way: what in found for way, found in each.items()}, field)}"
        for what in sorted(set().union(*each.values()))
    )


def _condition(holds: Mapping[Way, bool], field: str) -> str:
    if all(holds.values()):
        return ""
    for other, key in _KEYS.items():
        if other == field:
            continue
        values = {getattr(way[0], other) for way, held in holds.items() if held}
        if all(held == (getattr(way[0], other) in values) for way, held in holds.items()):
            return f" ({key} {' or '.join(sorted(values))})"
    raise AssertionError(f"it takes more than one key to say when {field} does this")


def as_text(found: Sequence[Change]) -> str:
    return json.dumps([asdict(change) for change in found], indent=1) + "\n"


def table(text: str) -> str:
    """Return the table of what was kept, as Markdown."""
    heads = ["change", *_COLUMNS.values()]
    rows = [
        [
            f"`{change['key']}`: {change['before']} → {change['after']}"
            + (f", behind {' or '.join(change['behind'])}" if change["behind"] else ""),
            *("; ".join(_shortened(change[column])) or "–" for column in _COLUMNS),
        ]
        for change in json.loads(text)
    ]
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


# What is made and deleted as a whole, by what the table calls it.
_WHOLES = {
    "CloudFront and its page": frozenset(
        {
            *("Bucket", "BucketObjectv2", "BucketPolicy", "BucketPublicAccessBlock"),
            *("Distribution", "OriginAccessControl", "ResponseHeadersPolicy"),
        }
    ),
    "the REST API and its log": frozenset(
        {
            *("Deployment", "Integration", "LogGroup", "Method", "MethodSettings", "Resource"),
            *("RestApi", "Stage"),
        }
    ),
    "the role of API Gateway's logs": frozenset({"Account", "Role", "RolePolicyAttachment"}),
    "the repository and its images": frozenset({"Image", "LifecyclePolicy", "Repository"}),
}


def _shortened(kinds: Sequence[str]) -> list[str]:
    wholes = {name: parts for name, parts in _WHOLES.items() if parts <= set(kinds)}
    return [*wholes, *(kind for kind in kinds if not any(kind in it for it in wholes.values()))]


_COLUMNS = {
    "address": "address",
    "replaced": "replaced",
    "changed": "changed in place",
    "made": "made",
    "deleted": "deleted",
}


def rendered(page: str, text: str) -> str:
    before, rest = page.split(MARK)
    return f"{before}{MARK}\n\n{table(text)}\n{END_MARK}{rest.split(END_MARK)[1]}"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        text = as_text(changes(ways(stacks(write_files(Path(folder))))))
    KEPT.write_text(text, encoding="utf-8")
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8"), text), encoding="utf-8")


if __name__ == "__main__":
    main()
