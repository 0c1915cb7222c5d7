"""What the provider answers instead of an object: Stripe's error types, codes and sentences."""

from typing import Any

Body = dict[str, Any]
"""An object of the API, as JSON has it."""


class ApiError(Exception):
    """An error of Stripe's API: an HTTP status and the fields of its `error` object."""

    def __init__(self, status: int, kind: str, message: str, **fields: Any) -> None:
        """Make one of Stripe's type `kind`; `fields` are those of the error beside its message."""
        super().__init__(message)
        self.status = status
        self.fields = {"type": kind, "message": message} | fields

    @property
    def body(self) -> Body:
        """What is sent."""
        return {"error": self.fields}


class NoAnswer(Exception):
    """The connection is closed without an answer."""


def invalid(message: str, **fields: Any) -> ApiError:
    """Return the error of a request that asks for what cannot be."""
    return ApiError(400, "invalid_request_error", message, **fields)


def missing(noun: str, object_id: str, parameter: str) -> ApiError:
    """Return the error of an id that names nothing; 400 where it came as a parameter."""
    message = f"No such {noun}: '{object_id}'"
    status = 404 if parameter == "id" else 400
    fields = {"code": "resource_missing", "param": parameter}
    return ApiError(status, "invalid_request_error", message, **fields)


def unexpected_state(payment: Body, verb: str, *statuses: str) -> ApiError:
    """Return the error of a payment that is past what is asked, or not there yet."""
    return invalid(
        f"You cannot {verb} this PaymentIntent because it has a status of {payment['status']}. "
        f"Only a PaymentIntent with one of the following statuses may be used so: "
        f"{', '.join(statuses)}.",
        code="payment_intent_unexpected_state",
        payment_intent=payment,
    )


def rate_limit() -> ApiError:
    """Return the error of one request too many in a second; it is remembered under no key."""
    message = "Request rate limit exceeded. You made too many requests in too short a time."
    return ApiError(429, "rate_limit_error", message, code="rate_limit")


def unavailable() -> ApiError:
    """Return the error of a provider that cannot serve just now; nothing is booked."""
    return ApiError(503, "api_error", "The provider is temporarily unavailable.")


def failure() -> ApiError:
    """Return the error of a provider that does not know itself what became of the call."""
    return ApiError(500, "api_error", "An unknown error occurred.")


def key_in_use(key: str) -> ApiError:
    """Return the error of a second call with a key while the first is going on."""
    message = f"There is currently another in-progress request using the idempotency key '{key}'."
    return ApiError(409, "idempotency_error", message, code="idempotency_key_in_use")


def key_of_another(key: str) -> ApiError:
    """Return the error of a key that was first used for something else."""
    message = (
        "Keys for idempotent requests can only be used with the same parameters and endpoint "
        f"they were first used with. Try using a key other than '{key}'."
    )
    return ApiError(400, "idempotency_error", message)
