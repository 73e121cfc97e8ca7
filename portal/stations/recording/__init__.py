"""What was given, written down at its own time: paper, no network, a hand-out, the code at the door."""
