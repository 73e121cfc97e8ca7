"""Opening hours as people write and read them."""
