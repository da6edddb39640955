"""A plain handler for our runtime that tells its key in its log and in its failure."""

import logging
import os


def handler(event: object, context: object) -> None:
    key = os.environ["OPENAI_API_KEY"]
    logging.getLogger("mine").warning("the key is %s", key)
    raise RuntimeError(f"the key is {key}")
