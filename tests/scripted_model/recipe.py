"""A schema as pydantic writes it: nested, recursive, with bounds."""

from typing import Literal

import pydantic


class Ingredient(pydantic.BaseModel):
    name: str = pydantic.Field(min_length=30)
    grams: float = pydantic.Field(gt=0, le=0.5)
    kind: Literal["dry", "wet"] | None = None


class Recipe(pydantic.BaseModel):
    title: str = pydantic.Field(max_length=8)
    ingredients: list[Ingredient] = pydantic.Field(min_length=3)
    variants: "list[Recipe]" = []
    best_with: "Recipe | None" = None
    notes: dict[str, int] = {}
