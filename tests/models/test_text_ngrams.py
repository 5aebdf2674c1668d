"""Every family takes the bag of n-grams beside the tokens, learns from it, and has it in its checkpoint."""

from pathlib import Path

import pytest
import torch

import zoo
from tests.data.tables import write_csv
from tests.fits import QUIET, build, short_trainer, text
from zoo.data import TextDataModule
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
    assert model.network.wide is not None
    assert model.network.wide.weight.any()
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
