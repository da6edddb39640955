"""The environment: what is read, what is refused, and in which words."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import SecretStr

from app.setting_kinds import Secret
from app.settings import Settings, SettingsError, load_settings

# The environment variable of each field.
_VARIABLES = {name: field.variable for name, field in Settings.model_fields.items()}
_SECRETS = [
    _VARIABLES[name]
    for name, field in Settings.model_fields.items()
    if Secret in get_args(field.kind)
]


def test_an_empty_environment_gives_the_documented_defaults() -> None:
    settings = load_settings()

    assert (settings.provider, settings.api, settings.client) == ("openai", "chat", "httptools")
    assert settings.models == {settings.model} == {"gpt-4o-mini"}
    assert (settings.max_steps, settings.max_body_bytes) == (8, 6 * 1024 * 1024)
    assert settings.max_answer_bytes == 16 * 1024 * 1024
    assert settings.max_messages == 2000
    assert (settings.status_wait_s, settings.keep_alive_s, settings.deadline_margin_s) == (
        5,
        10,
        1.5,
    )
    assert settings.read_timeout_s == 300
    assert (settings.port, settings.store, settings.direct) == (9000, "off", False)
    assert (settings.resume_keep_s, settings.detached_s, settings.history_days) == (600, 600, None)
    assert settings.on_disconnect == "continue"
    assert settings.openai_api_key is None
    assert settings.auth_token is None


def test_every_variable_is_documented() -> None:
    root = Path(__file__).parent.parent
    pages = [(root / page).read_text(encoding="utf-8") for page in ("README.md", "docs/deploy.md")]

    rows = [line for page in pages for line in page.splitlines() if line.startswith("| `")]

    names = " ".join(row.split(" | ")[0] for row in rows)
    documented = set(re.findall(r"`([A-Z0-9_]+)`", names))
    assert set(_VARIABLES.values()) - documented == set()


def test_every_value_has_its_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_TEMPERATURE", "0.5")
    monkeypatch.setenv("CHAT_MAX_STEPS", "3")
    monkeypatch.setenv("CHAT_ALLOW_CLIENT_SYSTEM", "true")
    monkeypatch.setenv("PORT", "8080")

    settings = load_settings()

    assert settings.temperature == 0.5
    assert settings.max_steps == 3
    assert settings.allow_client_system is True
    assert settings.port == 8080


def test_lists_are_separated_by_commas_and_blanks_are_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CHAT_MODEL", "a")
    monkeypatch.setenv("CHAT_ALLOWED_MODELS", "b, c,,")

    settings = load_settings()

    assert settings.allowed_models == ("b", "c")
    assert settings.models == {"a", "b", "c"}


def test_tools_of_the_models_side_need_the_api_that_has_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CHAT_BUILTIN_TOOLS", "web_search, code_interpreter")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    monkeypatch.setenv("CHAT_API", "responses")

    assert str(caught.value) == "CHAT_BUILTIN_TOOLS has a bad value: needs CHAT_API=responses."
    assert load_settings().builtin_tools == ("web_search", "code_interpreter")


def test_names_are_read_in_either_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("chat_model", "small")

    assert load_settings().model == "small"


def test_an_empty_value_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_MODEL", "")
    monkeypatch.setenv("OPENAI_API_KEY", "")

    settings = load_settings()

    assert (settings.model, settings.openai_api_key) == ("gpt-4o-mini", None)


def test_a_value_from_a_file_loses_its_line_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1\n")

    key = load_settings().openai_api_key

    assert key is not None
    assert key.get_secret_value() == "sk-1"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("CHAT_PROVIDER", "azure", "should be 'openai' or 'scripted'"),
        ("CHAT_API", "assistants", "should be 'chat' or 'responses'"),
        ("CHAT_CLIENT", "httpx", "should be 'httptools', 'aiohttp' or 'openai'"),
        ("CHAT_BUILTIN_TOOLS", "search", "should be 'web_search', 'code_interpreter' or"),
        ("CHAT_REASONING_SUMMARY", "auto", "needs CHAT_API=responses"),
        ("CHAT_ON_DISCONNECT", "go", "should be 'continue' or 'stop'"),
        ("CHAT_TEMPERATURE", "3", "should be less than or equal to 2"),
        ("CHAT_MAX_STEPS", "0", "should be greater than 0"),
        ("CHAT_MAX_OUTPUT_TOKENS", "-1", "should be greater than 0"),
        ("CHAT_KEEP_ALIVE_S", "inf", "should be a finite number"),
        ("CHAT_STATUS_WAIT_S", "nan", "should be a finite number"),
        ("CHAT_DEADLINE_MARGIN_S", "-1", "should be greater than or equal to 0"),
        ("CHAT_AUTH_TOKEN", "  ", "must not be blank"),
        ("CHAT_ALLOWED_ORIGINS", "example.com", "must be origins such as https://example.com, not"),
        ("CHAT_ALLOWED_ORIGINS", "https://example.com/", "must be origins such as"),
        ("OPENAI_BASE_URL", "localhost:11434/v1", "must start with http:// or https://"),
        ("OPENAI_BASE_URL", "http://", "must name a host, and a port that exists"),
        ("OPENAI_BASE_URL", "http://localhost:0/v1", "must name a host, and a port that exists"),
        ("OPENAI_BASE_URL", "http://localhost:99999", "port out of range"),
        ("AZURE_OPENAI_ENDPOINT", "name.openai.azure.com", "must start with http:// or https://"),
        ("CHAT_WORKERS", "0", "must be auto or a number from 1 to 256"),
        ("CHAT_WORKERS", "257", "must be auto or a number from 1 to 256"),
        ("CHAT_WORKERS", "many", "must be auto or a number from 1 to 256"),
        ("CHAT_WORKERS", "1.5", "must be auto or a number from 1 to 256"),
        ("PORT", "99999", "should be less than or equal to 65535"),
    ],
)
def test_a_bad_value_is_refused_in_one_sentence_that_names_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError) as caught:
        load_settings()

    sentence = str(caught.value)
    assert sentence.startswith(f"{name} has a bad value: {reason}")
    assert sentence.endswith(".")
    assert "\n" not in sentence


@pytest.mark.parametrize(("value", "workers"), [("auto", "auto"), (" 2 ", 2), ("256", 256)])
def test_workers_are_a_number_or_auto(
    monkeypatch: pytest.MonkeyPatch, value: str, workers: int | str
) -> None:
    monkeypatch.setenv("CHAT_WORKERS", value)

    assert load_settings().workers == workers


@pytest.mark.parametrize("value", ["2", "auto"])
def test_several_workers_are_refused_on_lambda(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001")
    monkeypatch.setenv("CHAT_WORKERS", value)

    with pytest.raises(SettingsError, match=r"^CHAT_WORKERS has a bad value: must be 1 on Lambda"):
        load_settings()


@pytest.mark.parametrize(
    "given", [{"CHAT_METRICS": "true", "CHAT_AUTH_TOKEN": "t"}, {"CHAT_METRICS_PORT": "9464"}]
)
def test_metrics_that_nobody_could_ask_for_are_refused_on_lambda(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str]
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    on_a_server = load_settings()
    monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001")

    assert on_a_server.metrics or on_a_server.metrics_port == 9464
    with pytest.raises(SettingsError, match=r"^CHAT_METRICS\w* has a bad value: must be off on L"):
        load_settings()


def test_a_bad_secret_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_MAX_STEPS", "sk-secret")

    with pytest.raises(SettingsError) as caught:
        load_settings()

    assert "sk-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("CHAT_MODLE", "CHAT_MODLE is not a setting; did you mean CHAT_MODEL?"),
        ("chat_modle", "chat_modle is not a setting; did you mean CHAT_MODEL?"),
        ("CHAT_XYZZY", "CHAT_XYZZY is not a setting."),
        # Names that exist without the prefix: a prefix must not make another setting of them.
        ("CHAT_OPENAI_API_KEY", "CHAT_OPENAI_API_KEY is not a setting."),
        ("CHAT_AZURE_OPENAI_ENDPOINT", "CHAT_AZURE_OPENAI_ENDPOINT is not a setting."),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_one(
    monkeypatch: pytest.MonkeyPatch, name: str, sentence: str
) -> None:
    monkeypatch.setenv(name, "x")

    with pytest.raises(SettingsError) as caught:
        load_settings()

    assert str(caught.value) == sentence


def test_the_port_has_no_second_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_PORT", "8080")

    with pytest.raises(SettingsError, match="CHAT_PORT is not a setting"):
        load_settings()


def test_origins_may_be_a_star_the_word_localhost_or_an_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(
        "CHAT_ALLOWED_ORIGINS", "*,localhost,https://a.example,http://b.example:8080"
    )

    assert len(load_settings().allowed_origins) == 4


def test_secrets_are_masked_when_settings_are_printed() -> None:
    settings = Settings(openai_api_key="sk-1234", auth_token=SecretStr("token-1234"))

    assert "1234" not in repr(settings)


@pytest.mark.parametrize(
    "url",
    [
        "redis://user:correct-horse@host:6379/0",
        "rediss://:correct-horse@host?ssl_ca_certs=/ca.pem",
        "https://correct-horse@host/v1",
        "redis://user:a/correct-horse@b@host",  # special characters that are not written as %XX
        "redis://user:a'b\"correct-horse@host",
        "user:correct-horse@host",
        " redis:// user:correct-horse@host",
    ],
)
@pytest.mark.parametrize("name", Settings.model_fields)
def test_no_setting_shows_the_password_of_a_url(name: str, url: str) -> None:
    try:
        taken = Settings(**{name: url})
    except SettingsError as error:
        assert "correct-horse" not in str(error)
    else:
        assert "correct-horse" not in f"{taken} {taken!r} {taken!s}"
    kept = Settings().model_copy(update={name: (url,)})
    assert "correct-horse" not in f"{kept} {kept!r} {kept!s}"
    assert "@host" in repr(kept)


def test_a_store_is_shown_without_what_its_secret_says() -> None:
    read = Settings(store_arn="arn").with_secrets({"CHAT_STORE_ARN": "redis://:p@h/2"})

    assert "store='redis://[secret]@h/2'" in repr(read)


def test_python_code_names_the_fields_and_wins_over_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CHAT_MODEL", "small")
    monkeypatch.setenv("CHAT_MAX_STEPS", "3")

    settings = Settings(model="large", tools=["a", "b"], PORT="8080", auth_token=None)

    assert (settings.model, settings.max_steps, settings.port) == ("large", 3, 8080)
    assert settings.tools == ("a", "b")
    assert settings.auth_token is None


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"modle": "a"}, "modle is not a setting; did you mean model?"),
        ({"CHAT_MODEL": "a"}, "CHAT_MODEL is not a setting."),
        ({"max_steps": 1.5}, "CHAT_MAX_STEPS has a bad value: should be a valid integer, got a"),
        ({"model": ""}, "CHAT_MODEL has a bad value: must not be blank."),
        ({"port": -1}, "PORT has a bad value: should be greater than or equal to 0."),
    ],
)
def test_python_code_is_told_of_its_mistakes_too(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        Settings(**values)

    assert isinstance(caught.value, SettingsError)
    assert str(caught.value).startswith(sentence)


def test_settings_do_not_change_and_are_compared_by_their_values() -> None:
    settings = Settings(model="a", tools="b")

    other = settings.model_copy(update={"model": "c"})

    with pytest.raises(AttributeError):
        settings.model = "d"
    assert (settings.model, other.model, other.tools) == ("a", "c", ("b",))
    assert settings != other
    assert settings == Settings(model="a", tools=["b"])
    assert hash(settings) == hash(Settings(model="a", tools=["b"]))


def test_lambda_is_recognised_by_what_it_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    outside = Settings().is_on_lambda
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "chat")

    assert (outside, Settings().is_on_lambda) == (False, True)


@pytest.mark.parametrize("name", _SECRETS)
def test_a_secret_is_either_given_or_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{name}_ARN", "arn:aws:ssm:eu-west-1:123456789012:parameter/secret")
    assert list(load_settings().secret_arns) == [f"{name}_ARN"]
    monkeypatch.setenv(name, "given")

    with pytest.raises(SettingsError) as caught:
        load_settings()

    assert str(caught.value) == (
        f"{name}_ARN has a bad value: the secret itself is set too; keep one of the two."
    )


def test_a_store_is_either_given_or_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_STORE_ARN", "arn:aws:ssm:eu-west-1:123456789012:parameter/store-url")
    assert list(load_settings().secret_arns) == ["CHAT_STORE_ARN"]
    monkeypatch.setenv("CHAT_STORE", "redis://h")

    with pytest.raises(SettingsError) as caught:
        load_settings()

    assert str(caught.value) == (
        "CHAT_STORE_ARN has a bad value: the store itself is set too; keep one of the two."
    )


def test_a_store_that_was_read_is_a_text_as_one_that_is_given() -> None:
    settings = Settings(store_arn="arn").with_secrets({"CHAT_STORE_ARN": "redis://:p@h"})

    assert settings.store == "redis://:p@h"


def test_secrets_that_were_read_take_the_place_of_their_names() -> None:
    settings = Settings().with_secrets({"OPENAI_API_KEY_ARN": "sk-1", "CHAT_AUTH_TOKEN_ARN": "t"})

    assert settings.openai_api_key == SecretStr("sk-1")
    assert settings.auth_token == SecretStr("t")
    assert settings.approval_secret is None


def test_hosts_are_written_as_in_the_header_or_as_an_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CHAT_ALLOWED_HOSTS", "chat.example, localhost:9000, [::1], fe80::1, *")

    hosts = load_settings().allowed_hosts

    assert hosts == ("chat.example", "localhost:9000", "[::1]", "fe80::1", "*")


@pytest.mark.parametrize("host", ["https://chat.example", "chat.example/path", "a b", "*.example"])
def test_what_no_client_sends_as_a_host_is_refused(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("CHAT_ALLOWED_HOSTS", host)

    with pytest.raises(SettingsError, match=r"^CHAT_ALLOWED_HOSTS has a bad value: must be hosts"):
        load_settings()


def test_hosts_of_files_are_names_and_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().file_hosts == ()
    monkeypatch.setenv("CHAT_FILE_HOSTS", "files.example.com, *.cdn.example.com, minio, [::1]")

    hosts = load_settings().file_hosts

    assert hosts == ("files.example.com", "*.cdn.example.com", "minio", "[::1]")


@pytest.mark.parametrize(
    "host", ["https://files.example.com", "files.example.com:443", "*", "a*.com", "a b", "a/b"]
)
def test_what_is_no_host_of_a_file_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("CHAT_FILE_HOSTS", host)

    with pytest.raises(SettingsError, match=r"^CHAT_FILE_HOSTS has a bad value: must be hosts"):
        load_settings()
