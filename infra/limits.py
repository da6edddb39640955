"""How much a stack may use at once and say in one step, where its configuration leaves that open.

A stack that strangers can reach has limits by itself. Lambda does not tell a function that its
client has left: whoever sends a request and leaves at once lets it run to its end, and waits for
nothing.
"""

import pulumi
import pulumi_aws as aws

from infra.config import ConfigError, StackConfig, key_of

AUTO = "auto"
NONE = "none"

# Requests at once. With 1024 MB they cost at most some 350 dollars a month of Lambda, if somebody
# keeps all of them busy day and night.
PUBLIC_CONCURRENCY = 10
# Tokens of one call to the model; a long page of text has about 1000. A turn has several calls
# where the model uses tools (`CHAT_MAX_STEPS`).
PUBLIC_OUTPUT_TOKENS = 4096

# AWS Lambda Developer Guide, "Configuring reserved concurrency for a function": so many executions
# of an account cannot be reserved.
_UNRESERVED = 100
_CONCURRENCY_QUOTA = "L-B99A9384"

# Both ends are included.
_RANGES = {"reserved_concurrency": (0, 1000), "max_output_tokens": (1, 10_000_000)}


def check_limits(config: StackConfig) -> None:
    """Check how the limits are written.

    Raises:
        ConfigError: the message is one sentence.
    """
    for field, (low, high) in _RANGES.items():
        value: str = getattr(config, field)
        if value in (AUTO, NONE) or (value.isdecimal() and low <= int(value) <= high):
            continue
        # What none was called before.
        if field == "reserved_concurrency" and value == "-1":
            continue
        raise ConfigError(
            f"{key_of(field)} must be auto, none or a number from {low} to {high}, not {value!r}."
        )
    if config.max_output_tokens != AUTO and config.variable("CHAT_MAX_OUTPUT_TOKENS"):
        raise ConfigError("Set maxOutputTokens or CHAT_MAX_OUTPUT_TOKENS in environment, not both.")


def max_output_tokens(config: StackConfig) -> int | None:
    """Return the most tokens of one call to the model, or ``None``."""
    match config.max_output_tokens:
        case "auto":
            return PUBLIC_OUTPUT_TOKENS if config.is_public else None
        case "none":
            return None
        case number:
            return int(number)


def reserved_concurrency(config: StackConfig) -> int:
    """Return how many requests may run at once; -1: as many as the account lets.

    Lambda refuses to reserve what an account does not have, and only after the function was made. A
    new account has 10 executions in all and so none to reserve. Therefore its quota is read before.

    Raises:
        ConfigError: the configuration asks for more than the account can reserve.
    """
    if config.reserved_concurrency in (NONE, "-1"):
        return -1
    is_ours = config.reserved_concurrency == AUTO
    if is_ours and not config.is_public:
        return -1
    wanted = PUBLIC_CONCURRENCY if is_ours else int(config.reserved_concurrency)
    quota = _concurrency_quota()
    # Nothing to reserve is nothing to run out of.
    if quota is None or wanted == 0 or wanted <= quota - _UNRESERVED:
        return wanted
    if is_ours:
        pulumi.log.warn(
            f"The account lets {quota} functions run at once, and {_UNRESERVED} of them cannot be "
            "reserved. So nothing is reserved for this one, and the account's limit is its own."
        )
        return -1
    raise ConfigError(
        f"reservedConcurrency is {wanted}, but the account lets {quota} functions run at once, and "
        f"{_UNRESERVED} of them cannot be reserved: set it to none, or ask AWS for more (Service "
        "Quotas, Lambda, Concurrent executions)."
    )


def _concurrency_quota() -> int | None:
    """Return how many functions of the account may run at once, if we may know."""
    try:
        found = aws.servicequotas.get_service_quota(
            service_code="lambda", quota_code=_CONCURRENCY_QUOTA
        )
    # Pulumi has no error of its own for this. Without the right to ask, AWS decides later.
    except Exception as error:
        pulumi.log.debug(f"The quota of concurrent executions cannot be read: {error}")
        return None
    return int(found.value)
