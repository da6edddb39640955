"""``python -m app``: the same as the ``deltaline`` command."""

import sys

from app.cli import main

sys.exit(main())
