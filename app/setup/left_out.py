"""What an image or a zip file may leave out (infra/lean_packages.py), and what to do about it.

Only whether it is there is asked: nothing is imported, since a cold start waits for it.
"""

from importlib.util import find_spec

from app.settings import SettingsError


def is_left_out(module: str) -> bool:
    """Return whether this package is not there. Packages that it is in have to be."""
    return find_spec(module) is None


def check_is_there(module: str, need: str) -> None:
    """Refuse a setting whose package was left out.

    Args:
        need: the setting and what it needs, such as "CHAT_CLIENT=openai needs the openai package".

    Raises:
        SettingsError
    """
    if is_left_out(module):
        raise SettingsError(
            f"{need}, which is not here: a lean image and a lean zip file leave it out. Build the "
            "image with VARIANT=full, the zip file without --lean, or leave this setting out."
        )
