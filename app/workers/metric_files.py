"""Where the workers' metrics stand, so that any of them can show those of all.

Source: prometheus-client 0.26, multiprocess.py, which reads the variable when it is imported.
"""

import contextlib
from pathlib import Path
from types import TracebackType

FOLDER = "PROMETHEUS_MULTIPROC_DIR"


class MetricFiles:
    """A folder for the workers, while the block runs.

    Args:
        is_needed: whether anybody asks for metrics.

    Attributes:
        variables: of the environment, what the workers have to know.
    """

    def __init__(self, *, is_needed: bool) -> None:
        self._is_needed = is_needed
        self._stack = contextlib.ExitStack()
        self.variables: dict[str, str] = {}

    def __enter__(self) -> "MetricFiles":
        if self._is_needed:
            import tempfile  # which most servers do not need

            folder = tempfile.TemporaryDirectory(prefix="deltaline-metrics-")
            self.variables = {FOLDER: self._stack.enter_context(folder)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._stack.close()

    def forget(self, pid: int) -> None:
        """Forget how many turns a worker ran that has ended. What it has counted stays."""
        if self.variables:
            for path in Path(self.variables[FOLDER]).glob(f"gauge_live*_{pid}.db"):
                path.unlink(missing_ok=True)
