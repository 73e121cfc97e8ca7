"""Unions: the tree, and the staff who are appointed in it."""
