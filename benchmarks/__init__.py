"""Measurements to run by hand; nothing here is a test, and no figure is promised. See README.md."""
