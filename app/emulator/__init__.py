"""A local Lambda that streams: Runtime API, Extensions API, and Lambda's public addresses.

    processes ── Runtime API, Extensions API ── environment ── worker ── function ── fronts ── you

`python -m app emulate` runs it; `Emulator` is the same for tests.
"""
