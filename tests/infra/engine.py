"""The steps by which Pulumi's engine gets from one stack to another, as far as ours need it.

What is not there is made, and what is no longer asked for is deleted, after all else. A resource is
the same one if it has the same URN, or names that of the old one as an alias. If it has to be
replaced, the new one is made first, and the old one deleted in the end; or, where the provider says
so, it is deleted first, and before it everything that could not be without it.

Source: pulumi/pulumi, pkg/resource/deploy/step_generator.go, ``generateSteps`` and
``calculateDependentReplacements``. Where there is a pulumi, test_real_pulumi.py compares.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from tests.infra.replacing import ANEW, REPLACING, is_deleted_first, name_of

# "replace" makes the new one, "discard" deletes the old one.
Operation: TypeAlias = Literal["create", "update", "replace", "discard", "delete"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A resource as the program asks for it.

    Attributes:
        needs: the URNs that each input comes from.
        after: the URNs of all that has to be there before.
        aliases: URNs that it had before.
        stays: it is left when nobody asks for it any more.
    """

    urn: str
    inputs: Mapping[str, object]
    needs: Mapping[str, frozenset[str]]
    after: frozenset[str]
    aliases: tuple[str, ...] = ()
    stays: bool = False

    @property
    def type(self) -> str:
        return self.urn.split("::")[2].rpartition("$")[2]


Stack: TypeAlias = Sequence[Asked]


class Step(NamedTuple):
    """One thing that is done in AWS."""

    operation: Operation
    resource: Asked


class Refused(Exception):
    """AWS would not do a step."""


def steps(before: Stack, after: Stack) -> list[Step]:
    """Return what is done, in order. What stays as it is, has no step."""
    return _Run(before).to(after)


def check(before: Stack, done: Sequence[Step]) -> None:
    """Carry the steps out on paper.

    Raises:
        Refused: one makes what is there already, such as a second URL of a function.
    """
    there = {name: resource for resource in before if (name := _name(resource)) is not None}
    for operation, resource in done:
        name = _name(resource)
        if name is None:
            continue
        match operation:
            case "create" | "replace":
                if name in there:
                    raise Refused(f"{resource.urn} is made while {there[name].urn} is there")
                there[name] = resource
            case "delete" | "discard":
                del there[name]
            case "update":
                pass


def _name(resource: Asked) -> tuple[str, ...] | None:
    return name_of(resource.type, resource.inputs)


@dataclass
class _Run:
    """One `pulumi up`.

    Attributes:
        gone: URNs of what was deleted so that something else can be replaced.
        anew: new URNs of what was made again and is not the same to those who use it.
        discarded: old resources that are deleted in the end.
    """

    before: Stack
    gone: set[str] = field(default_factory=set)
    anew: set[str] = field(default_factory=set)
    discarded: list[Asked] = field(default_factory=list)
    done: list[Step] = field(default_factory=list)

    def to(self, after: Stack) -> list[Step]:
        old = {resource.urn: resource for resource in self.before}
        kept: set[str] = set()
        for new in after:
            known_as = next((urn for urn in (new.urn, *new.aliases) if urn in old), None)
            if known_as is None:
                self._do("create", new)
                continue
            kept.add(known_as)
            self._meet(old[known_as], new)
        # What was deleted for another's sake, and is not asked for any more, is only forgotten.
        left = [resource for resource in self.before if resource.urn not in kept | self.gone]
        ending = [
            *(Step("discard", resource) for resource in self.discarded),
            *(Step("delete", resource) for resource in left if not resource.stays),
        ]
        order = {resource.urn: place for place, resource in enumerate(self.before)}
        ending.sort(key=lambda step: -order[step.resource.urn])
        return self.done + ending

    def _meet(self, old: Asked, new: Asked) -> None:
        if old.urn in self.gone:
            self._make_again(new)
            return
        changed = self._changed(old, new)
        if not changed & REPLACING[new.type]:
            if changed:
                self._do("update", new)
            return
        if is_deleted_first(new.type, new.inputs):
            for resource in [*self._those_that_need(old), old]:
                self.gone.add(resource.urn)
                self._do("discard", resource)
        else:
            self.discarded.append(old)
        self._make_again(new)

    def _make_again(self, new: Asked) -> None:
        self._do("replace", new)
        if new.type in ANEW:
            self.anew.add(new.urn)

    def _changed(self, old: Asked, new: Asked) -> set[str]:
        """Return the inputs that are others, also because what they come from was made again."""
        names = {*old.inputs, *new.inputs}
        named = {name for name in names if old.inputs.get(name) != new.inputs.get(name)}
        return named | {name for name, urns in new.needs.items() if urns & self.anew}

    def _those_that_need(self, old: Asked) -> list[Asked]:
        """Return what cannot be without a resource, those that nothing needs first."""
        lost = {old.urn}
        found = []
        for resource in self.before:
            needed = resource.needs
            if any(needed.get(name, frozenset()) & lost for name in REPLACING[resource.type]):
                lost.add(resource.urn)
                found.append(resource)
        return found[::-1]

    def _do(self, operation: Operation, resource: Asked) -> None:
        self.done.append(Step(operation, resource))
