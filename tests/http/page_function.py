"""An app that serves the page of a folder (`PAGE_FOLDER`), as a function or as a web app."""

import os
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from app.http.pages import Pages
from tests.http.built_pages import app_of


def create() -> Starlette:
    """Return the app; our Lambda runtime calls this."""
    folder = Path(os.environ["PAGE_FOLDER"])
    return app_of(Pages(folder, folder))


if __name__ == "__main__":  # behind the Lambda Web Adapter
    uvicorn.run(create(), port=int(os.environ["PORT"]), log_level="warning")
