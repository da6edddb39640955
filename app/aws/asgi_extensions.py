"""ASGI extensions of our Lambda runtime: what it and an app tell each other beside HTTP.

They stand in the scope's ``extensions``, which only the server fills: no client can send them.

Source: ASGI specification 3.0, "Extensions".
"""

OUTCOME = "deltaline.outcome"
"""A dictionary. An app whose answer, though complete, tells of a failure sets ``error_code`` and
``error_message`` in it before it returns."""

DIRECT = "deltaline.direct"
"""An empty dictionary, there if nobody came over HTTP: a program, a schedule or another service of
AWS has invoked the function itself, and IAM has said that it may."""
