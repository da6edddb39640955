"""Everything that can be made, by Pulumi's type."""

from collections.abc import Mapping

from tests.infra import (
    make_front_doors,
    make_functions,
    make_monitoring,
    make_rest_apis,
    make_secrets,
    make_tables,
)
from tests.infra.aws_api import Maker

MAKERS: Mapping[str, Maker] = {
    **make_functions.MAKERS,
    **make_secrets.MAKERS,
    **make_monitoring.MAKERS,
    **make_front_doors.MAKERS,
    **make_rest_apis.MAKERS,
    **make_tables.MAKERS,
}
