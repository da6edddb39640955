"""The items that the `input` of a Responses API request may hold. No I/O.

Source: openai/openai-python 3.52, types/responses/response_input_item_param.py.
"""

from typing import Annotated, Literal, TypeAlias

import msgspec

Name: TypeAlias = Annotated[str, msgspec.Meta(pattern="^[a-zA-Z0-9_-]{1,64}$")]


class InputText(msgspec.Struct, tag="input_text"):
    text: str


class InputImage(msgspec.Struct, tag="input_image"):
    image_url: str | None = None
    file_id: str | None = None


class InputFile(msgspec.Struct, tag="input_file"):
    file_data: str | None = None
    file_url: str | None = None
    file_id: str | None = None
    filename: str | None = None


class OutputText(msgspec.Struct, tag="output_text"):
    text: str


class Refusal(msgspec.Struct, tag="refusal"):
    refusal: str


Content: TypeAlias = InputText | InputImage | InputFile | OutputText | Refusal


class Message(msgspec.Struct, tag="message"):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Content]


class FunctionCall(msgspec.Struct, tag="function_call"):
    call_id: Annotated[str, msgspec.Meta(min_length=1)]
    name: Name
    arguments: str


class FunctionCallOutput(msgspec.Struct, tag="function_call_output"):
    call_id: str
    output: str | list[InputText | InputImage | InputFile]


class Summary(msgspec.Struct, tag="summary_text"):
    text: str


class Reasoning(msgspec.Struct, tag="reasoning"):
    summary: list[Summary]
    id: str | None = None
    encrypted_content: str | None = None


class WebSearchCall(msgspec.Struct, tag="web_search_call"):
    id: str


class CodeInterpreterCall(msgspec.Struct, tag="code_interpreter_call"):
    id: str


class ItemReference(msgspec.Struct, tag="item_reference"):
    id: str


Item: TypeAlias = (
    Message
    | FunctionCall
    | FunctionCallOutput
    | Reasoning
    | WebSearchCall
    | CodeInterpreterCall
    | ItemReference
)
