"""The API for assistants: tools of the Model Context Protocol, each one call of the HTTP API."""
