"""The proof of a reasoning item, as it travels to the client and back.

The provider stores nothing (``store: false``), so the model gets its reasoning back from the
client's history. The API requires the item's id and its encrypted content. Both travel as one text,
the ``signature`` or ``redacted`` data of a reasoning part::

    {"id":"rs_1","encrypted_content":"gAAAA…"}
"""

import msgspec


class ReasoningProof(msgspec.Struct, frozen=True):
    id: str
    encrypted_content: str


_decode = msgspec.json.Decoder(ReasoningProof).decode


def write_proof(proof: ReasoningProof) -> str:
    """Return the text that travels to the client."""
    return msgspec.json.encode(proof).decode()


def read_proof(text: str) -> ReasoningProof | None:
    """Read what a client sent; None if it is not a proof of this API."""
    try:
        return _decode(text)
    except (ValueError, RecursionError):
        return None
