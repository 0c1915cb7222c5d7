"""The orchestrator: durable workflows that tell a story and do nothing themselves."""
