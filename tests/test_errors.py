"""The errors, and the drawing of them at the top of `app/errors.py`."""

import ast
import builtins
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import app.errors
import app.limits.errors
import app.turns.errors
from app.errors import (
    ChatError,
    Forbidden,
    OutOfDescriptors,
    ProviderRateLimited,
    ProviderTimeout,
    RequestError,
    StoreUnavailable,
    Unauthorized,
)

APP = Path(app.errors.__file__).parent
DRAWING = app.errors.__doc__ or ""


def subclasses(error: type[ChatError]) -> Iterator[tuple[int, type[ChatError]]]:
    """Yield ``error`` and all below it with their depth, each behind its parent."""
    yield 0, error
    for child in error.__subclasses__():
        yield from ((depth + 1, below) for depth, below in subclasses(child))


TREE = [
    (depth, error)
    for depth, error in subclasses(ChatError)
    if error.__module__ in ("app.errors", app.turns.errors.__name__, app.limits.errors.__name__)
]


def exceptions_elsewhere() -> dict[str, set[str]]:
    """Return the public exception classes outside `app.errors`: module below app → names."""
    classes = [
        (".".join(path.relative_to(APP).with_suffix("").parts), node)
        for path in sorted(APP.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    ]
    known = {name for name, value in vars(builtins).items() if _is_exception(value)}
    found: dict[str, set[str]] = {}
    while True:
        new = [
            (module, node.name)
            for module, node in classes
            if {ast.unparse(base).rpartition(".")[2] for base in node.bases} & known
            and node.name not in found.get(module, set())
        ]
        if not new:
            break
        for module, name in new:
            known.add(name)
            found.setdefault(module, set()).add(name)
    del found["errors"], found["turns.errors"], found["limits.errors"]
    public = {
        module: {name for name in names if not name.startswith("_")}
        for module, names in found.items()
    }
    return {module: names for module, names in public.items() if names}


def _is_exception(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, BaseException)


def test_the_drawing_shows_each_error_at_its_place_with_its_status() -> None:
    drawn = re.findall(r"^( *)[*+.-] ([A-Z]\w+) +(\d{3})", DRAWING, re.MULTILINE)

    assert [(len(indent) // 2, name, int(status)) for indent, name, status in drawn] == [
        (depth, error.__name__, error.status) for depth, error in TREE
    ]


def test_the_list_below_names_each_error_of_another_module() -> None:
    listed = {
        module: {name.strip() for name in names.split(",") if re.fullmatch(r" ?[A-Z]\w+", name)}
        for module, names in re.findall(r"^\* ([a-z_.]+): (.+)$", DRAWING, re.MULTILINE)
    }

    assert listed == exceptions_elsewhere()


def test_each_error_has_a_code_of_its_own_and_a_sentence() -> None:
    codes = [error.code for _, error in TREE if error is not RequestError]

    assert len(set(codes)) == len(codes)
    for _, error in TREE:
        shown = error("why").public_message
        assert shown == "why" if issubclass(error, RequestError) else "why" not in shown


def test_the_log_gets_the_message_and_the_client_the_sentence() -> None:
    error = ProviderTimeout("10.0.0.1 was silent")

    assert str(error) == "10.0.0.1 was silent"
    assert error.public_message == "The model did not answer in time; please try again."
    assert error.headers() == {}


def test_a_request_without_a_token_is_told_how_to_send_one() -> None:
    assert Unauthorized("Send one.").headers() == {"www-authenticate": "Bearer"}
    assert Forbidden("No.").headers() == {}


@pytest.mark.parametrize(
    ("retry_after", "headers"), [("7", {"retry-after": "7"}), (None, {}), ("", {})]
)
def test_a_rate_limit_hands_on_when_to_try_again(
    retry_after: str | None, headers: dict[str, str]
) -> None:
    assert ProviderRateLimited("slow down", retry_after=retry_after).headers() == headers


def test_what_an_error_says_is_for_the_log_unless_it_says_otherwise() -> None:
    error = ChatError("broken")
    assert error.log_text == "broken"

    error.log_text = "safe"

    assert (error.log_text, str(error)) == ("safe", "broken")


@pytest.mark.parametrize("error", [OutOfDescriptors("x"), StoreUnavailable("x")])
def test_a_lack_of_room_says_when_to_come_back(error: ChatError) -> None:
    assert error.status == 503
    assert int(error.headers()["retry-after"]) > 0


def test_an_error_has_no_details_unless_it_says_some() -> None:
    assert ChatError("broken").details() == {}
