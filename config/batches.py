"""Settings of batch operations: acts on many orders."""

from pydantic import Field
from pydantic_settings import BaseSettings


class BatchSettings(BaseSettings):
    """How much batch operations may ask for."""

    batch_concurrency: int = Field(
        default=5,
        ge=1,
        le=100,
        description="orders that the batch operations of one worker act on at one time",
    )
    batch_retention_days: int = Field(
        default=30, ge=1, le=3_650, description="how long their results can be read"
    )
