"""Stations: the register, and the visits to them."""
