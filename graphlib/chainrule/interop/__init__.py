"""Neighbours: models that come in from other libraries, and graphs that go out to them, one file for each."""
