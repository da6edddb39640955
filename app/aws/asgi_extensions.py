"""ASGI extensions of our Lambda runtime: what it and an app tell each other besides HTTP.

They are keys of the scope's ``extensions``. Only the server fills it, so no client can forge them.

Source: ASGI specification 3.0, "Extensions".
"""

OUTCOME = "deltaline.outcome"
"""A dictionary. If a turn has failed although the response is complete, the app sets ``error_code``
and ``error_message`` in it before it returns."""

DIRECT = "deltaline.direct"
"""An empty dictionary, present if the event did not come over HTTP: a program, a schedule or an AWS
service has invoked the function itself, and IAM has authorized it."""

AFTERWARDS = "deltaline.afterwards"
"""A list. The app adds async functions without arguments that are to run once the response has
ended, before the runtime asks for the next event: until then Lambda does not freeze the process."""
