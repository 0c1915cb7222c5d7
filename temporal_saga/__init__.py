"""A durable saga on Temporal.

`temporal_saga.workflow`, `temporal_saga.participant`, `temporal_saga.plugin` and
`temporal_saga.testing` are public; this package itself imports nothing, and everything else in it
is private.
"""
