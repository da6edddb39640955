"""Writes a model of a few megabytes that says what its last message asks for, always the same.

The weights are made by hand. Attention and the feed-forward network give nothing, so a token's
embedding, which is a place of its own, reaches the output as it is; and the output's row says which
token follows. Each of `scripts.SCRIPTS` is a chain of tokens that no other text has. Its first
token is a marker, which the chat template writes behind the prompt.

Runs in the virtual environment of llama.cpp's server.
"""

import sys

import gguf  # type: ignore[import-not-found]
import numpy as np  # type: ignore[import-not-found]

from tests.model_servers.scripts import LOOP, SCRIPTS

_TEMPLATE = """
{%- if tools %}
<|im_start|>system
# Tools
<tools>
{%- for tool in tools %}
{{ tool | tojson }}
{%- endfor %}
</tools>
<tool_call>
{"name": <function-name>, "arguments": <args-json-object>}
</tool_call><|im_end|>
{%- endif %}
{%- for message in messages %}
<|im_start|>{{ message.role }}
{%- if message.reasoning_content %}
<think>
{{ message.reasoning_content }}
</think>
{%- endif %}
{{ message.content or '' }}
{%- for tool_call in message.tool_calls or [] %}
<tool_call>
{"name": "{{ tool_call.function.name }}", "arguments": {{ tool_call.function.arguments | tojson }}}
</tool_call>
{%- endfor %}<|im_end|>
{%- endfor %}
{%- if add_generation_prompt %}
<|im_start|>assistant
{% set last = messages[-1] -%}
{%- if last.role == 'tool' -%}<|result|>
{%- elif last.content is string and last.content in NAMES -%}<|{{ last.content }}|>
{%- else -%}<|text|>
{%- endif -%}
{%- endif %}
"""
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6
_END = 2
_HEAD = 32  # numbers in an attention head, and in the feed-forward network
_LAYERS = 1
_SURE = 4.0  # the weight of the token that follows; all others have none


class _Vocabulary:
    """The tokens, and which follows which."""

    def __init__(self) -> None:
        self.tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
        self.types = [_UNKNOWN, _CONTROL, _CONTROL, *[_BYTE] * 256]
        self.next: dict[int, int] = {}
        self._pieces: set[str] = set()

    def add(self, text: str, kind: int) -> int:
        self.tokens.append(text.replace(" ", "\u2581"))  # as sentencepiece writes a space
        self.types.append(kind)
        return len(self.tokens) - 1

    def add_script(self, name: str, text: str) -> None:
        last = self.add(f"<|{name}|>", _CONTROL)
        for piece in self._cut(text):
            self.next[last] = self.add(piece, _NORMAL)
            last = self.next[last]

    def _cut(self, text: str) -> list[str]:
        """Cut ``text`` into pieces that no script has yet, of four characters or a few more."""
        pieces: list[str] = []
        while text:
            length = 4
            while text[:length] in self._pieces and length < len(text):
                length += 1
            if text[:length] in self._pieces:  # the rest, which another script ends with too
                text = pieces.pop() + text
                self._pieces.discard(text[:4])
                length = len(text)
            pieces.append(text[:length])
            text = text[length:]
            self._pieces.update(pieces)
        return pieces


def write(path: str) -> None:
    vocabulary = _Vocabulary()
    for name, text in SCRIPTS.items():
        vocabulary.add_script(name, text)
    marker = vocabulary.add("<|endless|>", _CONTROL)
    first, second = (vocabulary.add(word, _NORMAL) for word in LOOP)
    vocabulary.next |= {marker: first, first: second, second: first}
    for text in ("<|im_start|>", "<|im_end|>"):
        vocabulary.add(text, _CONTROL)

    count = len(vocabulary.tokens)
    size = -(-count // _HEAD) * _HEAD
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(1 << 17)
    writer.add_embedding_length(size)
    writer.add_block_count(_LAYERS)
    writer.add_feed_forward_length(_HEAD)
    writer.add_head_count(size // _HEAD)
    writer.add_head_count_kv(1)
    writer.add_rope_dimension_count(_HEAD)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_vocab_size(count)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_scores([0.0] * count)
    writer.add_token_types(vocabulary.types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(_END)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(_TEMPLATE.replace("NAMES", str([*SCRIPTS, "endless"])))

    embedding = np.zeros((count, size), np.float32)
    output = np.zeros((count, size), np.float32)
    for token in range(count):
        embedding[token, token] = 1
        output[vocabulary.next.get(token, _END), token] = _SURE
    writer.add_tensor("token_embd.weight", embedding)
    writer.add_tensor("output_norm.weight", np.ones(size, np.float32))
    writer.add_tensor("output.weight", output)
    shapes = {
        "attn_norm": (size,),
        "attn_q": (size, size),
        "attn_k": (_HEAD, size),
        "attn_v": (_HEAD, size),
        "attn_output": (size, size),
        "ffn_norm": (size,),
        "ffn_gate": (_HEAD, size),
        "ffn_up": (_HEAD, size),
        "ffn_down": (size, _HEAD),
    }
    for layer in range(_LAYERS):
        for name, shape in shapes.items():
            writer.add_tensor(f"blk.{layer}.{name}.weight", np.zeros(shape, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    write(sys.argv[1])
