"""The description of the route for MCP clients."""

import pytest

from app.http.openapi_mcp import mcp


@pytest.mark.parametrize(("path", "operation_id"), [("/mcp", "mcp"), ("/api/mcp", "mcp_below_api")])
def test_each_path_has_an_operation_of_its_own(path: str, operation_id: str) -> None:
    described = mcp(path)

    assert described["operation_id"] == operation_id
    assert set(described["responses"]) == {200, 202, 400, 401, 404, 406, 413, 415, 503}
