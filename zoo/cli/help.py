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
  --model.lr 0.002               highest learning rate, of muon about ten times that of adamw; left out, what fits; auto
                                 finds one by a range test of under a minute
  --model.optimizer adamw        any optimiser of timm
  --model.schedule cosine        or linear, step, one_cycle, plateau, constant
  --model.threshold 0.3          of two classes the second is chosen from this probability on; see also --model.costs
  --trainer.max_epochs 50        times through the data; early stopping may end it before
  --trainer.max_time 00:00:10:00 train for ten minutes, with the learning rate at its end (DD:HH:MM:SS)
  --trainer.precision 32         arithmetic; left out it is auto: what fits the device, and that is said
  --config configs/recipes/finetune.yaml     after configs/cnn.yaml: fine-tune a pretrained backbone (`zoo list
                                 backbones`); --model.pretrained True, FILE, package:NAME or hf-hub:OWNER/NAME
  --unfreezing.enabled true      only the head of a network trains at first; --unfreezing.epochs -1: always
  --compile.enabled true         the network through torch.compile
  --trainer.accelerator cpu      or gpu, ...; left out, the best that is here
  --early_stopping.patience N    epochs without a better one; --early_stopping.enabled false switches it off
  --trainer.logger false         no TensorBoard, W&B and metrics.csv
  --wandb.project P              also entity, group, tags, notes; --wandb.enabled false switches W&B off alone,
                                 --wandb.log_model false keeps the checkpoint here, --wandb.log_rows false the test rows
  --seed_everything 0            same seed, same run
  --name NAME                    of the run folder, runs/NAME
  --resume RUN                   go on where a run stopped, in its folder

  zoo fit --help all                          every option with its default (takes seconds: torch is loaded)
  zoo fit --model.help MLPClassifier          those of one model; likewise --data.help
  zoo fit --config FILE --print_config        the whole config as YAML, without training
"""
_EVALUATE = """\
usage: zoo {command} RUN [--data.path PATH] [-o predictions.csv] [--threshold P] [--costs MATRIX] [--trust]
       [--data.KEY v] [--trainer.KEY v]

RUN is a run folder (its best epoch is taken), a .ckpt file, or an artifact of W&B, wandb://ENTITY/PROJECT/NAME:best
(or :latest, :v0; or wandb://ENTITY/PROJECT/RUN_ID). Without --data.path the run's own {part} rows are used; with it
every row of that file, which needs the target. --trust imports a model class of your own project that no entry point
registers. What is typed beats --config, which beats the checkpoint.
{decision}"""
_PREDICT = """\
usage: zoo predict RUN PATH [-o predictions.csv] [--threshold P] [--costs MATRIX] [--trust] [--data.KEY v]
       [--trainer.KEY v]

RUN is a run folder (its best epoch is taken), a .ckpt file, or an artifact of W&B, wandb://ENTITY/PROJECT/NAME:best
(or :latest, :v0; or wandb://ENTITY/PROJECT/RUN_ID); PATH a file or folder of the kind it was trained on, with or
without the target. The output has a row each: index, target (when known), prediction, p_<class>.
{decision}"""
_DASHBOARD = """\
usage: zoo dashboard [--entity E] [--project P] [--task TASK] [--name NAME] [--dry-run FILE]

Save a workspace in W&B that is made for comparing the project's runs, and print its address: learning curves by step,
rows seen and seconds; the best of each group in bars; parallel coordinates, parameter importance, cost against
result; confusion matrices and mistakes; and what differs from run to run. Runs are grouped, the best first; crashed
and failed ones are left out. Each call saves a new view. Needs: pip install 'lightning-zoo[dashboard]'

  --entity E        user or team of the project; left out, WANDB_ENTITY, else that of your account
  --project P       left out, WANDB_PROJECT, else zoo
  --task TASK       classification (left out) or regression: which metrics are shown
  --name NAME       of the view, as W&B lists it
  --dry-run FILE    write what would be sent as JSON, with no account and no network; - is standard output
"""
_COMPARE = """\
usage: zoo compare RUN... [--metric NAME] [--filter KEY=VALUE]... [--json | --csv] [--html FILE]

Put runs side by side, best first: what differs between their settings, the metrics, seconds, parameters; mean and
standard deviation over the seeds of a group; and whether the best run is better by more than chance. In a pipe the
table is plain and whole.

  RUN                      a run folder, a folder of them (runs/), a glob (also quoted: 'runs/mlp-*'),
                           wandb://entity/project, or wandb://entity/project/run-id
  --metric NAME            what best means: test/f1_macro, or f1_macro; left out, test/accuracy (test/rmse for
                           regression) where all runs have it, else that of the validation rows at the best epoch
  --filter KEY=VALUE       only such runs; also != > < >= <=, and * in a value; given again, all must hold. KEY is a
                           setting (model, model_lr, seed, max_epochs, ...), group, tags, state, name, or a metric;
                           quote > and <, which a shell takes for itself: --filter 'model_lr>1e-3'
  --json                   everything, as one object: metric, higher_is_better, differences, metrics,
                           runs (name, place, group, status, tags, config, summary), groups (name, runs, mean, std),
                           pairs (first, second, metric, difference, low, high, p_value, beyond_chance, test, n_rows), notes
  --csv                    a row a run: name, group, status, place, the settings that differ, metrics, seconds, parameters
  --html FILE              one page that needs no network

Beyond chance: runs that were tested on the same rows are compared row by row over their predictions.csv. Accuracy by
McNemar's test (exact where fewer than 25 rows tell two runs apart), log loss, rmse and mae by the paired bootstrap;
intervals hold 95 %. The best run is compared with each other one; of more than 10 runs, the best of the best group with
the best of each other group (20 at most; of a single group, its ten best). The p-values are corrected (Holm) for that
many comparisons, and where a test metric says which run is best, for all pairs of runs: the best was found by the rows
that test it. They speak of these runs on these rows: how much a seed matters is what a group's standard deviation says.
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
_DECISION = """
  --threshold 0.3              choose the second of two classes (in the order of the columns p_<class>) from this
                               probability on; of several labels, each of them
  --costs '[[0, 1], [5, 0]]'   what each decision costs: a row a true class, a column a decision, in that same order; the
                               least expected cost is chosen, and the mean cost of a row is test/cost
"""
# Command -> its help. A command that is not here says its own.
HELP = {
    "fit": _FIT,
    "test": _EVALUATE.format(command="test", part="test", decision=_DECISION),
    "validate": _EVALUATE.format(command="validate", part="validation", decision=_DECISION),
    "predict": _PREDICT.format(decision=_DECISION),
    "dashboard": _DASHBOARD,
    "compare": _COMPARE,
    "tune": _TUNE,
}
