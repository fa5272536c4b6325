"""Datasets: captioned pictures in anybody's layout become one table of rows that can be trusted."""
