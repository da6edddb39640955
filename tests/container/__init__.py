"""Tests of what the container image runs: the same cases for the processes and for the image."""
