"""How long what is told of orders is kept."""

from pydantic import Field
from pydantic_settings import BaseSettings


class EventSettings(BaseSettings):
    """What others are told of orders."""

    event_retention_days: int = Field(
        default=30, ge=4, le=3_650, description="how long events can be read"
    )
