"""Whether W&B can be used here: an account, and a server that answers."""

from __future__ import annotations

import netrc
import os
import ssl
import urllib.error
import urllib.request

HOST = "https://api.wandb.ai"
PATIENCE = 4.0  # seconds


def server() -> str:
    """The address of the W&B server."""
    return os.environ.get("WANDB_BASE_URL", HOST).rstrip("/")


def has_key() -> bool:
    """Whether there is an account here: WANDB_API_KEY, or what `wandb login` wrote."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        known = netrc.netrc(os.environ.get("NETRC"))
    except (OSError, netrc.NetrcParseError):
        return False
    return known.authenticators(server().split("//")[-1].split("/")[0].split(":")[0]) is not None


def answers() -> bool:
    """Whether the server answers within seconds, whatever it says. Proxies of the environment are used."""
    try:
        urllib.request.urlopen(server(), timeout=PATIENCE).close()
    except urllib.error.HTTPError:
        return True
    except urllib.error.URLError as error:
        return isinstance(error.reason, ssl.SSLError)  # W&B's client knows more certificates
    except OSError:
        return False
    return True
