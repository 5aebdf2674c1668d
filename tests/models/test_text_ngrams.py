"""Every family takes the bag of n-grams beside the tokens, learns from it, and has it in its checkpoint."""

from pathlib import Path

import pytest
import torch

import zoo
from tests.data.tables import write_csv
from tests.fits import QUIET, build, short_trainer, text
from zoo.data import TextDataModule
from zoo.errors import InputError
from zoo.networks import TextEnsemble

pytestmark = QUIET

FAMILIES = ("MLPClassifier", "CNNClassifier", "TransformerClassifier")


def _with_bag(folder: Path) -> TextDataModule:
    path = text(folder).path
    return TextDataModule(path, batch_size=16, vocab_size=300, max_length=16, ngrams=True)


@pytest.mark.parametrize("family", FAMILIES)
def test_loaded_it_gives_the_same_logits_and_takes_any_text(family: str, tmp_path: Path) -> None:
    data = _with_bag(tmp_path / "data")
    model = build(family, data)
    trainer = short_trainer(tmp_path)
    trainer.fit(model, datamodule=data)
    trainer.save_checkpoint(tmp_path / "model.ckpt")
    assert isinstance(model.network, TextEnsemble)
    assert model.network.linear is not None
    assert model.network.linear.weight.any()
    batch = next(iter(data.test_dataloader()))
    loaded, again = zoo.load(tmp_path / "model.ckpt")
    with torch.inference_mode():
        expected = model.eval().logits(batch)
        assert torch.equal(loaded.logits(next(iter(again.test_dataloader()))), expected)
    strange = write_csv(tmp_path / "strange.csv", {"text": [" ", "🙂", "frog", "no such words 中文"]})
    again.use_whole(strange, with_target=False)
    with torch.inference_mode():
        assert loaded.logits(next(iter(again.predict_dataloader()))).isfinite().all()


def test_without_the_bag_the_network_stands_alone(tmp_path: Path) -> None:
    assert not isinstance(build("TransformerClassifier", text(tmp_path)).network, TextEnsemble)


def test_a_checkpoint_of_a_sum_of_both_is_refused_in_one_line(tmp_path: Path) -> None:
    """Its members were trained for their sum, before each had a loss of its own: their mean would say something else."""
    data = _with_bag(tmp_path / "data")
    trainer = short_trainer(tmp_path)
    trainer.fit(build("MLPClassifier", data), datamodule=data)
    trainer.save_checkpoint(tmp_path / "model.ckpt")
    content = torch.load(tmp_path / "model.ckpt", weights_only=True)
    content["state_dict"]["network.wide.weight"] = content["state_dict"].pop("network.linear.weight")
    torch.save(content, tmp_path / "older.ckpt")
    with pytest.raises(InputError, match="MLPClassifier"):
        zoo.load(tmp_path / "older.ckpt")
