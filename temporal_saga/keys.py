"""Idempotency keys: the names of effects, the same in every run, retry and reset of a saga."""

COMPENSATION = "/compensation"

MOST_KEY = 250
"""Characters of a key, which is a column of the fence's table."""


def step_key(saga_id: str, step: str) -> str:
    """Return the key of a step's forward command, e.g. `order-7/ProcessPayment`."""
    return f"{saga_id}/{step}"


def compensation_key(key: str) -> str:
    """Return the key of the command that takes back the effect of `key`."""
    return key + COMPENSATION


def is_compensation(key: str) -> bool:
    """Tell whether a key is that of a command which takes another one back."""
    return key.endswith(COMPENSATION)


def check_forward(key: str) -> None:
    """See that a key is that of a command which takes none back.

    Raises:
        ValueError: it is a compensation's, which only `Fence.compensate` takes.
    """
    if is_compensation(key):
        raise ValueError(
            f"{key!r} is the key of a compensation: give this handler beside the one it takes "
            "back: handlers((hold, release))"
        )


def compensated_key(key: str) -> str:
    """Return the key of the forward command that a compensation takes back.

    Raises:
        ValueError: when `key` is not a compensation's.
    """
    if not is_compensation(key):
        raise ValueError(
            f"{key!r} is not the key of a compensation: it must end in {COMPENSATION!r}"
        )
    return forward_key(key)


def forward_key(key: str) -> str:
    """Return the key of the effect: a forward command's own, a compensation's without its end."""
    return key.removesuffix(COMPENSATION)
