"""The only door into the participants: thin classes whose methods are Temporal activities."""
