"""Whether W&B can be used here: an account, and a server that answers."""

from __future__ import annotations

import configparser
import netrc
import os
import ssl
import urllib.error
import urllib.request
from pathlib import Path

HOST = "https://api.wandb.ai"
PATIENCE = 4.0  # seconds


def server() -> str:
    """The address of the W&B server: WANDB_BASE_URL, else what `wandb login --host` or `wandb init` wrote down."""
    return (os.environ.get("WANDB_BASE_URL") or _written_down() or HOST).rstrip("/")


def _written_down() -> str | None:
    """The address in W&B's settings files: that of this folder, else that of the user."""
    root = Path(os.environ.get("WANDB_DIR") or ".")
    here = root / (".wandb" if (root / ".wandb").exists() else "wandb")
    own = Path(os.environ.get("WANDB_CONFIG_DIR") or "~/.config/wandb")
    for folder in (here, own):
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read(folder.expanduser() / "settings")
            found = parser.get("default", "base_url", fallback="")
        except (configparser.Error, UnicodeDecodeError, OSError):
            continue
        if found:
            return found
    return None


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
