"""Many trainings for one answer: which values of a recipe serve best, and what more pictures would bring.

Enters: a dataset and a recipe with its ranges. Leaves: a folder with `sweep.db`, which knows every trial, and tables,
drawings and a recipe made from it. Only this package imports Optuna.
"""
