"""An issuer of JSON Web Tokens, whose one key everybody can compute: ``issuer.py PORT``.

``GET`` anything returns its key set. `token` returns what a client of it sends.
"""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

ISSUER, AUDIENCE = "https://issuer.bench", "https://chat.bench"
_KEY = ec.derive_private_key(20_26, ec.SECP256R1())  # no secret
_LIFE_S = 86_400


def token() -> str:
    """Return a token of a day for one user."""
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "exp": int(time.time()) + _LIFE_S}
    return jwt.encode(claims, _KEY, algorithm="ES256", headers={"kid": "k1"})


class _Keys(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        key = jwt.get_algorithm_by_name("ES256").to_jwk(_KEY.public_key())
        content = json.dumps({"keys": [{**json.loads(key), "kid": "k1", "use": "sig"}]}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", int(sys.argv[1])), _Keys).serve_forever()
