"""What each ingredient of the shipped configs is worth: the same training with one setting changed, on validation rows.

Figures are those of the best epoch on the validation rows; test rows are never read. All are trained as they ship; images
for the epochs that two cores reach in ten minutes, so that no setting gains by quicker steps, and a GPU may train them.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.strength import images, pretrained, tabular, text
from benchmarks.strength.bars import Row, identity, spread
from benchmarks.strength.runs import MEASURED, commit, fit, held, keep, read_lines

NAME = "ingredients"
AS_SHIPPED = "as shipped"
FIGURES = ("accuracy", "log_loss")
QUICK = ["--trainer.limit_test_batches", "0", "--trainer.logger", "false", "--figures.enabled", "false"]


@dataclass(frozen=True)
class Recipe:
    """A shipped config, and what may be changed in it.

    Args:
        title: Of its table.
        config: File that is trained.
        sets: Names of public sets.
        words: What `zoo fit` is told of a set, beside the data's path and the seeds.
        folder: Gives `--data.path` of a set; may write files into the folder that it is given.
        changes: By name, the words of a change.
    """

    title: str
    config: str
    sets: tuple[str, ...]
    words: Callable[[str], Sequence[str]]
    folder: Callable[[str, Path], Path]
    changes: Mapping[str, Sequence[str]]


RECIPES = {
    "text": Recipe(
        "Texts: what each ingredient is worth",
        "configs/transformer.yaml",
        ("trec6", "mr_rt_polarity"),
        lambda name: text.words(name, "transformer"),
        text.folder,
        {
            "no n-grams": ["--data.ngrams", "false"],
            "no convolution beside": ["--model.phrases", "false"],
            "no convolution before": ["--model.window", "1"],
            "no token dropout": ["--model.token_dropout", "0"],
            "no head dropout": ["--model.head_dropout", "0"],
            "no label smoothing": ["--model.label_smoothing", "0"],
            "tokens of a character or two": ["--data.vocab_size", "300"],
            "attention pooling": ["--model.pooling", "attention"],
            "two blocks": ["--model.n_layers", "2"],
            "half the width": ["--model.d_model", "64"],
            "no averaged weights": ["--ema.enabled", "false"],
        },
    ),
    "pretrained": Recipe(
        "Texts by a pretrained encoder: what each ingredient is worth",
        "configs/recipes/finetune_text.yaml",
        ("sst2_glue", "trec6", "banking77"),
        lambda name: pretrained.words(name, "zoo"),
        text.folder,
        {
            "no n-grams": ["--data.ngrams", "false"],
            "a convolution beside": ["--model.phrases", "true"],
            "no averaged weights": ["--ema.enabled", "false"],
            "no n-grams and no averaged weights": ["--data.ngrams", "false", "--ema.enabled", "false"],
            "adaptive clipping": ["--model.agc", "0.02"],
            "no label smoothing": ["--model.label_smoothing", "0"],
            "one rate for all layers": ["--model.layer_decay", "1"],
            "attention pooling": ["--model.pooling", "attention"],
        },
    ),
    "images": Recipe(
        "Images: what each ingredient is worth",
        "configs/cnn.yaml",
        ("cifar10",),
        lambda name: ["--config", "configs/cnn.yaml", "--trainer.max_epochs", "9"],  # two cores reach it in ten minutes
        images.folder,
        {
            "AdamW for Muon": ["--model.optimizer", "adamw"],
            "ReLU for SiLU": ["--model.activation", "relu"],
            "torch's initialisation": ["--model.init", "default"],
            "constant rate": ["--model.schedule", "constant"],
            "no warm-up": ["--model.warmup", "0"],
            "no label smoothing": ["--model.label_smoothing", "0"],
            "no flip at test": ["--model.flip_at_test", "false"],
            "no flip at all": ["--data.augment", "[crop]"],
            "no augmentation": ["--data.augment", "[]"],
            "averaged weights": ["--ema.enabled", "true", "--ema.decay", "0.99"],
        },
    ),
    "tables": Recipe(
        "Tables: what each ingredient is worth",
        "configs/mlp.yaml",
        ("telco_churn", "spambase", "credit_g"),
        lambda name: tabular.words(name, "zoo"),
        tabular.folder,
        {
            "one member": ["--model.ensemble", "1", "--model.numeric_embedding", "piecewise_linear"],
            "one member and plain numbers": ["--model.ensemble", "1", "--model.numeric_embedding", "none"],
            "plain numbers": ["--model.numeric_embedding", "none"],
            "periodic embedding": ["--model.numeric_embedding", "periodic"],
            "numbers by rank": ["--data.numeric", "quantile"],
            "no averaged weights": ["--ema.enabled", "false"],
            "no dropout": ["--model.dropout", "0"],
            "32 members": ["--model.ensemble", "32"],
        },
    ),
}


def run(kind: str, sets: Sequence[str], changes: Sequence[str], seeds: Iterable[int], out: Path) -> None:
    """All runs that `out` does not hold yet; a line each is added to it.

    Raises:
        subprocess.CalledProcessError: A run failed; its words are on the terminal.
    """
    recipe, seeds = RECIPES[kind], list(seeds)
    with tempfile.TemporaryDirectory() as temporary:
        for name in sets:
            folder = recipe.folder(name, Path(temporary) / "data")
            for seed in seeds:
                for change in changes:
                    row: Row = {"benchmark": NAME, "kind": kind, "set": name, "way": change, "seed": seed}
                    row |= {"more": "", "commit": commit()}
                    if not row["commit"].endswith("+") and held(row, out):
                        continue
                    words = [*recipe.words(name), "--data.path", str(folder), *QUICK, *recipe.changes.get(change, [])]
                    keep(row | fit(words, seed, Path(temporary) / "runs", validation), out)


def validation(summary: Row) -> Row:
    """What is kept of a summary.json."""
    return {name: round(summary[f"best/val/{name}"], 6) for name in FIGURES} | {
        key: summary[key] for key in ("epochs", "device")
    }


def page(rows: Sequence[Row]) -> str:
    """A table a kind and commit that there are runs of."""
    rows = list({identity(row): row for row in rows if row.get("benchmark") == NAME}.values())
    parts: list[str] = []
    for kind, recipe in RECIPES.items():
        mine = [row for row in rows if row["kind"] == kind]
        parts += [f"## {recipe.title} (validation rows)"] if mine else []
        for one in dict.fromkeys(row["commit"] for row in mine):
            found = [row for row in mine if row["commit"] == one]
            sets, seeds = (list(dict.fromkeys(row[key] for row in found)) for key in ("set", "seed"))
            command = f"python -m benchmarks.strength {NAME} {kind} --sets {','.join(sets)} --seeds {len(seeds)}"
            parts += [f"`{command}`", table(found, one)]
    return "\n\n".join(parts)


def table(rows: Sequence[Row], at: str) -> str:
    """Markdown: accuracy and log loss as shipped, then what each change adds to them; mean ± standard deviation.

    A change is compared with the shipped config seed by seed, on the same validation rows: these differ more from seed
    to seed than a change matters. Under it stand the words that brought a config of then to what it says here.
    """
    sets, changes = (list(dict.fromkeys(row[key] for row in rows)) for key in ("set", "way"))
    heads = [f"{name}: {figure.replace('_', ' ')}" for name in sets for figure in FIGURES]
    lines = [f"| changed | {' | '.join(heads)} | epochs | seeds |", "|---" * (len(heads) + 3) + "|"]
    for change in changes:
        cells, seeds, epochs = [change], set(), [row["epochs"] for row in rows if row["way"] == change]
        for name in sets:
            found, shipped = (
                {row["seed"]: row for row in rows if row["set"] == name and row["way"] == way}
                for way in (change, AS_SHIPPED)
            )
            common = [seed for seed in found if seed in shipped]
            for figure in FIGURES:
                if change == AS_SHIPPED:
                    cells.append(spread([found[seed][figure] for seed in common], figure))
                else:
                    cells.append(added([found[seed][figure] - shipped[seed][figure] for seed in common]))
            seeds.add(len(common))
        lines.append(f"| {' | '.join([*cells, between(epochs), between(seeds)])} |")
    devices = dict.fromkeys(row["device"] for row in rows)
    typed = dict.fromkeys(f"{row['way']}: `{row['more']}`" for row in rows if row["more"])
    told = f" What is said here was typed there beside the config: {'; '.join(typed)}." if typed else ""
    return "\n".join([*lines, "", f"At {at}, on {' and '.join(devices)}.{told}"])


def between(numbers: Collection[int]) -> str:
    """The least and the largest.

    Example:
        >>> between([5, 7, 6]), between({3})
        ('5 to 7', '3')
    """
    return " to ".join(map(str, sorted({min(numbers), max(numbers)})))


def added(differences: Sequence[float]) -> str:
    """Mean ± standard deviation with a sign.

    Example:
        >>> added([0.5, 0.25]), added([-0.5]), added([])
        ('+0.3750 ± 0.1768', '-0.5000', '')
    """
    told = spread(differences, FIGURES[0])
    return told if not told or told.startswith("-") else f"+{told}"


def main(argv: Sequence[str]) -> int:
    out = MEASURED / f"{NAME}.jsonl"
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.strength {NAME}",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("kind", choices=list(RECIPES))
    parser.add_argument("--seeds", type=int, default=3, help="runs a cell, with the seeds 0, 1, ...")
    parser.add_argument("--sets", help="some of the sets, with commas between")
    parser.add_argument("--changes", help=f"some of the lines, with commas between; {AS_SHIPPED} is one")
    parser.add_argument("--out", type=Path, default=out, help="a line of JSON a run is added to it (%(default)s)")
    asked = parser.parse_args(list(argv))
    recipe = RECIPES[asked.kind]
    known = {"sets": recipe.sets, "changes": (AS_SHIPPED, *recipe.changes)}
    chosen = {
        key: getattr(asked, key).split(",") if getattr(asked, key) else list(names) for key, names in known.items()
    }
    for key, names in chosen.items():
        if unknown := [name for name in names if name not in known[key]]:
            parser.error(f"no {key} {', '.join(unknown)}: there are {', '.join(known[key])}")
    run(asked.kind, chosen["sets"], chosen["changes"], range(asked.seeds), asked.out)
    print(page(read_lines([asked.out])))
    return 0
