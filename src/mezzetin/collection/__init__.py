"""Collections: one SQLite file with the pictures of a house, their texts, and what people decided about them."""
