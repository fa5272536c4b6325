"""Copying between any two places: resumed, verified, with progress."""
