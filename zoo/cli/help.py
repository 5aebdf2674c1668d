"""What `zoo COMMAND --help` says. Standard library only, so that it takes no time."""

_FIT = """\
usage: zoo fit --config FILE [--config FILE] [--model.KEY v] [--data.KEY v] [--trainer.KEY v] [--name NAME]
       zoo fit --resume RUN [--trainer.max_epochs N]

Train a model, test its best epoch, write a run folder. What is typed beats --config; a later --config beats an earlier.

  --config configs/mlp.yaml      a YAML of settings; `zoo list configs` names those that ship
  --model NAME                   MLPClassifier, CNNRegressor, ... (`zoo list models`), or my_project.MyModel
  --data.path PATH               your file or folder, or sample:NAME (`zoo list samples`)
  --data.target COLUMN           what to predict; left out, a column called target, label, class or y
  --data.batch_size N            rows a step; left out, it goes by the number of rows
  --model.lr 0.001               highest learning rate
  --model.optimizer adamw        any optimiser of timm
  --model.schedule cosine        or linear, step, one_cycle, plateau, constant
  --trainer.max_epochs 50        times through the data; early stopping may end it before
  --trainer.max_time 00:00:10:00 train for ten minutes, with the learning rate at its end (DD:HH:MM:SS)
  --trainer.precision 32         arithmetic; left out it is auto: what fits the device, and that is said
  --compile.enabled true         the network through torch.compile
  --trainer.accelerator cpu      or gpu, ...; left out, the best that is here
  --early_stopping.patience N    epochs without a better one; --early_stopping.enabled false switches it off
  --trainer.logger false         no TensorBoard, W&B and metrics.csv
  --seed_everything 0            same seed, same run
  --name NAME                    of the run folder, runs/NAME
  --resume RUN                   go on where a run stopped, in its folder

  zoo fit --help all                          every option with its default (takes seconds: torch is loaded)
  zoo fit --model.help MLPClassifier          those of one model; likewise --data.help
  zoo fit --config FILE --print_config        the whole config as YAML, without training
"""
_EVALUATE = """\
usage: zoo {command} RUN [--data.path PATH] [-o predictions.csv] [--trust] [--data.KEY v] [--trainer.KEY v]

RUN is a run folder (its best epoch is taken) or a .ckpt file. Without --data.path the run's own {part} rows are
used; with it every row of that file, which needs the target. --trust imports a model class of your own project that
no entry point registers. What is typed beats --config, which beats the checkpoint.
"""
_PREDICT = """\
usage: zoo predict RUN PATH [-o predictions.csv] [--trust] [--data.KEY v] [--trainer.KEY v]

RUN is a run folder (its best epoch is taken) or a .ckpt file; PATH a file or folder of the kind it was trained on,
with or without the target. The output has a row each: index, target (when known), prediction, p_<class>.
"""
_TUNE = """\
usage: zoo tune --config FILE [--trials N] [--space SWEEP] [every flag of zoo fit]
       zoo tune --resume STUDY_FOLDER [--trials N]

Search for settings that give a better validation metric; test rows are left alone. Each trial is a run folder in
runs/STUDY/, the first one with the config's own values; the best settings end as runs/STUDY/best.yaml, for zoo fit.
The same command goes on where it was stopped. Needs no account; W&B shows the trials as one group.

  --trials 20                    that the study shall have in all
  --space configs/sweeps/mlp.yaml  what is searched: `parameters:` of a W&B sweep; left out, what ships for the model
  --metric val/accuracy          judged at the epoch that the checkpoint keeps; left out, val/loss or val/rmse
  --workers 2                    processes on this machine; its cores (or GPUs) are shared out among them
  --timeout 3600                 seconds (or DD:HH:MM:SS) after which no trial begins
  --pruner median                ends trials that are behind; or hyperband, or none
  --study NAME                   the study's folder is runs/NAME; an existing one goes on
  --storage URL                  a database that several machines share (or ZOO_TUNE_STORAGE): say the same command with
                                 the same --study NAME on each
  --resume STUDY_FOLDER          go on with what the study was begun with

  zoo tune --config configs/mlp.yaml --data.path my.csv --data.target price --model MLPRegressor --trials 50
  zoo tune --config configs/cnn.yaml --trainer.max_epochs 30 --workers 2 --pruner hyperband
"""
# Command -> its help. A command that is not here says its own.
HELP = {
    "fit": _FIT,
    "test": _EVALUATE.format(command="test", part="test"),
    "validate": _EVALUATE.format(command="validate", part="validation"),
    "predict": _PREDICT,
    "tune": _TUNE,
}
