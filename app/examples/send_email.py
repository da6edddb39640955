"""An example of a tool that the user has to approve. It only pretends to send."""

from typing import Annotated, Any

from pydantic import Field

from app.tools import ToolContext, tool


@tool(needs_approval=True)
async def send_email(
    to: Annotated[str, Field(description="The receiver's address")],
    subject: str,
    body: Annotated[str, Field(description="The text, without markup")],
    ctx: ToolContext,
) -> dict[str, Any]:
    """Send an e-mail. The user is asked first."""
    ctx.send_status(f"Sending to {to}")
    # A real one would hand ctx.approval_id to the mail service as its idempotency key.
    return {"sent": True, "pretended": True, "to": to, "subject": subject, "characters": len(body)}
