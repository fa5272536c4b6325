"""The gallery: a collection's pictures for whoever looks, reads, listens or searches."""
