"""Everything that the API answers, one router for each subject."""

from routes import (
    acts,
    batches,
    card_events,
    console,
    event_feed,
    events,
    health,
    lookups,
    manage,
    mcp,
    operations,
    order_export,
    orders,
    pages,
    sagas,
)

ROUTERS = (
    orders.router,
    order_export.router,
    lookups.router,
    events.router,
    event_feed.router,
    acts.router,
    batches.router,
    operations.router,
    health.router,
    manage.router,
    sagas.router,
    card_events.router,
    mcp.router,
    pages.router,
    console.router,
)
"""In the order in which the OpenAPI document has them."""
