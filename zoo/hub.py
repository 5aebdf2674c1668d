"""Files of the Hugging Face hub: what is in its cache, or loaded once; never code."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from zoo.errors import InputError

BESIDE = "a local folder with config.json, model.safetensors and tokenizer.json"


def hub_file(name: str, file: str) -> Path:
    """A file of a model on the hub, from the cache where it is there.

    Args:
        name: Of the model, as `google-bert/bert-base-uncased`.
        file: Its name there.

    Raises:
        InputError: The hub is out of reach, or has no such model or file.
    """
    from huggingface_hub import hf_hub_download

    with quiet_hub() as online:
        try:
            return Path(hf_hub_download(name, file))
        except (OSError, ValueError, RuntimeError) as error:
            raise InputError(
                f"no folder {name} here, and {file} of a model of that name cannot be had from the Hugging Face hub "
                f"({'the hub gave none' if online else 'no network'}): give {BESIDE}"
            ) from error


def reachable() -> bool:
    """Whether the hub can be asked at all; its own client tries for half a minute before it gives up."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return True  # the proxy looks names up
    address = urlsplit(constants.ENDPOINT)
    try:
        socket.getaddrinfo(address.hostname, address.port or 443)
    except OSError:
        return False
    return True


@contextmanager
def quiet_hub() -> Iterator[bool]:
    """Within, the hub's client says nothing of what it tries again, and where the hub is out of reach it does not try:
    it takes what it kept before, or fails at once. Gives whether the hub is asked.
    """
    from huggingface_hub import constants

    logger, online = logging.getLogger("huggingface_hub"), reachable()
    before = logger.level, constants.HF_HUB_OFFLINE
    logger.setLevel(logging.CRITICAL)
    constants.HF_HUB_OFFLINE = not online
    try:
        yield online
    finally:
        logger.setLevel(before[0])
        constants.HF_HUB_OFFLINE = before[1]
