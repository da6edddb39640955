"""`app.setup.chat_options`: what the settings decide about chat turns."""

import msgspec

from app.settings import Settings
from app.setup.chat_options import chat_options


def test_each_option_is_the_setting_of_its_name() -> None:
    settings = Settings(
        model="small",
        allowed_models=("large",),
        system_prompt="Be kind.",
        temperature=0.5,
        max_output_tokens=10,
        max_steps=2,
        max_answer_bytes=3,
        status_wait_s=4,
        keep_alive_s=5,
        deadline_margin_s=6,
        max_turn_s=7,
    )

    options = chat_options(settings)

    assert msgspec.structs.asdict(options) == {
        field.name: getattr(settings, field.name) for field in msgspec.structs.fields(options)
    }
