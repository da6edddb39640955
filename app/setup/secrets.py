"""The secrets that the settings give, or only name."""

from app.known_secrets import password_in, remember
from app.setting_kinds import secret_text
from app.settings import Settings, SettingsError


def with_secrets(settings: Settings) -> Settings:
    """Return the settings with the secrets that the environment only names.

    From here on the log masks them all.

    Raises:
        SettingsError: one of them cannot be read.
    """
    settings = _with_named_secrets(settings)
    texts = [secret_text(getattr(settings, field)) for field in Settings.model_fields]
    remember(*filter(None, texts))
    for url in (settings.openai_base_url, settings.azure_openai_endpoint, settings.store):
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
