"""Errors, typing, registries, parametrisations and random generators that every other folder may use."""
