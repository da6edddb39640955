"""Headers of the built pages, wherever they are served from: here, or from a bucket (`infra`)."""

# What the page may do. It runs only its own scripts, shows only its own pictures and those that the
# user adds (``data:``, ``blob:``), and stands in nobody's frame, over whose buttons another site
# could lay what its visitors want to click. What it connects to cannot be listed: with ``?api=``
# and "Endpoint" the user says where his server is, and the page asks him before it sends anything
# there. A script that another server would have to bring in order to misuse that does not run.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "font-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self' http: https:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
# The address of the page may hold the address of another server.
REFERRER_POLICY = "same-origin"
IMMUTABLE = "public, max-age=31536000, immutable"
ASK_FIRST = "no-cache"
