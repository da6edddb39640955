"""The commands of `app.cli` that are not at home elsewhere."""
