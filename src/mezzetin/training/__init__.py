"""How captioners are made: the only package that imports torch."""
