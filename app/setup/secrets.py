"""The secrets that the settings give, or only name."""

from pydantic import SecretStr

from app.settings import Settings, SettingsError


def with_secrets(settings: Settings) -> Settings:
    """Return the settings with the secrets that the environment only names.

    Raises:
        SettingsError: one of them cannot be read.
    """
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
