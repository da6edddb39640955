"""The example schema of ``POST /api/object/recipe``."""

from pydantic import BaseModel, Field


class Ingredient(BaseModel):
    """One line of the shopping list."""

    name: str
    amount: str = Field(description="With its unit, such as '200 g'.")


class Recipe(BaseModel):
    """A recipe for one dish."""

    name: str
    ingredients: list[Ingredient]
    steps: list[str] = Field(description="In the order of cooking.")
