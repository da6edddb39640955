"""The secrets that the settings give, or only name."""

from collections.abc import Collection

from app.known_secrets import password_in, remember
from app.setting_kinds import secret_text
from app.settings import Settings, SettingsError


def with_secrets(settings: Settings, *, only: Collection[str] | None = None) -> Settings:
    """Return the settings with the secrets that the environment only names.

    From here on the log masks them all.

    Args:
        only: the variables that count, of those that name secrets; None: all.

    Raises:
        SettingsError: one of them cannot be read.
    """
    settings = _with_named_secrets(settings, only)
    texts = [secret_text(getattr(settings, field)) for field in Settings.model_fields]
    remember(*filter(None, texts))
    for url in (settings.openai_base_url, settings.azure_openai_endpoint, settings.store):
        remember(*password_in(url or ""))
    return settings


def _with_named_secrets(settings: Settings, only: Collection[str] | None) -> Settings:
    arns = {
        variable: arn
        for variable, arn in settings.secret_arns.items()
        if only is None or variable in only
    }
    if not arns:
        return settings
    from app.aws.secrets import SecretError, Secrets, read_secrets

    secrets = Secrets(endpoint_url=settings.aws_endpoint_url)
    try:
        found = read_secrets(secrets, arns)
    except SecretError as error:
        raise SettingsError(str(error)) from error
    return settings.with_secrets(found)
