"""Signing in: who a person is, by a local account or by an OpenID Connect provider, and for how long."""
