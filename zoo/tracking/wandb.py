"""The run in W&B: opened when the training starts, closed when all is said, kept offline where W&B cannot be reached.

rows -> `log_metrics` -> history; the test's report -> `show_report`; summary, predictions, checkpoint -> `close`
"""

from __future__ import annotations

import io
import os
import re
import time
import warnings
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, suppress
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities import rank_zero_only

from zoo.errors import InputError
from zoo.messages import say, say_once
from zoo.tracking.axes import Axes
from zoo.tracking.examples import Example
from zoo.tracking.packages import installed
from zoo.tracking.report import Report
from zoo.tracking.run_folder import PREDICTIONS
from zoo.tracking.shows import Shows
from zoo.tracking.wandb_link import answers
from zoo.tracking.wandb_settings import STEP, Place

AXES = ("epoch", "samples_seen", "seconds")
METRICS = ("train/*", "val/*", "test/*", "lr")
# Seconds. W&B's own would wait for a server that is gone: 90 at the start, and for ever at the end.
START_SECONDS, FINISH_SECONDS = 30.0, 20.0
UPLOAD_SECONDS = 900.0  # that a checkpoint may take on its way to a server that answers


class RefusedError(InputError):
    """W&B does not take the run: a wrong key, a project one may not write to. It would take no other one either."""


class Wandb(Shows, WandbLogger):
    """Lightning's logger with the settings of zoo; all of a step's values make one row.

    Args:
        folder: The run folder, whose name the run has.
        place: Project, group, tags, ...
        axes: Adds epoch, rows seen and seconds to each row.
        run_id: Under which it is known, and goes on when it is resumed.
        online: False writes into the run folder alone.
        log_model: Whether the best checkpoint becomes an artifact.
        log_rows: Whether test rows are sent: predictions.csv, and the rows the model got most wrong.
        save_code: Whether uncommitted changes are sent.
        resume_step: Of a run that goes on, the first step it trains now.
    """

    def __init__(
        self,
        folder: Path,
        place: Place,
        axes: Axes,
        *,
        run_id: str,
        online: bool,
        log_model: bool = True,
        log_rows: bool = True,
        save_code: bool = False,
        resume_step: int | None = None,
    ) -> None:
        super().__init__(
            name=folder.name,
            save_dir=str(folder.resolve()),  # W&B's service keeps the working folder of the first run in the process
            id=run_id,
            project=place.project,
            entity=place.entity,
            group=place.group,
            job_type=place.job_type,
            tags=list(place.tags),
            notes=place.notes,
            mode="online" if online else "offline",
        )
        self._wandb_init.pop("anonymous")  # W&B warns of it
        self.folder = folder
        self.place = place
        self.axes = axes
        self.run_id = run_id
        self.online = online
        self.with_model = log_model
        self.with_rows = log_rows
        self.save_code = save_code
        self.resume_step = resume_step
        self._row: dict[str, float] = {}
        self._known_step = -1  # the server has the rows of steps up to this one
        self._first_count: int | None = None
        self._left: Path | None = None  # the part that the server did not get in full
        self._why_left = ""

    # ---- from start to end -------------------------------------------------------------------------------------

    @rank_zero_only
    def open(self, config: Mapping[str, Any], *, last_step: int = -1) -> None:
        """Open the run and say what it is.

        Args:
            config: Flat, dot-free keys, and the whole config under `cli`.
            last_step: The last step that was trained before, of a run that goes on.

        Raises:
            RefusedError: By the server.
        """
        if self.online and not answers():
            self._go_offline("its server does not answer")
        parts = self._parts()
        if self.online and any(map(unsent, parts)):
            places = self.folder / "wandb" / "offline-run-*"
            self._keep(
                f"an earlier part of this run is not sent yet, so this one is kept beside it: `wandb sync {places}`"
            )
        try:
            self._open(config, last_step, parts)
        except BaseException:
            self.finish(failed=True)
            raise

    def _open(self, config: Mapping[str, Any], last_step: int, parts: Sequence[Path]) -> None:
        run = self._begin()
        if run is None:
            self._go_offline("its server did not answer in time")
            run = self._begin()
        run.config.update(dict(config), allow_val_change=True)
        for name in (STEP, *AXES):
            run.define_metric(name, hidden=True)
        for name in METRICS:
            run.define_metric(name, step_metric=STEP)
        requirements = Path(run.dir) / "requirements.txt"
        requirements.write_text("\n".join(installed()) + "\n")
        run.save(str(requirements), base_path=run.dir, policy="now")
        self._go_on_after(run, last_step, parts)
        if self.online and run.url:
            say(f"W&B: {run.url}")

    def close(
        self, summary: Mapping[str, Any], *, failed: bool, checkpoint: Path | None, about: Mapping[str, Any]
    ) -> None:
        """Send what the run ended at, and finish it; what cannot be sent stays in the run folder.

        Args:
            summary: Of summary.json.
            failed: Whether it ended early.
            checkpoint: best.ckpt, where there is one.
            about: The checkpoint's metadata: monitor, score, epoch, ...
        """
        try:
            self._tell_end(summary, checkpoint, about)
        except Exception as error:  # the training is done and all of it lies in the run folder
            say(f"W&B: {one_line(error)}; the run folder holds everything")
        finally:
            self.finish(failed=failed)
        if self._left is not None:
            parts = " ".join(dict.fromkeys(map(str, (self._left, self._place))))
            say(f"W&B: {self._why_left}; nothing is lost: `wandb sync --include-online {parts}` sends the rest")

    def finish(self, *, failed: bool) -> None:
        """End the run, whatever became of it; one that ended stays as it is.

        One that stays open would take the rows of the next fit in this process.
        """
        run: Any = self._experiment
        if run is None:
            return
        try:
            run.finish(exit_code=int(failed))
        except TimeoutError:
            self._note_left(run)
        except Exception as error:
            say(f"W&B: {one_line(error)}; the run folder holds everything")

    def _tell_end(self, summary: Mapping[str, Any], checkpoint: Path | None, about: Mapping[str, Any]) -> None:
        self._send()
        self._leave_if_gone()
        self._log_files(summary)
        if self.with_model and checkpoint is not None and not self._log_checkpoint(checkpoint, about):
            self._leave()
            self._log_files(summary)
            self._log_checkpoint(checkpoint, about)

    # ---- rows --------------------------------------------------------------------------------------------------

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """The config was told when the run was opened."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        row = self.axes.added_to(metrics, step)
        if step is not None:
            row[STEP] = step if self.axes.running else step - 1  # after the fit Lightning counts one that was not made
        if self._row.get(STEP) != row.get(STEP) or "test/loss" in row:
            self._send()
        self._row |= row

    @rank_zero_only
    def save(self) -> None:
        """Send the row that waits for more values of its step."""
        self._send()

    @rank_zero_only
    def finalize(self, status: str) -> None:
        self._send()

    def _send(self) -> None:
        row, self._row = self._row, {}
        if not row:
            return
        if row.get(STEP, 0) <= self._known_step and not any(name.startswith(("val/", "test/")) for name in row):
            return  # trained again after a resume
        self._guarded(lambda: self._log(row))

    # ---- pictures and tables -----------------------------------------------------------------------------------

    def show_pictures(self, pictures: Mapping[str, bytes]) -> None:
        """Charts are drawn there, from tables."""

    @rank_zero_only
    def show_report(self, report: Report, shown: Sequence[Example]) -> None:
        from zoo.tracking.wandb_tables import media

        self._send()
        self._guarded(self._leave_if_gone)
        self._guarded(lambda: self._log(media(report, shown if self.with_rows else None)))

    # ---- helpers -----------------------------------------------------------------------------------------------

    def _guarded(self, call: Callable[[], object]) -> None:
        """Have W&B's client do something. That its process is gone is no reason to lose a training or a test."""
        try:
            call()
        except Exception as error:
            say_once(f"W&B: {one_line(error)}; metrics.csv and TensorBoard go on")

    def _log(self, row: Mapping[str, Any]) -> None:
        if not row:
            return
        count, self._first_count = self._first_count, None
        self._run.log(dict(row), step=count, commit=True)

    def _begin(self) -> Any:
        """The run; None where the server kept W&B waiting too long."""
        from wandb.errors import AuthenticationError, CommError, UsageError

        self._wandb_init |= {
            "mode": "online" if self.online else "offline",
            "settings": client_settings(self.save_code),
        }
        with warnings.catch_warnings(), silenced():
            warnings.simplefilter("ignore")  # of wandb's own imports, nothing a user could mend
            try:
                return self.experiment
            except (AuthenticationError, CommError, UsageError) as error:
                if self.online and "timed out" in str(error):
                    return None
                raise RefusedError(
                    f"W&B refused the run ({one_line(error)}): "
                    "--wandb.enabled false trains without it, WANDB_MODE=offline keeps it here"
                ) from error

    def _go_offline(self, why: str) -> None:
        self._keep(f"{why}, so the run is kept offline; `wandb sync` sends it later")

    def _keep(self, said: str) -> None:
        say(f"W&B: {said}")
        self.online = False

    def _go_on_after(self, run: Any, last_step: int, parts: Sequence[Path]) -> None:
        """Where a resumed run goes on in its history, so that no row stands there twice."""
        if self.online:
            self._known_step = int(run.summary.get(STEP, -1)) if run.resumed else -1
            if last_step == self._known_step - 1:  # stopped within a step, of which the loss is not there
                self._known_step = last_step
        elif parts:
            # An earlier part lies in a folder of its own; `wandb sync` drops rows that are not counted on from its last.
            # How many it has is not known of a run that was killed: at most three a step.
            self._known_step, self._first_count = last_step, 3 * (last_step + 1) + 10_000

    def _parts(self) -> list[Path]:
        """What W&B has written of this run so far, before it goes on: a file for each time."""
        return [] if self.resume_step is None else sorted(self.folder.glob("wandb/*run-*/*.wandb"))

    def _leave_if_gone(self) -> None:
        if self.online and not answers():
            self._leave()

    def _leave(self) -> None:
        """Go on offline, in a second part of the same run: online W&B keeps no artifact that it could not send."""
        run = self._run
        self._note_left(run)
        self._first_count = run.step
        with suppress(Exception):
            run.finish()
        self.online, self._experiment = False, None
        self._begin()

    def _note_left(self, run: Any) -> None:
        self._left = Path(run.dir).parent
        self._why_left = "the server went away" if not answers() else "the server did not take all of it in time"

    def _log_files(self, summary: Mapping[str, Any]) -> None:
        run, predictions = self._run, self.folder / PREDICTIONS
        run.summary.update(dict(summary))
        if self.with_rows and predictions.is_file() and link(predictions, Path(run.dir) / PREDICTIONS):
            run.save(str(Path(run.dir) / PREDICTIONS), base_path=run.dir, policy="now")

    def _log_checkpoint(self, checkpoint: Path, about: Mapping[str, Any]) -> bool:
        """False where the server went away, or time was up, before it had the file."""
        import wandb

        kept = self._place / "artifact" / checkpoint.name
        if not link(checkpoint, kept):
            return True
        artifact = wandb.Artifact(artifact_name(self.folder.name), type="model", metadata=dict(about))
        artifact.add_file(str(kept), name=checkpoint.name, policy="immutable", skip_cache=True)
        logged = self._run.log_artifact(artifact, aliases=["best", "latest"])
        until = time.monotonic() + UPLOAD_SECONDS
        while self.online:
            try:  # a large file takes its time; only a server that is gone is not waited for
                logged.wait(timeout=int(FINISH_SECONDS))
            except wandb.Error:
                if time.monotonic() >= until or not answers():
                    return False
            else:
                break
        return True

    @property
    def _run(self) -> Any:
        return self.experiment

    @property
    def _place(self) -> Path:
        """The folder of this part of the run, which `wandb sync` takes."""
        return Path(self._run.dir).parent


def one_line(error: Exception) -> str:
    """What an error says, short enough for a line."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def client_settings(save_code: bool) -> Any:
    """Settings of W&B's client; what its release does not know, or the environment says, is left out."""
    import wandb

    wanted: dict[str, Any] = {
        "silent": True,
        "init_timeout": START_SECONDS,
        "finish_timeout": FINISH_SECONDS,
        "finish_timeout_raises": True,
        "x_save_requirements": False,  # as zoo.tracking.packages lists them, in a hundredth of the time
        "save_code": save_code,  # else the account's own setting may send code
    }
    known = wandb.Settings.model_fields
    return wandb.Settings(
        **{name: value for name, value in wanted.items() if name in known and f"WANDB_{name.upper()}" not in os.environ}
    )


def artifact_name(folder: str) -> str:
    """The name of a run folder as W&B takes it for an artifact.

    Example:
        >>> artifact_name("größe, 2")
        'gr-e-2'
    """
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", folder)[:128].strip("-") or "run"


def unsent(part: Path) -> bool:
    """Whether what was kept offline is there alone: `wandb sync` leaves a note beside what it has sent."""
    return part.parent.name.startswith("offline-") and not Path(f"{part}.synced").exists()


def link(file: Path, to: Path) -> bool:
    """Let a file have a second name, which keeps what it holds now; a copy where the disk knows no links."""
    import shutil

    to.parent.mkdir(parents=True, exist_ok=True)
    to.unlink(missing_ok=True)
    try:
        os.link(file, to)
    except OSError:
        try:
            shutil.copyfile(file, to)
        except OSError:
            return False
    return True


@contextmanager
def silenced() -> Iterator[None]:
    """Without what W&B prints at the start."""
    with redirect_stderr(io.StringIO()):
        yield
