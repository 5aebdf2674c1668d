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
  --wandb.project P              also entity, group, tags, notes; --wandb.enabled false switches W&B off alone,
                                 --wandb.log_model false keeps the checkpoint here, --figures.enabled false the examples
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
# Command -> its help. A command that is not here says its own.
HELP = {
    "fit": _FIT,
    "test": _EVALUATE.format(command="test", part="test"),
    "validate": _EVALUATE.format(command="validate", part="validation"),
    "predict": _PREDICT,
}
