"""The secrets that the settings give, or only name."""

from pydantic import SecretStr

from app.known_secrets import password_in, remember
from app.settings import Settings, SettingsError


def with_secrets(settings: Settings) -> Settings:
    """Return the settings with the secrets that the environment only names.

    From here on the log masks them all.

    Raises:
        SettingsError: one of them cannot be read.
    """
    settings = _with_named_secrets(settings)
    values = [getattr(settings, field) for field in Settings.model_fields]
    remember(*(value.get_secret_value() for value in values if isinstance(value, SecretStr)))
    for url in (settings.openai_base_url, settings.azure_openai_endpoint):
        remember(*password_in(url or ""))
    return settings


def _with_named_secrets(settings: Settings) -> Settings:
    if not settings.secret_arns:
        return settings
    from app.aws.secrets import SecretError, Secrets, read_secrets

    secrets = Secrets(endpoint_url=settings.aws_endpoint_url)
    try:
        found = read_secrets(secrets, settings.secret_arns)
    except SecretError as error:
        raise SettingsError(str(error)) from error
    return settings.with_secrets(found)


def secret_text(value: SecretStr | None) -> str | None:
    """Return the secret itself, ``None`` if there is none."""
    return None if value is None else value.get_secret_value()
