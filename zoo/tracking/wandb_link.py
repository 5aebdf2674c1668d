"""Whether W&B can be used here: what its settings say, an account, and a server that answers."""

from __future__ import annotations

import configparser
import netrc
import os
import ssl
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

HOST = "https://api.wandb.ai"
PATIENCE = 4.0  # seconds


def server() -> str:
    """The address of the W&B server: WANDB_BASE_URL, else what `wandb login --host` or `wandb init` wrote down."""
    return (os.environ.get("WANDB_BASE_URL") or stored_settings().get("base_url") or HOST).rstrip("/")


def mode() -> str | None:
    """online, offline, disabled, ...: as WANDB_MODE says, else as `wandb offline` has noted; None where nothing does."""
    return os.environ.get("WANDB_MODE") or stored_settings().get("mode")


def stored_settings() -> dict[str, str]:
    """What W&B's settings files say; that of the working folder beats that of the user."""
    root = Path(os.environ.get("WANDB_DIR") or ".").expanduser()
    user = Path(os.environ.get("WANDB_CONFIG_DIR") or "~/.config/wandb").expanduser()
    own = root / (".wandb" if (root / ".wandb").exists() else "wandb")
    found: dict[str, str] = {}
    for folder in (user, own):
        parser = configparser.ConfigParser(interpolation=None)
        with suppress(configparser.Error, UnicodeDecodeError, OSError):
            parser.read(folder / "settings")
            found |= dict(parser["default"]) if parser.has_section("default") else {}
    return found


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
