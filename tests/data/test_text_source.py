"""Reading texts: tables, folders, lines, the sample; which column is taken, and what is said when none can be."""

import time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from zoo.data.source import Source
from zoo.data.text_samples import languages
from zoo.data.text_source import read_text
from zoo.errors import InputError


def _read(path: Path | str, *, text: str | None = None, with_target: bool = True) -> dict[str, Source]:
    return read_text(str(path), target=None, text=text, with_target=with_target)[0]


def _texts(source: Source) -> list[str]:
    return list(source.rows["text"].to_pylist())


def _write(file: Path, content: str | bytes) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


# ---- the sample ----------------------------------------------------------------------------------------------------


def test_languages_are_24_classes_that_share_no_phrase() -> None:
    start = time.perf_counter()
    table = languages()
    assert time.perf_counter() - start < 5  # about half a second on a quiet machine
    assert 20_000 < table.num_rows < 22_000
    assert table.column_names == ["text", "language"]
    assert len(pc.unique(table["language"])) == 24
    assert min(pc.value_counts(table["language"]).field("counts").to_pylist()) > 300
    folded = [text.casefold() for text in table["text"].to_pylist()]
    assert len(set(folded)) == len(folded)
    assert min(map(len, folded)) >= 2
    assert all(text == text.strip() for text in folded)


def test_languages_are_always_in_the_same_order() -> None:
    assert languages().equals(languages())


def test_sample_by_name() -> None:
    source = _read("sample:languages")["all"]
    assert source.target_names == ("language",)
    assert "German" in source.target[0].to_pylist()
    with pytest.raises(InputError, match=r"^sample:langages: no such text sample: did you mean 'languages'\?$"):
        _read("sample:langages")
    with pytest.raises(
        InputError, match=r"^sample:languages has no column 'txt' \(data.text\): did you mean 'text'\?$"
    ):
        _read("sample:languages", text="txt")


# ---- tables --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_tables_of_every_kind(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"data.{ending}"
    if ending == "csv":
        _write(file, 'Review,label\n"so, good",1\nbad 🙂,0\n')
    elif ending == "jsonl":
        _write(file, '{"Review": "so, good", "label": 1}\n{"Review": "bad 🙂", "label": 0}\n')
    else:
        pq.write_table(
            pa.table({"Review": pa.array(["so, good", "bad 🙂"]).dictionary_encode(), "label": [1, 0]}), file
        )
    source = _read(file)["all"]
    assert _texts(source) == ["so, good", "bad 🙂"]
    assert source.target[0].to_pylist() == [1, 0]


def test_a_column_called_like_a_text_comes_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = _write(tmp_path / "data.csv", "title,Message,label\na longer title here,hi,x\nanother long title,ho,y\n")
    assert _texts(_read(file)["all"]) == ["hi", "ho"]
    assert f"text: column 'Message' of {file}\n" in capsys.readouterr().err


def test_else_the_longest_column_of_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = _write(tmp_path / "data.csv", "id,who,what,label\n1,ann,a long story,x\n2,bob,another story,y\n")
    assert _texts(_read(file)["all"]) == ["a long story", "another story"]
    assert f"text: column 'what' of {file}\n" in capsys.readouterr().err


def test_the_named_column(tmp_path: Path) -> None:
    file = _write(tmp_path / "data.csv", "text,other,label\na,b,x\nc,d,y\n")
    assert _texts(_read(file, text="other")["all"]) == ["b", "d"]


def test_columns_that_cannot_be_read_as_text(tmp_path: Path) -> None:
    file = _write(tmp_path / "data.csv", "sentence,size,label\na,1,x\nc,2,y\n")
    with pytest.raises(InputError) as error:
        _read(file, text="sentense")
    assert str(error.value) == f"{file} has no column 'sentense' (data.text): did you mean 'sentence'?"
    with pytest.raises(InputError) as error:
        _read(file, text="size")
    assert str(error.value) == (
        f"{file}: column 'size' (data.text) holds int64, not text; its columns are sentence, size, label"
    )
    with pytest.raises(InputError) as error:
        _read(file, text="label")
    assert str(error.value) == f"{file}: column 'label' is both data.text and data.target"
    numbers = _write(tmp_path / "numbers.csv", "a,b,label\n1,2,x\n3,4,y\n")
    with pytest.raises(InputError) as error:
        _read(numbers)
    assert str(error.value) == f"{numbers} has no column of text besides the target; its columns are a, b, label"


def test_empty_texts_are_left_out_of_training_and_kept_for_predict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = _write(tmp_path / "data.csv", 'text,label\na,x\n,y\n"  ",x\nb,y\n')
    source = _read(file)["all"]
    assert _texts(source) == ["a", "b"]
    assert source.index.tolist() == [0, 3]
    assert f"{file}: 2 of 4 rows have an empty text and are left out\n" in capsys.readouterr().err
    assert _texts(_read(file, with_target=False)["all"]) == ["a", "", "  ", "b"]


def test_nothing_but_empty_texts(tmp_path: Path) -> None:
    file = _write(tmp_path / "data.csv", "text,label\n,x\n,y\n")
    with pytest.raises(InputError) as error:
        _read(file, text="text")
    assert str(error.value) == f"{file}: column 'text' has no text in any row: choose another --data.text"


def test_predict_needs_no_target(tmp_path: Path) -> None:
    file = _write(tmp_path / "data.csv", "text\na\nb\n")
    assert _read(file, with_target=False)["all"].target == ()


def test_folder_of_parts_is_read_from_one_column(tmp_path: Path) -> None:
    _write(tmp_path / "train.csv", "a,b,label\nshort,much longer,x\nshort,much longer,y\n")
    _write(tmp_path / "test.csv", "a,b,label\nnow this one is longer,no,x\n")
    found = _read(tmp_path)
    assert sorted(found) == ["test", "train"]
    assert _texts(found["test"]) == ["no"]


# ---- .txt files ----------------------------------------------------------------------------------------------------


def test_class_folders(tmp_path: Path) -> None:
    _write(tmp_path / "neg" / "1.txt", "bad\nbad")
    _write(tmp_path / "pos" / "1.TXT", b"\xef\xbb\xbfgood")
    _write(tmp_path / "pos" / "deep" / "2.txt", "better")
    _write(tmp_path / "pos" / "notes.md", "not a text")
    source = _read(tmp_path)["all"]
    assert _texts(source) == ["bad\nbad", "good", "better"]
    assert source.target[0].to_pylist() == ["neg", "pos", "pos"]
    assert source.row_labels() == ["neg/1.txt", "pos/1.TXT", "pos/deep/2.txt"]


@pytest.mark.parametrize("val", ["val", "valid", "dev"])
def test_parts_of_class_folders(tmp_path: Path, val: str) -> None:
    for part in ("train", val, "test"):
        for name in ("neg", "pos"):
            _write(tmp_path / part / name / "1.txt", f"{part} {name}")
    found = _read(tmp_path)
    assert sorted(found) == ["test", "train", "val"]
    assert _texts(found["val"]) == [f"{val} neg", f"{val} pos"]
    assert found["val"].row_labels() == [f"{val}/neg/1.txt", f"{val}/pos/1.txt"]


def test_a_dev_file_is_the_validation_part(tmp_path: Path) -> None:
    for part in ("train", "dev", "test"):
        _write(tmp_path / f"{part}.csv", f"text,label\n{part} a,0\n{part} b,1\n")
    found = _read(tmp_path)
    assert {part: _texts(source)[0] for part, source in found.items()} == {
        "train": "train a",
        "val": "dev a",
        "test": "test a",
    }


def test_files_that_are_not_utf8_are_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(tmp_path / "x" / "1.txt", "café".encode("latin-1"))
    _write(tmp_path / "y" / "1.txt", "thé".encode("latin-1"))
    _write(tmp_path / "y" / "2.txt", "thé")
    assert _texts(_read(tmp_path)["all"]) == ["café", "thé", "thé"]
    assert capsys.readouterr().err == f"{tmp_path}: 2 of 3 files are not UTF-8, read as Latin-1\n"


def test_folder_without_texts(tmp_path: Path) -> None:
    _write(tmp_path / "readme.md", "hello")
    with pytest.raises(InputError) as error:
        _read(tmp_path)
    assert str(error.value) == (
        f"{tmp_path}: neither a train.csv (or .parquet, .jsonl) nor a folder of .txt files for each class; "
        "it holds readme.md"
    )


def test_bare_files_are_for_predict(tmp_path: Path) -> None:
    _write(tmp_path / "b.txt", "two")
    _write(tmp_path / "a.txt", "")
    source = _read(tmp_path, with_target=False)["all"]
    assert _texts(source) == ["", "two"]
    assert source.row_labels() == ["a.txt", "b.txt"]
    with pytest.raises(InputError, match=r"it holds a\.txt, b\.txt$"):
        _read(tmp_path)


def test_one_text_a_line_is_for_predict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = _write(tmp_path / "lines.txt", "one\r\n\r\nthree\x0cstill three\n")
    assert _texts(_read(file, with_target=False)["all"]) == ["one", "", "three\x0cstill three"]
    with pytest.raises(InputError, match=r"a \.txt file holds no target, so it is for predict only"):
        _read(file)
    _write(file, "café\n".encode("latin-1"))
    assert _texts(_read(file, with_target=False)["all"]) == ["café"]
    assert f"{file}: not UTF-8, read as Latin-1\n" in capsys.readouterr().err
    _write(file, "")
    with pytest.raises(InputError, match=r"is empty$"):
        _read(file, with_target=False)
