"""The real clients of every AI SDK major against the real app, flow by flow.

    python -m tests.conformance [CLIENT …] [--flow NAME]…      the table
    python -m tests.conformance --traps                        spoilt bytes, and who notices

The clients run in node (`main.mjs`), the app, the scripted model and what stands beside them in
this process (`site`).
"""
