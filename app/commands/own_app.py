"""The app that `CHAT_APP` names, as our servers serve it.

It is a factory of the user's own. Most call `create_app`, add something to what they get and return
it: that is served as ours is. Others put it into an app of theirs, or middleware around it. Then
the whole is guarded as ours would be, ours is begun and closed where nobody else does it, and a
server that stops finds the turns all the same.
"""

import contextlib
import importlib
import inspect
import logging
import traceback
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.callables import takes
from app.causes import text_of
from app.settings import SettingsError, load_settings
from app.setup.serving import Serving
from app.setup.sites import guarded

logger = logging.getLogger("deltaline")

_MOST_CHARS = 300


def create() -> ASGIApp:
    """Make the app in our Lambda runtime, as one of its handlers.

    Raises:
        SettingsError: it cannot be made.
    """
    settings = load_settings()
    assert settings.app is not None
    return own_app(settings.app, Serving(settings))


def own_app(name: str, server: Serving) -> ASGIApp:
    """Make the app that ``name`` stands for.

    Args:
        name: as ``my_app:create``; a function without arguments that returns an ASGI app, or the
            app itself.
        server: what serves it.

    Raises:
        SettingsError: there is no such thing, it fails, or it makes no app; one sentence.
    """
    with server.making():
        app = _made(name)
    if len(server.made) == 1 and server.made[0].app is app:
        return app  # with everything that the server needs
    if not server.made:
        logger.warning(
            "CHAT_APP is %s, which makes no app with create_app: there is no chat in it", name
        )
    return OwnApp(app, server)


class OwnApp:
    """An app of the user's with ours somewhere in it, or without.

    Args:
        app: the whole.
        server: what serves it, and knows which apps of ours were made.

    Attributes:
        state: as ours has it for who stops a server: ``turns``.
    """

    def __init__(self, app: ASGIApp, server: Serving) -> None:
        self.state = SimpleNamespace(turns=server)
        self._made = server.made
        for made in server.made:
            if made.settle is not None:
                from app.http.settling import Settling

                # Where only its routes were taken over, what stood around them was not.
                app = Settling(app, settle=made.settle)
        settings = server.made[0].settings if server.made else server.settings()
        self._app = guarded(app, settings, refuse_other_sites=server.refuse_other_sites)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the lifespan of the whole, and within it that of ours.

        Starlette runs none of a mounted app. Ours ends first: the ends of turns may need what the
        outer app holds open.
        """
        has_answered = False
        async with contextlib.AsyncExitStack() as ours:

            async def received() -> Message:
                message = await receive()
                if message["type"] == "lifespan.shutdown":
                    await ours.aclose()
                return message

            async def sent(message: Message) -> None:
                nonlocal has_answered
                has_answered = True
                if message["type"] == "lifespan.startup.complete":
                    await self._begin(ours)
                await send(message)

            try:
                await self._app(scope, received, sent)
            except Exception:
                if has_answered:
                    raise
            if not has_answered:
                # An app without a lifespan; the specification lets it raise or return.
                await sent({"type": "lifespan.startup.complete"})
                while (await received())["type"] != "lifespan.shutdown":
                    pass
                await send({"type": "lifespan.shutdown.complete"})

    async def _begin(self, ours: contextlib.AsyncExitStack) -> None:
        for made in self._made:
            if not made.lifespan.has_begun:
                await ours.enter_async_context(made.lifespan(made.app))


def _made(name: str) -> ASGIApp:
    """Import what ``name`` stands for, and make the app of it."""
    module_name, _, attributes = name.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
        for attribute in attributes.split("."):
            if not hasattr(found, attribute):
                raise SettingsError(f"CHAT_APP is {name}, but {module_name} has no {attributes}.")
            found = getattr(found, attribute)
        if takes(found, 0):
            found = found()
    except SettingsError:
        raise
    except (Exception, SystemExit) as error:
        raise SettingsError(_why_not(name, error)) from error
    if inspect.iscoroutine(found):
        found.close()
        raise SettingsError(f"CHAT_APP is {name}, which is async; it must return the app at once.")
    if not takes(found, 3):
        raise SettingsError(
            f"CHAT_APP is {name}, which gives {_kind(found)}; it must be a function without "
            "arguments that returns an ASGI app, such as that of create_app()."
        )
    app: ASGIApp = found
    return app


def _kind(found: object) -> str:
    return "nothing" if found is None else f"an object of the type {type(found).__name__}"


def _why_not(name: str, error: BaseException) -> str:
    """Return one sentence: what went wrong, and where in the user's own code."""
    module_name = name.partition(":")[0]
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing is not None and f"{module_name}.".startswith(f"{missing}."):
        return (
            f"CHAT_APP is {name}, but there is no module {missing} in {Path.cwd()}, nor among "
            "the installed packages."
        )
    package = module_name.partition(".")[0]
    text = " ".join(text_of(error).split())[:_MOST_CHARS].removesuffix(".")
    hint = "" if missing is None else "; a package of yours belongs into requirements.txt beside it"
    return (
        f"CHAT_APP is {name}, which failed{_place(package, error)}: "
        f"{type(error).__name__}{': ' if text else ''}{text}{hint}."
    )


def _place(package: str, error: BaseException) -> str:
    """Return where in the package the error came up. Frames of libraries say less."""
    place = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        if str(frame.f_globals.get("__name__")).partition(".")[0] == package:
            path = Path(frame.f_code.co_filename)
            shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
            place = f" in line {line} of {shown}"
    return place
