"""Where the W&B server is, and whether there is an account there."""

from __future__ import annotations

from pathlib import Path

import pytest
from wandb.sdk.lib.settings_file import SettingsFiles

from zoo.tracking.wandb_link import HOST, has_key, server


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


def write(address: str, *, globally: bool) -> None:
    """As `wandb login --host` does."""
    files = SettingsFiles(global_settings=Path("config/settings"), local_settings=Path("wandb/settings"))
    files.set("base_url", address, globally=globally)
    files.save()


def test_without_a_word_it_is_the_public_one() -> None:
    assert server() == HOST


def test_a_login_to_a_server_of_ones_own_is_an_account(tmp_path: Path) -> None:
    write("https://wandb.corp.example/", globally=True)
    (tmp_path / "netrc").write_text("machine wandb.corp.example login user password key\n")
    assert server() == "https://wandb.corp.example"
    assert has_key()


def test_the_environment_beats_the_folder_and_that_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    write("https://one.example", globally=True)
    write("https://two.example", globally=False)
    assert server() == "https://two.example"
    monkeypatch.setenv("WANDB_BASE_URL", "https://three.example")
    assert server() == "https://three.example"


@pytest.mark.parametrize("text", ["base_url", "[default\n", "[default]\nmode = online\n", "\x00"])
def test_a_damaged_file_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "settings").write_text(text)
    assert server() == HOST
