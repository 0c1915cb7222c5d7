"""The words that the orchestrator and the participants both speak."""
