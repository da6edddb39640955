"""The options of an emulator and what follows from them."""

from app.emulator.options import Options


def test_an_arn_names_the_region_of_the_functions_variables() -> None:
    plain = Options(command=("run",))
    elsewhere = Options(command=("run",), variables={"AWS_REGION": "eu-north-1"})

    assert plain.function_arn("f") == "arn:aws:lambda:us-east-1:012345678912:function:f"
    assert elsewhere.function_arn("f") == "arn:aws:lambda:eu-north-1:012345678912:function:f"


def test_the_defaults_are_lambdas_where_lambda_has_one() -> None:
    options = Options(command=("run",))

    assert options.init_timeout_s == 10.0
    assert (options.raw_invoke, options.buffered, options.bandwidth) == (False, False, False)
