"""Deltaline: the Python backend behind React `useChat`."""

__version__ = "0.1.0"
