"""The proof of a reasoning item, as it travels to the client and back.

Nothing is stored at the model's side (``store: false``), so the model gets its reasoning back from
the client's history. For that it wants the item's id and its encrypted content, which are one text
here, the ``signature`` or ``redacted`` data of a reasoning part::

    {"id":"rs_1","encrypted_content":"gAAAA…"}
"""

import msgspec


class ReasoningProof(msgspec.Struct, frozen=True):
    id: str
    encrypted_content: str


_decode = msgspec.json.Decoder(ReasoningProof).decode


def write_proof(proof: ReasoningProof) -> str:
    """Return the text that a client keeps."""
    return msgspec.json.encode(proof).decode()


def read_proof(text: str) -> ReasoningProof | None:
    """Read what a client sent; None if it is not one of ours, but of another provider."""
    try:
        return _decode(text)
    except (ValueError, RecursionError):
        return None
