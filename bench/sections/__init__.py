"""The sections of a run, in order. A new one is a module with `measure` and an entry here."""

from collections.abc import Callable, Mapping

from bench.running import Bench
from bench.sections import cold_start, lambda_runtime, memory, paced, unpaced, workers
from bench.table import Section

SECTIONS: Mapping[str, Callable[[Bench], Section]] = {
    "A": unpaced.measure,
    "B": paced.measure,
    "C": memory.measure,
    "D": cold_start.measure,
    "E": lambda_runtime.measure,
    "F": workers.measure,
}
