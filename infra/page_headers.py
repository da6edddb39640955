"""Headers of the built page as CloudFront sends it: those of `app.http.page_headers`.

A test compares them, since the program imports nothing of the app: `make infra` does not set it up.
"""

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
REFERRER_POLICY = "same-origin"
IMMUTABLE = "public, max-age=31536000, immutable"
ASK_FIRST = "no-cache"
