"""Builders for tests: plain functions with sensible defaults; each commits, so other connections see it."""
