"""The order as a plain Temporal workflow, as the SDK's own samples write a saga."""
