"""The order as a Restate workflow, as Restate's own saga example is built."""
