"""The web: the safe fetch, and web servers as a store."""
