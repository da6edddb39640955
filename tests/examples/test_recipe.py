"""`app.examples.recipe`: the schema of an object."""

import pytest
from pydantic import ValidationError

from app.examples.recipe import Recipe
from app.tools.strict_schema import strict_schema

PANCAKES = {
    "name": "Pancakes",
    "ingredients": [{"name": "flour", "amount": "200 g"}],
    "steps": ["Stir.", "Fry."],
}


def test_a_recipe_has_ingredients_with_amounts_and_steps() -> None:
    assert Recipe.model_validate(PANCAKES).model_dump() == PANCAKES
    with pytest.raises(ValidationError, match="amount"):
        Recipe.model_validate({**PANCAKES, "ingredients": [{"name": "flour"}]})


def test_the_model_can_be_held_to_a_recipe() -> None:
    assert strict_schema(Recipe.model_json_schema()) is not None
