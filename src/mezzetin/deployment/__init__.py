"""Deployments: a model of the registry becomes an endpoint that answers, on this machine or on Azure.

`base` says what every target can do; `TARGETS` in `targets` lists them.
"""
