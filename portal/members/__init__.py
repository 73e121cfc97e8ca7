"""Members: workers as people, memberships as a history, and the way to join."""
