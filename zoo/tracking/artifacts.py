"""A run that is an artifact of W&B: wandb://entity/project/name:best -> the .ckpt file, in zoo's cache.

An alias such as `best` may have moved, so the server is asked which version it is; an exact version such as `v0` never
changes and, once in the cache, needs no server. A file that was downloaded is as untrusted as any other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from zoo.data.cache import Cache, cache_folder
from zoo.errors import InputError, did_you_mean
from zoo.messages import say
from zoo.tracking.wandb_api import TIMEOUT, one_line_errors, open_api
from zoo.tracking.wandb_link import server
from zoo.tracking.wandb_settings import PREFIX, SCHEME

FORM = "wandb://ENTITY/PROJECT/NAME:best (or :latest, :v0), or wandb://ENTITY/PROJECT/RUN_ID"
KIND = "model"  # type of the artifacts that hold checkpoints
LIMIT = 10.0  # GiB of downloaded checkpoints that are kept
CHUNK = 1 << 20  # bytes


@dataclass(frozen=True)
class Address:
    """Where an artifact is. Without a version, `name` is the id of a run, meaning the best model it logged.

    Example:
        >>> str(Address("me", "zoo", "mlp-wine", "best"))
        'wandb://me/zoo/mlp-wine:best'
    """

    entity: str
    project: str
    name: str
    version: str | None = None

    def __str__(self) -> str:
        return f"{PREFIX}{self.path}"

    @property
    def path(self) -> str:
        """As the client wants it."""
        return f"{self.entity}/{self.project}/{self.name}" + (f":{self.version}" if self.version else "")

    @property
    def is_exact(self) -> bool:
        """Whether it always means the same file."""
        return self.version is not None and re.fullmatch(r"v\d+", self.version) is not None


def is_address(run: str | Path) -> bool:
    """Whether what stands for a run is an address in W&B; a `Path` of one has lost a slash."""
    return str(run).startswith(SCHEME)


def parse_address(run: str | Path) -> Address:
    """The parts of an address.

    Raises:
        InputError: It has another form; says which is right.

    Example:
        >>> parse_address("wandb://me/zoo/mlp-wine:v3")
        Address(entity='me', project='zoo', name='mlp-wine', version='v3')
    """
    part = r"([^/:\s]+)"
    found = re.fullmatch(rf"{SCHEME}//?{part}/{part}/([^/:]+)(?::{part})?", str(run))
    if found is None:
        raise InputError(f"{run} is no address of a run in W&B, which is {FORM}")
    return Address(*found.groups())


def checkpoint_file(run: str | Path) -> Path:
    """The checkpoint that an address means, downloaded unless it is in the cache.

    Raises:
        InputError: Not an address; no account, no answer; no such project, artifact or version; no checkpoint in it.
    """
    address = parse_address(run)
    cache = Cache(LIMIT, cache_folder() / "artifacts")
    kept = cache.find(_made_from(address), _file_in) if address.is_exact else None
    if kept is not None:
        return kept
    api = open_api()
    with one_line_errors():
        artifact = _logged_by(api, address) if address.version is None else _named(api, address)
        exact = replace(address, name=artifact.name.split(":")[0], version=artifact.version)
        kept = cache.find(_made_from(exact), _file_in)
        if kept is not None and kept.with_name("digest").read_text() != artifact.digest:
            cache.drop(_made_from(exact))  # a project of the same name was made anew
            kept = None
        return kept or _keep(cache, artifact, exact)


def _made_from(address: Address) -> dict[str, str]:
    return {"server": server(), "artifact": str(address)}


def _file_in(entry: Path) -> Path:
    """The checkpoint in an entry of the cache.

    Raises:
        FileNotFoundError: It is gone.
    """
    found = next(entry.glob("*.ckpt"), None)
    if found is None:
        raise FileNotFoundError(entry)
    return found


def _keep(cache: Cache, artifact: Any, address: Address) -> Path:
    """Download an artifact's checkpoint into the cache."""
    file = _checkpoint_in(list(artifact.files(per_page=100)), address)

    def build(folder: Path) -> None:
        # Under its last name only: no path that an artifact names leads anywhere.
        _download(file, folder / PurePosixPath(file.name).name, address)
        (folder / "digest").write_text(artifact.digest)

    if file.size > cache.limit_bytes:
        raise InputError(f"{address} is of {file.size / 2**30:.1f} GiB: download it yourself, `wandb artifact get`")
    kept = cache.entry(_made_from(address), build, _file_in, n_bytes=file.size)
    if kept is None:
        raise InputError(
            f"{address} does not fit into {cache.folder} ({LIMIT:g} GiB): `wandb artifact get` downloads it"
        )
    say(f"W&B: {address}, {file.size / 1e6:.1f} MB, is in {kept.parent}")
    return kept


def _checkpoint_in(files: list[Any], address: Address) -> Any:
    """The file that holds the model: best.ckpt, or the only .ckpt.

    Raises:
        InputError: There is none, more than one, or it lies elsewhere.
    """
    found = [file for file in files if file.name.endswith(".ckpt")]
    best = [file for file in found if PurePosixPath(file.name).name == "best.ckpt"]
    if len(best or found) != 1:
        held = ", ".join(sorted(file.name for file in files)[:10]) or "nothing"
        wrong = "holds several .ckpt files" if found else "holds no .ckpt file"
        raise InputError(f"{address} {wrong}, so no run of zoo; in it: {held}")
    (file,) = best or found
    if not re.match("https?://", file.direct_url) or file.direct_url == file.url:
        raise InputError(f"{address} only refers to {file.direct_url}: download that yourself, and give the file")
    return file


def _download(file: Any, target: Path, address: Address) -> None:
    """Fetch a file by the address that the server signed; W&B's own way tries for twenty minutes."""
    import requests

    with requests.get(file.direct_url, stream=True, timeout=TIMEOUT) as answer, target.open("wb") as stream:
        answer.raise_for_status()
        for chunk in answer.iter_content(CHUNK):
            stream.write(chunk)
    if target.stat().st_size != file.size:
        raise InputError(f"{address} came incomplete: {target.stat().st_size} of {file.size} bytes; try again")


def _named(api: Any, address: Address) -> Any:
    """The artifact of a name and alias or version.

    Raises:
        InputError: There is none; says which there are, where the server tells.
    """
    import wandb

    try:
        return api.artifact(address.path)
    except wandb.errors.CommError as error:
        if "not found" not in str(error):
            raise
        if "project" in str(error).split("not found")[0]:
            raise InputError(_no_project(address)) from error
        try:
            known = _what_there_is(api, address)
        except (wandb.errors.CommError, ValueError):
            known = f"{address.entity}/{address.project} holds no model"
        raise InputError(f"no {address.path}: {known}") from error


def _no_project(address: Address) -> str:
    return f"no project {address.entity}/{address.project} at {server()}, or it is not yours to read"


def _what_there_is(api: Any, address: Address) -> str:
    """Versions and aliases of the name, or else the names of the project."""
    where = f"{address.entity}/{address.project}"
    names = [found.name for found in api.artifact_type(KIND, where).collections()]
    if address.name not in names:
        return f"{did_you_mean(address.name, names)} (models of {where})"
    versions = [
        f"{found.version} ({', '.join(sorted(found.aliases))})" if found.aliases else found.version
        for found in api.artifacts(KIND, f"{where}/{address.name}", per_page=20)
    ]
    return f"there are {', '.join(versions[:20])}"


def _logged_by(api: Any, address: Address) -> Any:
    """The best model that a run logged.

    Raises:
        InputError: No such run, or it logged none.
    """
    import wandb

    try:
        logged = list(api.run(address.path).logged_artifacts())
    except (wandb.errors.CommError, ValueError) as error:
        if "could not find" not in str(error).lower():
            raise
        raise InputError(
            f"no run with the id {address.name} in {address.entity}/{address.project}; an artifact has its alias, "
            f"{address}:best"
        ) from error
    models = [found for found in logged if found.type == KIND]
    if not models:
        raise InputError(f"the run {address} logged no model: it is running still, or wandb.log_model was off")
    return max(models, key=lambda found: ("best" in found.aliases, int(found.version[1:])))
