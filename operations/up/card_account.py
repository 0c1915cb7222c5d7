"""Which card provider a system pays through: its own, where it has no account elsewhere."""

from typing import Any

from pydantic import SecretStr

from config import Settings

KEY = "sk_test_of_our_own_provider"
"""The key of our account there: it takes any that begins so, as only this machine reaches it."""


def with_card_provider(settings: Settings) -> Settings:
    """Return the settings with our own provider in them, where cards are to be paid with.

    As they are, where customers pay with wallets, or CARD_API_KEY is that of an account elsewhere.
    """
    if settings.payment != "cards" or settings.card_api_key.get_secret_value():
        return settings
    account: dict[str, Any] = {
        "card_api_url": f"http://127.0.0.1:{settings.card_provider_port}",
        "card_api_key": SecretStr(KEY),
        "card_return_url": settings.card_return_url or f"http://127.0.0.1:{settings.api_port}/",
    }
    return settings.model_copy(update=account)


def has_card_provider(settings: Settings) -> bool:
    """Tell whether these settings are of a system that runs a provider itself."""
    return settings.card_api_key.get_secret_value() == KEY


def control_url(settings: Settings) -> str:
    """Return where its control API is."""
    return f"http://127.0.0.1:{settings.card_control_port}"


def variables(settings: Settings) -> dict[str, str]:
    """Return what the parts must know of it; nothing where there is none."""
    if not has_card_provider(settings):
        return {}
    return {
        "CARD_API_URL": settings.card_api_url,
        "CARD_API_KEY": KEY,
        "CARD_RETURN_URL": settings.card_return_url,
        "CARD_WEBHOOK_SECRET": settings.card_webhook_secret.get_secret_value(),
        "CARD_PROVIDER_PORT": str(settings.card_provider_port),
        "CARD_CONTROL_PORT": str(settings.card_control_port),
    }
