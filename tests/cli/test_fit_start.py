"""When `zoo fit` imports W&B early, and what importing large libraries does to the garbage collector."""

import gc
import subprocess
import sys

import pytest

from zoo.cli.fit_start import opens_wandb
from zoo.cli.heavy import import_heavy


@pytest.mark.parametrize(
    ("argv", "config", "early"),
    [
        (["--config", "a.yaml"], "trainer:\n  max_epochs: 3\n", True),
        (["--config", "a.yaml"], "trainer:\n  logger: false\n", False),
        (["--config", "a.yaml", "--trainer.logger", "false"], "", False),
        (["--config", "a.yaml", "--trainer.logger=false"], "", False),
        (["--config", "a.yaml", "--print_config"], "", False),
        (["--config", "a.yaml", "--trainer.log_every_n_steps", "1"], "", True),
        ([], "", False),
    ],
)
def test_wandb_is_imported_early_where_the_run_will_open_it(argv: list[str], config: str, early: bool) -> None:
    assert opens_wandb(argv, [config]) is early


def test_not_in_other_processes_and_not_where_it_is_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("WANDB_MODE", "disabled")
        assert not opens_wandb(["--name", "a"], [])
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert not opens_wandb(["--name", "a"], [])


def test_the_collector_works_again_after_an_import_that_fails() -> None:
    assert gc.isenabled()
    with pytest.raises(ImportError):
        import_heavy("zoo.no_such_module")
    assert gc.isenabled()


def test_only_a_fresh_process_sets_its_imports_aside() -> None:
    import_heavy("zoo.cli.listing")
    assert gc.get_freeze_count() == 0
    program = (
        "import gc, sys\n"
        "from zoo.cli.heavy import import_heavy\n"
        "import_heavy('zoo.cli.fit')\n"
        "assert gc.isenabled() and gc.get_freeze_count() > 100_000, gc.get_freeze_count()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
