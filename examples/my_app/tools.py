"""What the model may do for the user of this app."""

from datetime import timedelta

import humanize

from app.tools import ToolContext, tool

# In place of a database: number → whose it is, and how long ago it was sent.
_ORDERS = {7: ("ada", timedelta(hours=30)), 8: ("bob", timedelta(days=9))}


def order_of(owner: str, number: int) -> dict[str, str] | None:
    """Return an order, if it is this user's."""
    whose, since = _ORDERS.get(number, (None, timedelta()))
    if whose != owner:
        return None
    return {"number": str(number), "state": f"sent {humanize.naturaltime(since)}"}


@tool
async def find_order(number: int, ctx: ToolContext) -> dict[str, str]:
    """Look up an order of the user."""
    ctx.send_status(f"Looking for order {number}")  # the user sees it at once
    return order_of(ctx.owner, number) or {"number": str(number), "state": "there is none"}
