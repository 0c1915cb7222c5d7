"""The services that obey commands.

Each owns its database and knows nothing of the others, of Temporal or of HTTP.
"""
