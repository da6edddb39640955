"""A local Lambda that streams: Runtime API, Extensions API, and Lambda's public addresses.

    you ─ public_port ─┬─ lambda_api ───┬─ function ─ worker ─ environment ─┬─ runtime_endpoint
                       └─ function_url ─┘                                   ├─ extensions_endpoint
                                                                            └─ processes

A request goes from left to right; `function_response` carries what the function sends back.
`python -m app emulate` runs `program`, whose `Emulator` tests use directly.
"""
