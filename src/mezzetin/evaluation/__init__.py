"""How good a captioner is, and the page that shows it."""
