"""Sagas to copy from: each is whole, and the saga core's own tests run it."""
