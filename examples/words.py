"""`app.examples.words` under the name that deployments use: ``examples.words.handler``."""

import sys

from app.examples.words import handler, main

__all__ = ["handler", "main"]

if __name__ == "__main__":
    sys.exit(main())
