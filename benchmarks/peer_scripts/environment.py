"""An environment of its own for the peers, kept between runs. It shares torch with the Python that runs."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import time
import venv
from importlib.metadata import version
from pathlib import Path

from zoo.data.cache import cache_folder

# In this order: the first asks for an older pandas, which is fine for the others.
PEERS = {"pytorch_tabular": "pytorch-tabular==1.2.0", "fastai": "fastai==2.8.12", "skorch": "skorch==1.4.0"}
SHARED = ("torch", "torchvision", "lightning", "numpy")


def default_folder() -> Path:
    return cache_folder() / "benchmark-peers"


def python_of(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def installed(folder: Path) -> list[str]:
    """Names of the peers that a finished environment of this Python holds."""
    marker = folder / "made_from.json"
    made = json.loads(marker.read_text()) if marker.is_file() else {}
    return list(made["peers"]) if made.get("from") == _made_from() else []


def make(folder: Path) -> list[str]:
    """Make the environment where it is not there yet; the peers it holds. One that pip refuses is left out."""
    found = installed(folder)
    if found:
        return found
    started = time.perf_counter()
    print(f"peers: making {folder}, once; this is not part of the benchmark's minutes", file=sys.stderr)
    venv.create(folder, with_pip=True, clear=True)
    own = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    (own / "shared.pth").write_text("\n".join(dict.fromkeys([*_shared_places()])) + "\n")
    constraints = folder / "constraints.txt"
    constraints.write_text("".join(f"{name}=={version(name)}\n" for name in SHARED))
    found = [name for name, wanted in PEERS.items() if _install(folder, wanted, constraints)]
    (folder / "made_from.json").write_text(json.dumps({"from": _made_from(), "peers": found}))
    print(f"peers: made in {time.perf_counter() - started:.0f} s", file=sys.stderr)
    return found


def _install(folder: Path, wanted: str, constraints: Path) -> bool:
    command = [str(python_of(folder)), "-m", "pip", "install", "--quiet", "--constraint", str(constraints), wanted]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        print(f"peers: {wanted} is left out, pip says:\n{done.stderr[-2000:]}", file=sys.stderr)
    return done.returncode == 0


def _shared_places() -> list[str]:
    return [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]


def _made_from() -> dict[str, object]:
    return {
        "python": sys.version,
        "shared": _shared_places(),
        "versions": [version(name) for name in SHARED],
        "peers": sorted(PEERS.values()),
    }
