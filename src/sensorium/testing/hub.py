"""A hub on loopback: what huggingface_hub asks of one, with the faults of real networks on demand."""

from __future__ import annotations

import hashlib
import json
import re
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

PIECE = 1 << 14
_LARGE = (".safetensors", ".bin")  # what a real hub keeps beside git, and hashes with SHA-256
_API = re.compile(r"/api/models/([\w.-]+/[\w.-]+)(?:/revision/(.+))?")
_TALK = re.compile(r"/api/models/([\w.-]+/[\w.-]+)/discussions")
_FILE = re.compile(r"/([\w.-]+/[\w.-]+)/resolve/([^/]+)/(.+)")


@dataclass
class Faults:
    """What goes wrong; each may be changed between requests.

    `cut`: downloads of weights that end after so many bytes, one number a connection; `altered`: names of files whose
    last byte comes changed; `gone`: names that are answered with 404; `status`: a code that everything is answered
    with; `seconds_a_piece`: how slowly; `silent`: connections are taken, never answered; `no_ranges`: whole files only;
    `no_hashes`: what files are is not said.
    """

    cut: list[int] = field(default_factory=list)
    altered: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    status: int = 0
    seconds_a_piece: float = 0.0
    silent: bool = False
    no_ranges: bool = False
    no_hashes: bool = False


@dataclass
class Asked:
    """A request: its path, and where its range began."""

    method: str
    path: str
    start: int


class LoopbackHub:
    """Serves repositories: `hub.repositories["org/name"]["main"]` maps names of files to their bytes.

    Revisions beside `main` are pull requests, `refs/pr/1`, made by `hub.author`. A context manager.
    """

    def __init__(self, repositories: Mapping[str, Mapping[str, bytes]] | None = None) -> None:
        self.repositories: dict[str, dict[str, dict[str, bytes]]] = {
            name: {"main": dict(files)} for name, files in (repositories or {}).items()
        }
        self.faults, self.asked, self.author = Faults(), list[Asked](), "SFconvertbot"
        self._server = _Server(self)
        self._closing = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def address(self) -> str:
        """What `HF_ENDPOINT` is to be."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def add_folder(self, name: str, folder: Path) -> None:
        """Serve a folder as a repository."""
        files = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
        self.repositories[name] = {"main": files}

    def fetched(self, name: str) -> list[Asked]:
        """The requests for a file, in order."""
        return [asked for asked in self.asked if asked.method == "GET" and asked.path.endswith(f"/{name}")]

    def commit(self, name: str, revision: str) -> str:
        """The commit of a revision: a hash of what is in it."""
        files = self.repositories[name][revision]
        return hashlib.sha1(repr(sorted(files.items())).encode(), usedforsecurity=False).hexdigest()

    def at(self, name: str, revision: str) -> str | None:
        """The name of a revision, or of the one that a commit is of."""
        there = self.repositories.get(name, {})
        return next((r for r in there if revision in (r, self.commit(name, r))), None)

    def wait(self) -> None:
        """Until the hub closes."""
        self._closing.wait(60)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, hub: LoopbackHub) -> None:
        self.hub = hub
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is none of a hub's business; all else is said."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Answers one request, with what is to go wrong with it."""

    protocol_version = "HTTP/1.1"

    @property
    def hub(self) -> LoopbackHub:
        assert isinstance(self.server, _Server)
        return self.server.hub

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        path = unquote(urlsplit(self.path).path)
        self.hub.asked.append(Asked(self.command, path, start))
        if self.hub.faults.silent:
            self.hub.wait()
            self.close_connection = True
        elif self.hub.faults.status:
            self._error(self.hub.faults.status, "")
        elif found := _TALK.fullmatch(path):
            self._json(_discussions(self.hub, found[1], parse_qs(urlsplit(self.path).query)))
        elif found := _API.fullmatch(path):
            self._info(found[1], found[2] or "main")
        elif found := _FILE.fullmatch(path):
            self._file(found[1], found[2], found[3], start)
        else:
            self._error(404, "RepoNotFound")

    def _info(self, name: str, asked: str) -> None:
        revision = self.hub.at(name, asked)
        if revision is None:
            self._error(404, "RevisionNotFound" if name in self.hub.repositories else "RepoNotFound")
        else:
            self._json(_info(self.hub, name, revision))

    def _file(self, name: str, asked: str, file: str, start: int) -> None:
        revision = self.hub.at(name, asked)
        content = self.hub.repositories.get(name, {}).get(revision or "", {}).get(file)
        if content is None or file in self.hub.faults.gone:
            self._error(404, "EntryNotFound")
            return
        if file in self.hub.faults.altered:
            content = content[:-1] + bytes([content[-1] ^ 1])
        if self.hub.faults.no_ranges:
            start = 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if self.command == "GET":
            self._send(content[start:], self.hub.faults.cut if file.endswith(_LARGE) else [])

    def _send(self, content: bytes, cuts: list[int]) -> None:
        most = cuts.pop(0) if cuts else len(content)
        for at in range(0, min(most, len(content)), PIECE):
            self.wfile.write(content[at : min(at + PIECE, most)])
            if self.hub.faults.seconds_a_piece:
                time.sleep(self.hub.faults.seconds_a_piece)
        if most < len(content):
            self.wfile.flush()
            self.close_connection = True

    def _json(self, value: Any) -> None:
        content = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _error(self, status: int, code: str) -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _info(hub: LoopbackHub, name: str, revision: str) -> dict[str, Any]:
    files = hub.repositories[name][revision]
    siblings = [{"rfilename": file} if hub.faults.no_hashes else _sibling(file, files[file]) for file in files]
    return {
        "_id": "0", "id": name, "modelId": name, "sha": hub.commit(name, revision), "private": False, "tags": [],
        "siblings": siblings,
    }  # fmt: skip


def _sibling(name: str, content: bytes) -> dict[str, Any]:
    blob = hashlib.sha1(f"blob {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest()
    said = {"rfilename": name, "size": len(content), "blobId": blob}
    if name.endswith(_LARGE):
        said["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
    return said


def _discussions(hub: LoopbackHub, name: str, asked: Mapping[str, list[str]]) -> dict[str, Any]:
    found = [
        {
            "title": "Adding `safetensors` variant of this model", "num": int(revision.rsplit("/", 1)[1]),
            "author": {"name": hub.author}, "createdAt": "2024-05-08T00:00:00.000Z", "status": "open",
            "repo": {"name": name, "type": "model"}, "isPullRequest": True,
        }
        for revision in hub.repositories.get(name, {})
        if revision.startswith("refs/pr/")
    ]  # fmt: skip
    return {"discussions": found, "count": len(found), "start": 0}
