"""What a participant's author says of a provider, gathered under one public name."""

from typing import TypeAlias

from temporal_saga import provider


class ProviderWords:
    """The words of `provider.py`, as members of `ProviderFence`."""

    Effect: TypeAlias = provider.EffectAtProvider
    Intent: TypeAlias = provider.Intent
    Prepared: TypeAlias = provider.Prepared
    Pending: TypeAlias = provider.Pending
    Done: TypeAlias = provider.Done
    Declined: TypeAlias = provider.Declined
    TakenBack: TypeAlias = provider.TakenBack
    StillInDoubt: TypeAlias = provider.StillInDoubt
