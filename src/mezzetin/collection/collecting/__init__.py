"""Collecting: every picture of a source is read, described and kept, and the next run goes on where this one ended."""
