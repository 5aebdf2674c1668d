#!/usr/bin/env python
"""A loopback stand-in for the W&B server: a real wandb client runs 'online' against it.

    python wandb_standin.py [--port 8899] [--out DIR]          # then, in another shell:
    WANDB_BASE_URL=http://127.0.0.1:8899 WANDB_API_KEY=$(printf '0%.0s' {1..40}) zoo fit ...

or in a test (stdlib only, no third-party package):

    with Standin(out=tmp_path) as s:
        subprocess.run([...], env=os.environ | s.env(tmp_path))
        run = s.run()                     # the only run
        assert run["config"]["model"]["value"]["class_path"] == "zoo.CNN"
        assert run["summary"]["val/acc"]["max"] > .9

It answers the GraphQL operations wandb-core 0.31 sends for init / log / finish / sync /
artifacts / files / sweeps-free runs, the file_stream endpoint, and PUT/GET of files.  It keeps
everything in memory (and, with `out`, uploaded bytes on disk).  It also answers the read side
of `wandb.Api().runs()/run()/history/files` well enough to test a comparison script.
Any operation that it does not know is recorded in `.unknown` and answered with a GraphQL error,
so a test can assert `not s.unknown` and a wandb upgrade that needs more shows up by name.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import itertools
import json
import re
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote, urlparse

KEY = "0" * 40
ENTITY = "me"


def _id(*parts):
    return base64.b64encode(":".join(map(str, parts)).encode()).decode()


class Standin:
    def __init__(self, port=0, out=None, verbose=False):
        self.out = Path(out) if out else None
        self.verbose = verbose
        self.lock = threading.RLock()
        self.calls: list[tuple[str, dict]] = []  # every GraphQL operation, in order
        self.requests: list[tuple[str, str, int]] = []  # every HTTP request: method, path, bytes
        self.unknown: list[str] = []
        self.runs: dict[tuple, dict] = {}  # (entity, project, run id) -> run
        self.artifacts: dict[str, dict] = {}  # artifact id -> artifact
        self.sweeps: dict[str, dict] = {}
        self.views: dict[str, dict] = {}  # saved workspaces / reports by name
        self.counter = 0
        self.blobs: dict[str, bytes] = {}  # path below /storage/ -> bytes
        self.refuse = False  # answer every question with 401, as to a wrong key
        outer = self

        class Handler(_Handler):
            standin = outer

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    # ---- use ---------------------------------------------------------------------------------
    def env(self, home=None, **more):
        """Environment for a client; `home` keeps its caches and netrc out of the real home."""
        env = {
            "WANDB_BASE_URL": self.url,
            "WANDB_API_KEY": KEY,
            "WANDB_MODE": "online",
            "WANDB_ERROR_REPORTING": "false",
            "WANDB_SILENT": "true",
            "WANDB_ENTITY": "",
            "no_proxy": "127.0.0.1,localhost",
            "NO_PROXY": "127.0.0.1,localhost",
        }
        if home:
            for k in ("DIR", "CACHE_DIR", "DATA_DIR", "CONFIG_DIR", "ARTIFACT_DIR"):
                p = Path(home) / f"wandb_{k.lower()}"
                p.mkdir(parents=True, exist_ok=True)
                env[f"WANDB_{k}"] = str(p)
        return env | more

    def run(self, run_id=None):
        runs = [r for k, r in self.runs.items() if run_id in (None, k[2])]
        if len(runs) != 1:
            raise LookupError(f"{len(runs)} runs")
        return runs[0]

    def artifact(self, name):
        """The newest artifact of a collection, its manifest read."""
        arts = [a for a in self.artifacts.values() if a["name"] == name]
        if not arts:
            raise LookupError(f"{name}; have {sorted({a['name'] for a in self.artifacts.values()})}")
        return arts[-1]

    def start(self):
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        return self

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    __enter__ = start

    def __exit__(self, *_):
        self.stop()

    # ---- GraphQL -----------------------------------------------------------------------------
    def graphql(self, body):
        query, var = body.get("query", ""), body.get("variables") or {}
        name = body.get("operationName") or next(iter(re.findall(r"\b(?:query|mutation)\s+(\w+)", query)), "anonymous")
        with self.lock:
            self.calls.append((name, var))
            op = getattr(self, "op_" + name, None)
            if op is None:
                self.unknown.append(name)
                if self.verbose:
                    print("UNKNOWN", name, json.dumps(var)[:300], "\n", query, flush=True)
                return {"errors": [{"message": f"standin: unknown operation {name}"}], "data": None}
            try:
                return {"data": op(var, query)}
            except Exception as e:  # a 4xx-like answer: the client gives up at once, no retries
                self.unknown.append(f"{name}: {e!r}")
                if self.verbose:
                    traceback.print_exc()
                return {"errors": [{"message": f"standin: {name}: {e!r}"}], "data": None}

    def _run(self, entity, project, name, make=True):
        key = (entity or ENTITY, project or "uncategorized", name)
        if make and key not in self.runs:
            self.runs[key] = {
                "entity": key[0],
                "project": key[1],
                "name": name,
                "id": _id("Run", *key),
                "displayName": name,
                "config": {},
                "summary": {},
                "history": [],
                "events": [],
                "output": {},
                "files": {},
                "tags": [],
                "group": None,
                "jobType": None,
                "notes": None,
                "state": "running",
                "exitcode": None,
                "sweep": None,
                "host": None,
                "commit": None,
                "repo": None,
                "program": None,
                "createdAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "uploaded": [],
            }
        return self.runs.get(key)

    def _bucket(self, run):
        return {
            "id": run["id"],
            "name": run["name"],
            "displayName": run["displayName"],
            "description": None,
            "config": json.dumps(run["config"]),
            "sweepName": run["sweep"],
            "project": {
                "id": _id("Project", run["project"]),
                "name": run["project"],
                "entity": {"id": _id("Entity", run["entity"]), "name": run["entity"]},
            },
            "historyLineCount": len(run["history"]),
        }

    def op_Viewer(self, v, q):
        return {
            "viewer": {
                "id": _id("User", 1),
                "entity": ENTITY,
                "username": ENTITY,
                "name": ENTITY,
                "email": "me@localhost",
                "flags": json.dumps({"code_saving_enabled": True}),
                "teams": {"edges": [{"node": {"name": ENTITY}}]},
                "admin": False,
                "apiKeys": {"edges": [{"node": {"name": "k", "id": "k"}}]},
            }
        }

    op_viewer = op_GetViewer = op_GetDefaultEntity = op_Viewer

    def op_ServerInfo(self, v, q):
        return {
            "serverInfo": {
                "cliVersionInfo": {"max_cli_version": "99.0.0", "min_cli_version": "0.0.1"},
                "latestLocalVersionInfo": None,
            }
        }

    def op_ServerFeaturesQuery(self, v, q):
        return {"serverInfo": {"features": []}}

    def op_OrgFeatureFlags(self, v, q):
        return {"organization": {"featureFlags": []}}

    def op_OrganizationCoreWeaveOrganizationID(self, v, q):
        return {"entity": {"organization": {"coreWeaveOrganizationId": ""}}}

    def op_FetchOrgEntityFromEntity(self, v, q):
        return {"entity": {"organization": None}}

    def op_UpsertBucket(self, v, q):
        new = (
            v.get("name")
            and (v.get("entity") or ENTITY, v.get("project") or "uncategorized", v["name"]) not in self.runs
        )
        run = next((r for r in self.runs.values() if v.get("id") and r["id"] == v["id"]), None)
        run = run or self._run(v.get("entity"), v.get("project"), v.get("name"))
        for src, dst in (
            ("displayName", "displayName"),
            ("groupName", "group"),
            ("jobType", "jobType"),
            ("notes", "notes"),
            ("tags", "tags"),
            ("state", "state"),
            ("sweep", "sweep"),
            ("host", "host"),
            ("commit", "commit"),
            ("repo", "repo"),
            ("program", "program"),
        ):
            if v.get(src) is not None:
                run[dst] = v[src]
        if v.get("config"):
            run["config"] = json.loads(v["config"])
        if v.get("summaryMetrics"):
            run["summary"] = json.loads(v["summaryMetrics"])
        return {"upsertBucket": {"bucket": self._bucket(run), "inserted": bool(new)}}

    def op_RunResumeStatus(self, v, q):
        run = self._run(v.get("entity"), v.get("project"), v["name"], make=False)
        project = v.get("project") or "uncategorized"
        bucket = None
        if run:
            tail = lambda rows: json.dumps([json.dumps(r) for r in rows[-1:]])  # noqa: E731
            bucket = {
                "id": run["id"],
                "name": run["name"],
                "displayName": run["displayName"],
                "summaryMetrics": json.dumps(run["summary"]),
                "config": json.dumps(run["config"]),
                "logLineCount": len(run["output"]),
                "historyLineCount": len(run["history"]),
                "eventsLineCount": len(run["events"]),
                "historyTail": tail(run["history"]),
                "eventsTail": tail(run["events"]),
                "tags": run["tags"],
                "notes": run["notes"],
                "wandbConfig": json.dumps({"t": 1}),
            }
        return {
            "model": {
                "id": _id("Project", project),
                "name": project,
                "entity": {"id": _id("Entity", ENTITY), "name": v.get("entity") or ENTITY},
                "bucket": bucket,
            }
        }

    def op_RunStoppedStatus(self, v, q):
        return {"project": {"run": {"stopped": False}}}

    def op_CreateRunFiles(self, v, q):
        run = self._run(v["entity"], v["project"], v["run"])
        base = f"{run['entity']}/{run['project']}/{run['name']}"
        return {
            "createRunFiles": {
                "runID": run["id"],
                "uploadHeaders": [],
                "files": [{"name": f, "uploadUrl": f"{self.url}/storage/{quote(base + '/' + f)}"} for f in v["files"]],
            }
        }

    def op_MarkRunFilesUploaded(self, v, q):
        self._run(v["entity"], v["project"], v["run"])["uploaded"] += v["files"]
        return {"markRunFilesUploaded": {"success": True}}

    # saved workspaces and reports (wandb-workspaces): spec kept in .views
    def op_UpsertView2(self, v, q):
        name = v.get("name") or f"view{len(self.views) + 1}"
        self.views[name] = {**v, "spec": json.loads(v["spec"])}
        view = {
            "id": _id("View", name),
            "name": name,
            "displayName": v.get("displayName"),
            "type": v.get("type"),
            "description": v.get("description") or "",
            "spec": v["spec"],
            "project": {"id": "1", "name": v.get("projectName"), "entityName": v.get("entityName")},
            "createdAt": "2020-01-01T00:00:00Z",
            "updatedAt": "2020-01-01T00:00:00Z",
            "user": {"username": ENTITY},
        }
        return {"upsertView": {"view": view, "inserted": True}}

    op_upsertView = op_UpsertView = op_UpsertView2

    def op_View(self, v, q):
        found = [view for name, view in self.views.items() if name == v["viewName"]]
        edges = [
            {"node": {"id": _id("View", x["name"]), "displayName": x["displayName"], "spec": json.dumps(x["spec"])}}
            for x in found
        ]
        return {"project": {"allViews": {"edges": edges}}}

    def op_GetProjects(self, v, q):
        names = {k[1] for k in self.runs} | {x.get("projectName") for x in self.views.values()} | {"zoo"}
        edges = [
            {
                "node": {
                    "__typename": "Project",
                    "id": n,
                    "name": n,
                    "entityName": v.get("entity") or ENTITY,
                    "createdAt": "2020-01-01T00:00:00Z",
                    "isBenchmark": False,
                    "user": None,
                },
                "cursor": n,
            }
            for n in sorted(filter(None, names))
        ]
        return {
            "models": {"pageInfo": {"__typename": "PageInfo", "endCursor": None, "hasNextPage": False}, "edges": edges}
        }

    def op_ProjectInternalId(self, v, q):
        return {"project": {"id": "1", "internalId": "1"}}

    def op_UpsertModel(self, v, q):
        return {
            "upsertModel": {
                "model": {"id": "1", "name": v.get("name"), "entityName": v.get("entityName")},
                "project": {"id": "1", "name": v.get("name")},
                "inserted": False,
            }
        }

    op_upsertModel = op_CreateProject = op_UpsertModel

    # sweeps: `wandb sweep FILE` + `wandb agent ID`; every sweep runs its whole grid, then exits
    def op_UpsertSweep(self, v, q):
        name = v.get("id") or f"sweep{len(self.sweeps) + 1:03d}"
        sweep = self.sweeps.setdefault(name, {"config": {}, "yaml": "", "state": "RUNNING", "todo": None})
        if v.get("config"):
            sweep["yaml"] = v["config"]
            sweep["config"] = _yaml(v["config"])
            sweep["todo"] = list(grid(sweep["config"].get("parameters", {})))
        sweep["state"] = v.get("state") or sweep["state"]
        project, entity = v.get("projectName") or "uncategorized", v.get("entityName") or ENTITY
        return {
            "upsertSweep": {
                "configValidationWarnings": [],
                "sweep": {"name": name, "project": {"id": "1", "name": project, "entity": {"id": "1", "name": entity}}},
            }
        }

    def op_SweepWithRuns(self, v, q):
        s = self.sweeps.get(v["sweep"])
        return {
            "project": {
                "sweep": s
                and {
                    "id": v["sweep"],
                    "name": v["sweep"],
                    "method": s["config"].get("method"),
                    "state": s["state"],
                    "description": "",
                    "config": s["yaml"],
                    "createdAt": "2020-01-01T00:00:00Z",
                    "heartbeatAt": None,
                    "updatedAt": None,
                    "earlyStopJobRunning": False,
                    "bestLoss": None,
                    "controller": None,
                    "scheduler": None,
                    "runs": {"edges": []},
                }
            }
        }

    def op_GetSweepState(self, v, q):
        return {"project": {"sweep": {"state": self.sweeps[v["sweep"]]["state"]}}}

    def op_CreateAgent(self, v, q):
        return {"createAgent": {"agent": {"id": "agent-" + v["sweep"]}}}

    def op_Heartbeat(self, v, q):
        sweep = self.sweeps[v["id"].removeprefix("agent-")]
        busy = json.loads(v.get("runState") or "{}")
        commands = []
        if not busy and sweep["todo"]:
            self.counter += 1
            commands = [
                {
                    "type": "run",
                    "id": f"c{self.counter}",
                    "run_id": f"swp{self.counter:05d}",
                    "program": sweep["config"].get("program", ""),
                    "args": {k: {"value": x} for k, x in sweep["todo"].pop(0).items()},
                }
            ]
        elif not busy:
            commands = [{"type": "exit", "id": "x"}]
        return {"agentHeartbeat": {"agent": {"id": v["id"]}, "commands": json.dumps(commands)}}

    # artifacts
    def op_CreateArtifact(self, v, q):
        i = v["input"]
        name = i.get("artifactCollectionName") or (i.get("artifactCollectionNames") or ["?"])[0]
        aid = _id("Artifact", len(self.artifacts) + 1)
        version = sum(a["name"] == name for a in self.artifacts.values())
        meta = i.get("metadata")
        self.artifacts[aid] = {
            "id": aid,
            "name": name,
            "type": i.get("artifactTypeName"),
            "version": version,
            "state": "PENDING",
            "aliases": [a["alias"] for a in i.get("aliases") or []],
            "digest": i.get("digest"),
            "metadata": json.loads(meta) if meta else {},
            "description": i.get("description"),
            "run": i.get("runName"),
            "project": i.get("projectName"),
            "entity": i.get("entityName"),
            "clientID": i.get("clientID"),
            "sequenceClientID": i.get("sequenceClientID"),
            "tags": [t.get("tagName") for t in i.get("tags") or []],
            "files": {},
            "manifest": None,
            "used_by": [],
        }
        latest = next(
            (
                a["id"]
                for a in reversed(list(self.artifacts.values()))
                if a["name"] == name and a["state"] == "COMMITTED"
            ),
            None,
        )
        return {
            "createArtifact": {
                "artifact": {
                    "id": aid,
                    "state": "PENDING",
                    "artifactSequence": {"latestArtifact": {"id": latest} if latest else None},
                }
            }
        }

    def _manifest(self, mid, include):
        aid = mid.removeprefix("manifest-")
        return {
            "artifactManifest": {
                "id": mid,
                "file": {
                    "id": "f-" + mid,
                    "uploadHeaders": [],
                    "uploadUrl": f"{self.url}/storage/{quote('artifact-manifest/' + aid, safe='/')}",
                }
                if include
                else {"id": "f-" + mid},
            }
        }

    def op_CreateArtifactManifest(self, v, q):
        return {"createArtifactManifest": self._manifest("manifest-" + v["artifactID"], True)}

    def op_UpdateArtifactManifest(self, v, q):
        return {"updateArtifactManifest": self._manifest(v["artifactManifestID"], True)}

    def op_CreateArtifactFiles(self, v, q):
        edges = []
        for f in v.get("input", v)["artifactFiles"]:
            path = f"artifact/{f['artifactID']}/{f['name']}"
            edges.append(
                {
                    "node": {
                        "storagePath": path,
                        "uploadUrl": f"{self.url}/storage/{quote(path)}",
                        "uploadHeaders": [],
                        "uploadMultipartUrls": None,
                        "artifact": {"id": f["artifactID"]},
                    }
                }
            )
        return {"createArtifactFiles": {"files": {"edges": edges}}}

    def op_CommitArtifact(self, v, q):
        a = self.artifacts[v["artifactID"]]
        a["state"] = "COMMITTED"
        raw = self.blobs.get("artifact-manifest/" + a["id"])
        a["manifest"] = json.loads(raw) if raw else None
        return {"commitArtifact": {"artifact": {"id": a["id"], "digest": a["digest"]}}}

    def op_ArtifactByID(self, v, q):
        return {"artifact": self._artifact(self.artifacts[v["id"]])[0]}

    def op_UseArtifact(self, v, q):
        aid = v["input"].get("artifactID")
        if aid in self.artifacts:
            self.artifacts[aid]["used_by"].append(v["input"].get("runName"))
        return {"useArtifact": {"artifact": {"id": aid}}}

    def op_ClientIDMapping(self, v, q):
        cid = v["clientID"]
        aid = next((a["id"] for a in self.artifacts.values() if cid in (a["clientID"], a["sequenceClientID"])), None)
        return {"clientIDMapping": {"serverID": aid} if aid else None}

    def op_NotifyScriptableRunAlert(self, v, q):
        return {"notifyScriptableRunAlert": {"success": True}}

    def _find(self, name):
        """An artifact by 'collection:alias' or 'collection:vN'."""
        coll, _, alias = name.partition(":")
        have = [a for a in self.artifacts.values() if a["name"] == coll and a["state"] == "COMMITTED"]
        alias = alias or "latest"
        return next((a for a in reversed(have) if alias in a["aliases"] or alias == f"v{a['version']}"), None)

    def op_ArtifactType(self, v, q):
        a = self._find(v["name"])
        return {"project": {"artifact": {"artifactType": {"name": a["type"]}} if a else None}}

    def _artifact(self, a):
        where = {"id": "1", "internalId": "1", "name": a["project"] or "", "entity": {"name": a["entity"] or ENTITY}}
        coll = {"__typename": "ArtifactSequence", "id": "c", "name": a["name"], "project": where}
        aliases = [
            {"__typename": "ArtifactAlias", "id": x, "alias": x, "artifactCollection": coll} for x in a["aliases"]
        ]
        node = {
            "__typename": "Artifact",
            "id": a["id"],
            "artifactSequence": coll,
            "versionIndex": a["version"],
            "artifactType": {"name": a["type"]},
            "description": a["description"],
            "metadata": json.dumps(a["metadata"]),
            "ttlDurationSeconds": -1,
            "ttlIsInherited": True,
            "tags": [],
            "historyStep": None,
            "state": a["state"],
            "digest": a["digest"],
            "commitHash": a["id"],
            "size": sum(map(len, a["files"].values())),
            "fileCount": len(a["files"]),
            "createdAt": "2020-01-01T00:00:00Z",
            "updatedAt": "2020-01-01T00:00:00Z",
            "aliases": aliases,
        }
        return node, coll, aliases

    def _known_project(self, v):
        where = (v.get("entity") or v.get("entityName") or ENTITY, v.get("project") or v.get("projectName"))
        made = {k[:2] for k in self.runs} | {(a["entity"], a["project"]) for a in self.artifacts.values()}
        return where in made

    def _in_project(self, v, kind):
        return [
            a
            for a in self.artifacts.values()
            if (a["entity"], a["project"], a["type"]) == (v["entity"], v["project"], kind) and a["state"] == "COMMITTED"
        ]

    def op_ProjectArtifactType(self, v, q):
        if not self._in_project(v, v["type"]):
            return {"project": {"artifactType": None}}
        node = {"__typename": "ArtifactType", "id": "t", "name": v["type"], "description": "", "createdAt": "2020-01-01"}
        return {"project": {"artifactType": node}}

    def op_ArtifactTypeArtifactCollections(self, v, q):
        where = {"id": "1", "internalId": "1", "name": v["project"], "entity": {"name": v["entity"]}}
        nodes = [
            {
                "__typename": "ArtifactSequence",
                "id": name,
                "name": name,
                "description": "",
                "createdAt": "2020-01-01T00:00:00Z",
                "updatedAt": None,
                "project": where,
                "type": {"name": v["type"]},
                "tags": {"edges": []},
            }
            for name in sorted({a["name"] for a in self._in_project(v, v["type"])})
        ]
        page = {"hasNextPage": False, "endCursor": None}
        edges = [{"node": node} for node in nodes]
        found = {"totalCount": len(nodes), "pageInfo": page, "edges": edges}
        return {"project": {"artifactType": {"artifactCollections": found}}}

    def op_ProjectArtifacts(self, v, q):
        found = [a for a in self._in_project(v, v["type"]) if a["name"] == v["collection"]]
        edges = [{"version": f"v{a['version']}", "node": self._artifact(a)[0]} for a in reversed(found)]
        page = {"hasNextPage": False, "endCursor": None}
        artifacts = {"totalCount": len(found), "pageInfo": page, "edges": edges}
        collection = {"__typename": "ArtifactSequence", "artifacts": artifacts} if found else None
        return {"project": {"artifactType": {"artifactCollection": collection}}}

    def op_ArtifactMembershipByName(self, v, q):
        if not self._known_project(v):
            return {"project": None}
        a = self._find(v["name"])
        if not a:
            return {"project": {"artifactCollectionMembership": None}}
        node, coll, aliases = self._artifact(a)
        return {
            "project": {
                "artifactCollectionMembership": {
                    "__typename": "ArtifactCollectionMembership",
                    "id": "m",
                    "versionIndex": a["version"],
                    "createdAt": "2020-01-01T00:00:00Z",
                    "aliases": aliases,
                    "artifactCollection": coll,
                    "artifact": node,
                }
            }
        }

    def op_FetchArtifactManifest(self, v, q):
        aid = v.get("id") or v.get("artifactID") or next(iter(v.values()))
        url = f"{self.url}/storage/{quote('artifact-manifest/' + aid)}"
        return {"artifact": {"currentManifest": {"id": "m", "file": {"id": "f", "directUrl": url}}}}

    op_ArtifactManifest = op_FetchArtifactManifest

    def _file_edges(self, a, names=None):
        return {
            "pageInfo": {"hasNextPage": False, "endCursor": None},
            "edges": [
                {
                    "cursor": n,
                    "node": {
                        "id": n,
                        "name": n,
                        "displayName": n,
                        "md5": "",
                        "mimetype": "",
                        "sizeBytes": len(b),
                        "size": str(len(b)),
                        "updatedAt": None,
                        "digest": "",
                        "storagePath": "",
                        "url": "",
                        "directUrl": f"{self.url}/storage/{quote('artifact/' + a['id'] + '/' + n)}",
                    },
                }
                for n, b in a["files"].items()
                if names is None or n in names
            ],
        }

    def op_ArtifactFileURLs(self, v, q):
        return {"artifact": {"files": self._file_edges(self.artifacts[v["id"]])}}

    def op_ArtifactFileURLsByManifestEntries(self, v, q):
        a = self.artifacts[v["id"]]
        paths = {e.get("birthArtifactPath") or e.get("path") or e.get("name") for e in v.get("entries") or []}
        return {"artifact": {"filesByManifestEntries": self._file_edges(a)}} if paths else None

    def _outputs(self, v, used=False):
        _, _, runs = self._project(v)
        run = v.get("run") or v.get("runName") or v.get("name")
        arts = [
            a
            for a in self.artifacts.values()
            if a["state"] == "COMMITTED" and (run in a["used_by"] if used else a["run"] == run)
        ]
        edges = [{"cursor": a["id"], "node": self._artifact(a)[0]} for a in arts]
        return {"totalCount": len(edges), "pageInfo": {"hasNextPage": False, "endCursor": None}, "edges": edges}

    def op_RunOutputArtifacts(self, v, q):
        return {"project": {"run": {"artifacts": self._outputs(v), "outputArtifacts": self._outputs(v)}}}

    def op_RunInputArtifacts(self, v, q):
        return {"project": {"run": {"artifacts": self._outputs(v, True), "inputArtifacts": self._outputs(v, True)}}}

    def op_RunFiles(self, v, q):
        _, _, runs = self._project(v)
        run = next(r for r in runs if r["name"] == (v.get("name") or v.get("run")))
        base = f"{run['entity']}/{run['project']}/{run['name']}/"
        edges = [
            {
                "cursor": n,
                "node": {
                    "id": n,
                    "name": n,
                    "url": f"{self.url}/storage/{quote(base + n)}",
                    "directUrl": f"{self.url}/storage/{quote(base + n)}",
                    "sizeBytes": len(b),
                    "mimetype": "",
                    "md5": "",
                    "updatedAt": None,
                },
            }
            for n, b in run["files"].items()
        ]
        return {
            "project": {
                "internalId": "1",
                "run": {
                    "fileCount": len(edges),
                    "files": {"edges": edges, "pageInfo": {"hasNextPage": False, "endCursor": None}},
                },
            }
        }

    # ---- read side: wandb.Api() ----------------------------------------------------------------
    def _full(self, run):
        return {
            "id": run["id"],
            "name": run["name"],
            "displayName": run["displayName"],
            "tags": run["tags"],
            "state": run["state"],
            "config": json.dumps(run["config"]),
            "group": run["group"],
            "jobType": run["jobType"],
            "commit": run["commit"],
            "readOnly": False,
            "createdAt": run["createdAt"],
            "heartbeatAt": run["createdAt"],
            "updatedAt": run["createdAt"],
            "description": "",
            "notes": run["notes"],
            "systemMetrics": json.dumps((run["events"] or [{}])[-1]),
            "summaryMetrics": json.dumps(run["summary"]),
            "historyLineCount": len(run["history"]),
            "historyKeys": {"lastStep": len(run["history"]) - 1, "keys": {}},
            "user": {"name": ENTITY, "username": ENTITY},
            "projectId": "1",
            "sweepName": run["sweep"],
            "sweep": None,
            "stopped": False,
            "metadata": None,
            "host": run["host"],
            "internalId": "1",
            "project": {"id": "1", "internalId": "1", "name": run["project"], "entity": {"name": run["entity"]}},
        }

    def _project(self, v):
        entity = v.get("entity") or v.get("entityName") or ENTITY
        project = v.get("project") or v.get("projectName")
        return entity, project, [r for k, r in self.runs.items() if k[:2] == (entity, project)]

    def op_GetRuns(self, v, q):
        entity, project, runs = self._project(v)
        runs = runs[:: -1 if (v.get("order") or "").startswith("-") else 1]
        flt = json.loads(v.get("filters") or "{}")
        runs = [r for r in runs if match(flt, r)]
        return {
            "project": {
                "internalId": "1",
                "id": "1",
                "runCount": len(runs),
                "readOnly": False,
                "name": project,
                "entity": {"name": entity},
                "runs": {
                    "totalCount": len(runs),
                    "pageInfo": {"endCursor": None, "hasNextPage": False},
                    "edges": [{"node": self._full(r), "cursor": r["name"]} for r in runs],
                },
            }
        }

    op_GetLightRuns = op_Runs = op_LightRuns = op_GetRuns

    def op_GetRun(self, v, q):
        _, project, runs = self._project(v)
        run = next((r for r in runs if r["name"] == (v.get("name") or v.get("run"))), None)
        return {"project": {"id": "1", "internalId": "1", "run": self._full(run) if run else None}}

    op_Run = op_GetLightRun = op_RunState = op_GetRunState = op_GetRun

    def op_HistoryPage(self, v, q):
        _, _, runs = self._project(v)
        run = next(r for r in runs if r["name"] == v["run"])
        rows = [r for r in run["history"] if v["minStep"] <= r.get("_step", 0) < v["maxStep"]]
        return {"project": {"run": {"history": [json.dumps(r) for r in rows[: v.get("pageSize") or None]]}}}

    def op_RunFullHistory(self, v, q):
        _, _, runs = self._project(v)
        run = next(r for r in runs if r["name"] == (v.get("name") or v.get("run")))
        return {
            "project": {
                "run": {
                    "history": [json.dumps(r) for r in run["history"]],
                    "events": [json.dumps(r) for r in run["events"]],
                }
            }
        }

    def op_SampledHistoryPage(self, v, q):
        _, _, runs = self._project(v)
        run = next(r for r in runs if r["name"] == (v.get("run") or v.get("name")))
        out = []
        for spec in v.get("specs") or [v.get("spec")]:
            spec = json.loads(spec)
            keys, lo, hi = spec.get("keys") or [], spec.get("minStep", 0), spec.get("maxStep", 1 << 62)
            out.append(
                [
                    {k: r[k] for k in keys}
                    for r in run["history"]
                    if all(k in r for k in keys) and lo <= r.get("_step", 0) < hi
                ]
            )
        return {"project": {"run": {"sampledHistory": out}}}

    op_RunSampledHistory = op_SampledHistoryPage

    def op_RunHistoryKeys(self, v, q):
        _, _, runs = self._project(v)
        run = next(r for r in runs if r["name"] == v["name"])
        keys = {}
        for row in run["history"]:
            for k, x in row.items():
                keys.setdefault(
                    k,
                    {
                        "typeCounts": [{"type": "number" if isinstance(x, (int, float)) else "map", "count": 0}],
                        "monotonic": False,
                    },
                )["typeCounts"][0]["count"] += 1
        return {"project": {"run": {"historyKeys": {"sets": [], "keys": keys, "lastStep": len(run["history"]) - 1}}}}

    def op_RunParquetHistory(self, v, q):
        _, _, runs = self._project(v)
        run = next(r for r in runs if r["name"] == v["runName"])
        keys = v.get("liveKeys") or []
        rows = [r for r in run["history"] if all(k in r for k in keys)]
        return {"project": {"run": {"parquetHistory": {"parquetUrls": [], "liveData": rows}}}}

    def op_GetArtifactMembershipFileUrls(self, v, q):
        a = self._find(f"{v['collection']}:{v['alias']}")
        files = self._file_edges(a)
        for e in files["edges"]:
            e["node"]["__typename"] = "File"
        files["pageInfo"]["__typename"] = "PageInfo"
        return {
            "project": {
                "artifactCollection": {"__typename": "ArtifactSequence", "artifactMembership": {"files": files}}
            }
        }

    def op_ArtifactMembershipFiles(self, v, q):
        a = self._find(f"{v['collection']}:{v['alias']}")
        files = self._file_edges(a, v.get("fileNames"))
        files["totalCount"] = len(files["edges"])
        for e in files["edges"]:
            e["node"]["__typename"] = "File"
        files["pageInfo"]["__typename"] = "PageInfo"
        return {
            "project": {
                "artifactCollection": {"__typename": "ArtifactSequence", "artifactMembership": {"files": files}}
            }
        }

    # ---- file stream -------------------------------------------------------------------------
    def file_stream(self, entity, project, name, body):
        with self.lock:
            run = self._run(entity, project, name)
            for file, chunk in (body.get("files") or {}).items():
                lines, offset = chunk.get("content") or [], chunk.get("offset", 0)
                if file == "wandb-history.jsonl":
                    run["history"] += [json.loads(x) for x in lines]
                elif file == "wandb-events.jsonl":
                    run["events"] += [json.loads(x) for x in lines]
                elif file == "wandb-summary.json":
                    for x in lines:
                        run["summary"] = json.loads(x)
                elif file == "output.log":
                    run["output"].update({offset + i: x for i, x in enumerate(lines)})
            run["uploaded"] += body.get("uploaded") or []
            if body.get("complete"):
                run["exitcode"] = body.get("exitcode")
                run["state"] = "finished" if body.get("exitcode") == 0 else "failed"
        return {"limits": {}}

    def put(self, path, data):
        with self.lock:
            self.blobs[path] = data
            parts = path.split("/", 3)
            if path.startswith("artifact/"):
                aid, file = path.split("/", 2)[1:]
                self.artifacts[aid]["files"][file] = data
            elif len(parts) == 4 and tuple(parts[:3]) in self.runs:
                self.runs[tuple(parts[:3])]["files"][parts[3]] = data
        if self.out:
            file = self.out / "storage" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)


def _yaml(text):
    import yaml  # wandb needs it, so it is there

    return yaml.safe_load(text)


def grid(parameters):
    """The points of a sweep's grid; a range is represented by its two ends."""
    names, choices = [], []
    for name, p in parameters.items():
        names.append(name)
        if "parameters" in p:
            choices.append(list(grid(p["parameters"])))
        elif "values" in p:
            choices.append(p["values"])
        elif "value" in p:
            choices.append([p["value"]])
        else:
            choices.append([p["min"], p["max"]])
    for point in itertools.product(*choices):
        yield dict(zip(names, point))


def match(flt, run):
    """A little of the Mongo-style filter language of Api().runs(filters=...)."""
    for key, want in flt.items():
        if key == "$and":
            if not all(match(f, run) for f in want):
                return False
        elif key == "$or":
            if not any(match(f, run) for f in want):
                return False
        else:
            root, _, rest = key.partition(".")
            got = {"config": run["config"], "summary_metrics": run["summary"], "tags": run["tags"]}.get(
                root, run.get({"displayName": "displayName", "display_name": "displayName"}.get(root, root))
            )
            parts = [p for p in rest.split(".") if p]
            if root == "config" and parts and "value" not in parts[1:2]:
                parts.insert(1, "value")
            for part in parts:
                got = got.get(part) if isinstance(got, dict) else None
            if isinstance(want, dict):
                for op, w in want.items():
                    ok = {
                        "$in": lambda: any(x in w for x in got) if isinstance(got, list) else got in w,
                        "$eq": lambda: got == w,
                        "$ne": lambda: got != w,
                        "$gt": lambda: got is not None and got > w,
                        "$gte": lambda: got is not None and got >= w,
                        "$lt": lambda: got is not None and got < w,
                        "$lte": lambda: got is not None and got <= w,
                        "$regex": lambda: re.search(w, got or "") is not None,
                        "$exists": lambda: (got is not None) == w,
                    }[op]()
                    if not ok:
                        return False
            elif isinstance(got, list) and not isinstance(want, list):
                if want not in got:
                    return False
            elif got != want:
                return False
    return True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    standin: Standin

    def log_message(self, *a):
        pass

    def _body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            data = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            data = gzip.decompress(data)
        self.standin.requests.append((self.command, self.path, len(data)))
        if self.standin.verbose:
            print(self.command, self.path, len(data), flush=True)
        return data

    def _send(self, obj, code=200):
        data = obj if isinstance(obj, bytes) else json.dumps(obj).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/octet-stream" if isinstance(obj, bytes) else "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def do_POST(self):
        data = self._body()
        path = urlparse(self.path).path
        if path == "/graphql" and self.standin.refuse:
            return self._send({"errors": [{"message": "user is not logged in"}]}, 401)
        if path == "/graphql":
            answer = self.standin.graphql(json.loads(data))
            return self._send(answer, 400 if "errors" in answer else 200)
        if path.startswith("/sdk/otel/"):  # the client's own usage figures
            return self._send({})
        if m := re.fullmatch(r"/files/([^/]+)/([^/]+)/([^/]+)/file_stream", path):
            return self._send(self.standin.file_stream(*map(unquote, m.groups()), json.loads(data)))
        self.standin.unknown.append("POST " + path)
        self._send({"error": "standin: unknown path"}, 404)

    def do_PUT(self):
        data = self._body()
        path = unquote(urlparse(self.path).path)
        if path.startswith("/storage/"):
            self.standin.put(path[len("/storage/") :], data)
            return self._send(b"")
        self.standin.unknown.append("PUT " + path)
        self._send({"error": "standin: unknown path"}, 404)

    def do_GET(self):
        self._body()
        path = unquote(urlparse(self.path).path)
        if path.startswith("/storage/") and path[len("/storage/") :] in self.standin.blobs:
            return self._send(self.standin.blobs[path[len("/storage/") :]])
        if path in ("/", "/healthz", "/ready"):
            return self._send({})
        self.standin.unknown.append("GET " + path)
        self._send({"error": "standin: unknown path"}, 404)

    do_HEAD = do_GET


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--port", type=int, default=8899)
    p.add_argument("--out")
    p.add_argument("--verbose", action="store_true")
    a = p.parse_args()
    s = Standin(a.port, a.out, a.verbose)
    print(s.url, flush=True)
    try:
        s.server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
