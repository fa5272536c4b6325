"""The pages on which people review a collection."""
