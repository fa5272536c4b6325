"""How captions are found: search over a captioner's step function."""
