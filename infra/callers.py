"""Who may call a stack: refuses what would let in nobody, or everybody by mistake."""

import re

from infra.config import ConfigError, StackConfig

_USER_POOL = re.compile(r"arn:aws[a-z-]*:cognito-idp:[a-z0-9-]+:\d{12}:userpool/[\w-]+")


def check_callers(config: StackConfig) -> None:
    """Check who is asked, and by whom.

    Raises:
        ConfigError: the message is one sentence.
    """
    _check_somebody_asks(config)
    _check_cognito(config)
    _check_jwt(config)


def _check_somebody_asks(config: StackConfig) -> None:
    asks = config.auth_token is not None or bool(config.jwt_issuer)
    if config.is_public and not asks and not config.allow_anonymous:
        ways = ["run `pulumi config set --secret authToken`", "set jwtIssuer"]
        match config.front_door:
            case "cloudfront":
                pass  # it signs for whoever asks it
            case "apiGateway":
                ways.append("set auth to AWS_IAM or COGNITO")
            case _:
                ways.append("set auth to AWS_IAM")
        raise ConfigError(
            "Anyone who has the URL could chat and so spend the model's key: "
            f"{', '.join(ways[:-1])}, or {ways[-1]}; if that is what you want, run `pulumi config "
            "set allowAnonymous true`."
        )


def _check_cognito(config: StackConfig) -> None:
    if config.auth != "COGNITO":
        if config.cognito_user_pool_arns:
            raise ConfigError("cognitoUserPoolArns is for auth COGNITO; set both or none.")
        return
    if config.front_door != "apiGateway":
        raise ConfigError(
            "Only API Gateway asks Cognito, so auth COGNITO needs frontDoor apiGateway; with "
            "others, set jwtIssuer to the user pool's issuer."
        )
    if not config.cognito_user_pool_arns:
        raise ConfigError("auth COGNITO needs cognitoUserPoolArns: whose users may call.")
    for arn in config.cognito_user_pool_arns:
        if not _USER_POOL.fullmatch(arn):
            raise ConfigError(
                f"cognitoUserPoolArns must hold the ARNs of Cognito user pools, not {arn!r}."
            )
    if config.auth_token is not None or config.jwt_issuer:
        raise ConfigError(
            "With auth COGNITO the function believes API Gateway and sees no other token; take "
            "authToken and jwtIssuer away."
        )


def _check_jwt(config: StackConfig) -> None:
    others = {"jwtAudience": config.jwt_audience, "jwtJwksUrl": config.jwt_jwks_url}
    for key, value in others.items():
        if value and not config.jwt_issuer:
            raise ConfigError(f"{key} has no issuer: set jwtIssuer too.")
    if not config.jwt_issuer:
        return
    if not config.jwt_audience:
        raise ConfigError(
            "jwtIssuer needs jwtAudience, or its tokens for other applications would count too."
        )
    if config.jwt_jwks_url and not _is_https(config.jwt_jwks_url):
        raise ConfigError(f"jwtJwksUrl must be an https:// address, not {config.jwt_jwks_url!r}.")
    if not config.jwt_jwks_url and not _is_https(config.jwt_issuer):
        raise ConfigError(
            f"jwtIssuer must be an https:// address, not {config.jwt_issuer!r}, or jwtJwksUrl must "
            "say where its keys are."
        )


def _is_https(text: str) -> bool:
    return re.fullmatch(r"https://[^\s/?#@]+[^\s]*", text) is not None
