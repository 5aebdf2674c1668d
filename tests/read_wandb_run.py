#!/usr/bin/env python
"""Read an offline (or online) W&B run directory back: what W&B would get.

    python read_wandb_run.py [RUN_DIR | FILE.wandb]      # default: ./wandb/latest-run

Pure Python: the .wandb file is a LevelDB-style log (7-byte file header, 32 KiB
blocks, 7-byte record headers with plain CRC32) whose payloads are
`wandb_internal_pb2.Record` protobufs.  The old reader
`wandb.sdk.internal.datastore.DataStore` no longer exists in wandb 0.31, so this
file has its own; it only needs `wandb.proto.wandb_internal_pb2`.
The official alternative is `wandb leet inspect --json PATH` (one JSON per record)
and `wandb leet inspect --summary --json PATH`; see `records_by_cli`.
"""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import zlib
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

BLOCK = 32768
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def _file(path) -> Path:
    path = Path(path)
    if path.is_dir():
        found = sorted(path.glob("*.wandb"))
        if len(found) != 1:
            raise FileNotFoundError(f"{len(found)} .wandb files in {path}")
        return found[0]
    return path


def raw_records(path):
    """Yield the payload bytes of each record of a .wandb file."""
    data = _file(path).read_bytes()
    ident, magic, version = struct.unpack("<4sHB", data[:7])
    if ident != b":W&B" or magic != 0xBEE1 or version != 0:
        raise ValueError(f"not a .wandb file: {ident!r} {magic:#x} v{version}")
    pos, buf = 7, b""
    while pos < len(data):
        left = BLOCK - pos % BLOCK
        if left < 7:  # padding at a block's end
            pos += left
            continue
        if pos + 7 > len(data):
            return  # torn tail: the run was killed
        crc, length, kind = struct.unpack("<IHB", data[pos : pos + 7])
        body = data[pos + 7 : pos + 7 + length]
        if kind == 0 and length == 0:
            return
        if len(body) < length:
            return
        want = zlib.crc32(body, zlib.crc32(bytes([kind]))) & 0xFFFFFFFF
        if want != crc:
            raise ValueError(f"bad checksum at byte {pos}")
        pos += 7 + length
        buf = body if kind in (FULL, FIRST) else buf + body
        if kind in (FULL, LAST):
            yield buf
            buf = b""


def records(path):
    from wandb.proto import wandb_internal_pb2 as pb

    for raw in raw_records(path):
        rec = pb.Record()
        rec.ParseFromString(raw)
        yield rec


def records_by_cli(path):
    """The same through the official command (wandb >= 0.30 or so)."""
    out = subprocess.run(
        [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(path)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [json.loads(line) for line in out.splitlines()]


def _put(tree: dict, keys, value):
    for k in keys[:-1]:
        nxt = tree.get(k)
        if not isinstance(nxt, dict):
            nxt = tree[k] = {}
        tree = nxt
    tree[keys[-1]] = value


def _drop(tree, keys):
    for k in keys[:-1]:
        tree = tree.get(k, {})
    tree.pop(keys[-1], None)


def _items(items):
    for it in items:
        keys = list(it.nested_key) or [it.key]
        yield keys, json.loads(it.value_json)


@dataclass
class Run:
    dir: Path
    id: str = ""
    entity: str = ""
    project: str = ""
    name: str = ""
    group: str = ""
    job_type: str = ""
    notes: str = ""
    sweep_id: str = ""
    tags: list = field(default_factory=list)
    config: dict = field(default_factory=dict)
    summary: dict = field(default_factory=dict)
    history: list = field(default_factory=list)  # one dict per run.log step
    metrics: dict = field(default_factory=dict)  # define_metric: name/glob -> dict
    artifacts: list = field(default_factory=list)  # name,type,aliases,metadata,files
    used_artifacts: list = field(default_factory=list)
    files: list = field(default_factory=list)  # run files to upload
    system: list = field(default_factory=list)
    console: list = field(default_factory=list)
    environment: dict = field(default_factory=dict)
    git: dict = field(default_factory=dict)
    exit_code: int | None = None
    counts: dict = field(default_factory=lambda: defaultdict(int))

    def series(self, key, x="_step"):
        return [(h.get(x), h[key]) for h in self.history if key in h]

    def media(self, key):
        """Local path of an image/table/html file logged under key (last one)."""
        ref = self.summary.get(key)
        return self.dir / "files" / ref["path"]

    def table(self, key):
        """A logged wandb.Table as {'columns': [...], 'data': [...]}, from the local file.

        In wandb 0.31 the table json under files/media/table/ holds references only where the
        whole content went into the run_table artifact; that one is read where it is.
        """
        ref = self.summary[key]
        for art in self.artifacts:
            if art["type"] == "run_table" and art["client_id"] in ref.get("artifact_path", ""):
                for f in art["files"]:
                    if f["path"].endswith(".table.json") and f["local_path"] and Path(f["local_path"]).exists():
                        return json.loads(Path(f["local_path"]).read_text())
        return json.loads(self.media(key).read_text())


def read_run(path) -> Run:
    file = _file(path)
    run = Run(dir=file.parent.resolve())
    for rec in records(file):
        kind = rec.WhichOneof("record_type")
        run.counts[kind] += 1
        if kind == "run":
            r = rec.run
            run.id, run.entity, run.project = r.run_id, r.entity, r.project
            run.name, run.group, run.job_type = r.display_name, r.run_group, r.job_type
            run.notes, run.sweep_id, run.tags = r.notes, r.sweep_id, list(r.tags)
            if r.HasField("git"):
                run.git = {"remote": r.git.remote_url, "commit": r.git.commit}
            for keys, v in _items(r.config.update):
                _put(run.config, keys, v)
        elif kind == "config":
            for keys, v in _items(rec.config.update):
                _put(run.config, keys, v)
            for it in rec.config.remove:
                _drop(run.config, list(it.nested_key) or [it.key])
        elif kind == "summary":
            for keys, v in _items(rec.summary.update):
                _put(run.summary, keys, v)
            for it in rec.summary.remove:
                _drop(run.summary, list(it.nested_key) or [it.key])
        elif kind == "history":
            row: dict = {}
            for keys, v in _items(rec.history.item):
                _put(row, keys, v)
            run.history.append(row)
        elif kind == "metric":
            m = rec.metric
            s = m.summary
            run.metrics[m.name or m.glob_name] = {
                "step_metric": m.step_metric,
                "step_sync": m.options.step_sync,
                "hidden": m.options.hidden,
                "goal": m.goal,
                "summary": [
                    k for k in ("min", "max", "mean", "last", "first", "best", "none", "copy") if getattr(s, k, False)
                ],
            }
        elif kind == "artifact":
            a = rec.artifact
            run.artifacts.append(
                {
                    "name": a.name,
                    "type": a.type,
                    "aliases": list(a.aliases),
                    "client_id": a.client_id,
                    "metadata": json.loads(a.metadata or "{}"),
                    "digest": a.digest,
                    "description": a.description,
                    "tags": list(a.tags),
                    "files": [
                        {"path": c.path, "size": c.size, "ref": c.ref, "local_path": c.local_path}
                        for c in a.manifest.contents
                    ],
                }
            )
        elif kind == "use_artifact":
            run.used_artifacts.append({"name": rec.use_artifact.name, "type": rec.use_artifact.type})
        elif kind == "files":
            run.files += [f.path for f in rec.files.files]
        elif kind == "stats":
            run.system.append({i.key: json.loads(i.value_json) for i in rec.stats.item})
        elif kind in ("output_raw", "output"):
            run.console.append(getattr(rec, kind).line)
        elif kind == "environment":
            from google.protobuf.json_format import MessageToDict

            run.environment.update(MessageToDict(rec.environment, preserving_proto_field_name=True))
        elif kind == "exit":
            run.exit_code = rec.exit.exit_code
    return run


def main(argv):
    run = read_run(argv[1] if len(argv) > 1 else "wandb/latest-run")
    show = dict(
        vars(run),
        dir=str(run.dir),
        counts=dict(run.counts),
        history=f"{len(run.history)} rows",
        system=f"{len(run.system)} samples",
        console=f"{len(run.console)} lines",
    )
    print(json.dumps(show, indent=1, default=str)[:6000])
    return run


if __name__ == "__main__":
    main(sys.argv)
