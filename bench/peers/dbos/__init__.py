"""The order as a DBOS workflow behind FastAPI, as DBOS's own starter is built."""
