"""Door 4: the page for people."""
