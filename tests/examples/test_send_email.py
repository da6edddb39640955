"""`app.examples.send_email`: a tool that the user has to approve."""

from app.events import Status, ToolOutputAvailable
from app.examples.send_email import send_email
from tests.examples.example import called


async def test_an_e_mail_needs_approval_and_is_not_really_sent() -> None:
    mail = {"to": "a@example.org", "subject": "Hi", "body": "Hello"}

    assert send_email.asks_approval(mail)
    assert await called(send_email, **mail) == [
        Status("Sending to a@example.org", "c1"),
        ToolOutputAvailable(
            "c1",
            {
                "sent": True,
                "pretended": True,
                "to": "a@example.org",
                "subject": "Hi",
                "characters": 5,
            },
        ),
    ]
