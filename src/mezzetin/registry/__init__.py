"""Registries: where models are kept under a name, with versions and aliases.

`base` says what every registry can do; `mlflow` and `azureml` are the two that there are; `reference` reads what a
person calls a model; `tracking` tells MLflow of training runs.
"""
