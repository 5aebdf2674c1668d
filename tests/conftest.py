"""What all tests share: no network, no account, folders of their own, one thread."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch

# A shell starts what runs in its background with Ctrl-C ignored; tests of Ctrl-C, and processes they start, need it.
signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED_DATA = Path(os.environ.get("ZOO_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


@pytest.fixture(autouse=True)
def _private_places(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """W&B and caches write into a folder of the test; nothing of the user's account is seen."""
    home = tmp_path_factory.mktemp("home")
    for name in (
        "WANDB_DIR",
        "WANDB_DATA_DIR",
        "WANDB_CACHE_DIR",
        "WANDB_CONFIG_DIR",
        "WANDB_ARTIFACT_DIR",
        "ZOO_CACHE",
    ):
        monkeypatch.setenv(name, str(home))
    for name in ("WANDB_MODE", "WANDB_API_KEY", "WANDB_BASE_URL", "ZOO_RUN_FOLDER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(home / "netrc"))
    monkeypatch.setenv("WANDB_X_DISABLE_STATS", "true")
    monkeypatch.setenv("WANDB_CONSOLE", "off")
    monkeypatch.setenv("MPLBACKEND", "Agg")
    torch.set_num_threads(1)


@pytest.fixture
def shared_data() -> Path:
    """Public data sets that lie beside the checkout."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the public data sets are not at {SHARED_DATA} (ZOO_SHARED_DATA names another place)")
    return SHARED_DATA
