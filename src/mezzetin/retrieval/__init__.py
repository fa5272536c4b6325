"""Retrieval: the pictures of a collection that a question means, by words, by meaning and by the picture itself."""
