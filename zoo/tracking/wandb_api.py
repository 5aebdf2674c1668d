"""Asking the W&B server: its client, and what goes wrong there as one line each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from zoo.errors import InputError
from zoo.tracking.wandb_link import has_key, server

TIMEOUT = 15  # seconds that one question to the server may take
NO_ACCOUNT = "W&B: no account here; `wandb login` sets one up, or WANDB_API_KEY holds its key"
GATEWAYS = (408, 502, 503, 504)  # nobody is behind the one that answered


def open_api() -> Any:
    """The client that reads from the server, after the key was found to be good.

    Raises:
        InputError: No key, a wrong one, or no answer in `TIMEOUT` seconds.
    """
    if not has_key():
        raise InputError(NO_ACCOUNT)
    with one_line_errors():
        import wandb

        return wandb.Api(timeout=TIMEOUT)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Within, what the client or the server complains of is an `InputError`; faults of ours stay what they are."""
    import requests
    import wandb

    try:
        yield
    except InputError:
        raise
    except Exception as error:
        answered, status = _answer(error)
        if status in (401, 403):
            raise InputError(
                f"W&B: {server()} does not take this key (HTTP {status}); `wandb login` sets one"
            ) from error
        if not answered or status in GATEWAYS:
            raise InputError(
                f"W&B: {server()} did not answer in time; is the network there, and is WANDB_BASE_URL right?"
            ) from error
        if not isinstance(error, wandb.errors.Error | requests.RequestException):
            raise
        raise InputError(f"W&B: {_first_line(error)}") from error


def _answer(error: BaseException) -> tuple[bool, int | None]:
    """Whether a server answered at all, and the status it gave, from what the client raised.

    The client wraps what went wrong on the way. Both of its ways to ask, by its own service and by `requests`, leave
    an error with a `response` in the chain, which is None where nobody answered.
    """
    found: BaseException | None = error
    while found is not None:
        if hasattr(found, "response"):
            response = found.response
            status = getattr(response, "http_status", None) or getattr(response, "status_code", None)
            return response is not None, status
        found = found.__cause__ or found.__context__
    return True, None


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
