"""Reading the settings, and saying in one line which of them are invalid."""

import re
import sys

from pydantic import SecretStr, ValidationError

from config.settings import Settings

PASSWORD = re.compile("^([a-z+]*://)?.*@", re.DOTALL)
"""The name and the password in an address, whatever signs are in them."""

SECRETS = frozenset(
    name.upper() for name, field in Settings.model_fields.items() if field.annotation is SecretStr
)
"""The settings of which nobody is shown the value."""

SET_BY_KUBERNETES = ("tcp://", "udp://", "sctp://")
"""How the values of the variables begin that Kubernetes sets for every service in the namespace,
like API_PORT for `api`."""

UNUSED_BY = {
    "api.py": ("worker_", "workflow_", "temporal_port"),
    "worker.py": (
        "api_",
        "attention_",
        "auth_",
        "event_",
        "oidc_",
        "temporal_port",
        "temporal_ui_",
        "webhook",
    ),
}
"""By front door: how the settings begin that it never reads. Whatever they are set to, and by whom,
does not stop it."""


def read_settings(front_door: str = "") -> Settings:
    """Return the settings of the environment, or end this process with a line of what is invalid.

    Args:
        front_door: `api.py` or `worker.py`: what it never reads is as if it were not set.
    """
    prefixes = UNUSED_BY.get(front_door, ())
    defaults = {
        name: field.default
        for name, field in Settings.model_fields.items()
        if name.startswith(prefixes)
    }
    try:
        return Settings(**defaults)
    except ValidationError as error:
        sys.exit(f"cannot start: {explain(error)}")


def explain(error: ValidationError) -> str:
    """Return in one line which settings are invalid, by their variables, and why; no secret."""
    sentences = []
    for problem in error.errors():
        value = str(problem["input"])
        message = problem["msg"].removeprefix("Value error, ")
        name = str(problem["loc"][0]).upper() if problem["loc"] else ""
        if value.startswith(SET_BY_KUBERNETES):
            service = name.lower().removesuffix("_port").replace("_", "-")
            message = (
                f"Kubernetes sets it for a service called {service}, and means the service: "
                "call it otherwise, or set enableServiceLinks: false for this pod"
            )
        setting = name if name in SECRETS else f"{name}={_mask(value)}"
        sentences.append(f"{setting} is invalid: {_mask(message)}" if name else message)
    return "; ".join(sentences)


def _mask(text: str) -> str:
    """Return what begins with an address without the name and the password in it."""
    return PASSWORD.sub(r"\1…@", text)
