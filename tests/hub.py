"""A stand-in for the Hugging Face Hub on loopback: what `huggingface_hub` and `datasets` call to publish and to load.

As on the Hub, large files go to another host than the API (here `localhost` instead of `127.0.0.1`), through Xet when
the Hub offers it and through Git LFS when it does not; a private repository does not exist for strangers.
"""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import yaml

from tests.hub_repo import ATTRIBUTES, LARGE, MAIN, Commit, File, LargeFile, Repo, User
from tests.xet import XetStore

PAGE = 4  # entries of a listing; the Hub's are 1,000
DATE = "2026-01-01T00:00:00.000Z"


@dataclass(frozen=True)
class Call:
    """One request, as it was answered."""

    method: str
    path: str  # without the query
    status: int
    received: int  # bytes of the body
    authorized: bool  # a token of the Hub came with it


class Refusal(Exception):
    """An answer that is an error, with the code the Hub puts into a header."""

    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


@dataclass
class Hub:
    """The state of the stand-in; `serving` runs it."""

    users: Mapping[str, User]  # by token
    xet: bool = False
    part: int | None = None  # bytes a part of a multipart upload
    repos: dict[str, Repo] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)  # large files by SHA-256
    parts: dict[str, bytes] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    cut: int | None = None  # the connection breaks, once, after so many uploads have begun
    stall: int | None = None  # uploads from this one on are never answered
    before_commit: Callable[[], None] | None = None  # called once, when a commit comes in
    converts_are_protected: bool = True  # whether owners may not delete refs/convert/*
    deleted: dict[str, LargeFile] = field(default_factory=dict)  # large files, by SHA-256
    out_of_order: str = ""  # part of the path of a call that fails, once
    still_listed: int = 0  # times that deleted large files are listed all the same
    store: XetStore = field(default_factory=XetStore)
    uploads: int = 0
    stalled: threading.Event = field(default_factory=threading.Event)
    closing: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    port: int = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def cdn(self) -> str:
        return f"http://localhost:{self.port}"

    def files(self, repo: str, revision: str = MAIN) -> dict[str, bytes]:
        """The files of a revision."""
        found = self.repos[repo].find(revision)
        assert found is not None
        return {path: file.content for path, file in found.files.items()}

    def writes(self) -> list[str]:
        """`METHOD path` of the calls that were to change something."""
        reading = ("preupload", "paths-info", "validate-yaml", "objects/batch")
        return [
            f"{call.method} {call.path}"
            for call in self.calls
            if call.method in ("POST", "PUT", "DELETE")
            and call.status < 400
            and not any(r in call.path for r in reading)
        ]

    def uploaded(self) -> int:
        """Bytes of large files that were received."""
        return sum(call.received for call in self.calls if call.path.startswith(("/lfs/", "/xet/v1/xorbs")))


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Runs the stand-in on a free port of this machine."""
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.block_on_close = False
    hub.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        hub.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


Answer = tuple[int, dict[str, str], bytes]


def _json(value: object, status: int = 200, **headers: str) -> Answer:
    return status, {"Content-Type": "application/json", **headers}, json.dumps(value).encode()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None: ...

    def _answer(self) -> None:
        split = urlsplit(self.path)
        self.route, self.query = split.path, parse_qs(split.query)
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        self.user = self.hub.users.get(token)
        self.body = b""
        try:
            if self.command == "PUT" or self.route.startswith("/xet/v1/xorbs"):
                self._count_upload()
            self.body = self._read()
            if token and self.user is None and not self.route.startswith("/xet/"):
                raise Refusal(401, "Invalid credentials in Authorization header")
            if self.hub.out_of_order and self.hub.out_of_order in f"{self.command} {self.route}":
                self.hub.out_of_order = ""
                raise Refusal(500, "Internal Error")
            with self.hub.lock:
                status, headers, content = self._dispatch()
        except ConnectionAbortedError:
            self.close_connection = True
            return
        except Refusal as refusal:
            code = {"X-Error-Code": refusal.code} if refusal.code else {}
            told = {"X-Error-Message": refusal.message, **code}
            status, headers, content = _json({"error": refusal.message}, refusal.status, **told)
        self.hub.calls.append(Call(self.command, unquote(self.route), status, len(self.body), self.user is not None))
        self._send(status, headers, content)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815

    def _send(self, status: int, headers: dict[str, str], content: bytes) -> None:
        with suppress(OSError):  # the client has gone
            self.send_response(status, HTTPStatus(status).phrase)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

    def _read(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _count_upload(self) -> None:
        """Break or stall as the test wants it."""
        with self.hub.lock:
            self.hub.uploads += 1
            number = self.hub.uploads
        if self.hub.stall is not None and number >= self.hub.stall:
            self.hub.stalled.set()
            self.hub.closing.wait()
            raise ConnectionAbortedError
        if number == self.hub.cut:
            raise ConnectionAbortedError

    def _dispatch(self) -> Answer:
        for method, pattern, function in ROUTES:
            if self.command in method.split() and (hit := re.fullmatch(pattern, self.route)):
                return function(self, *(None if part is None else unquote(part) for part in hit.groups()))
        raise Refusal(404, f"Nothing answers {self.command} {self.route}")

    # --- who may do what

    def repo(self, name: str, write: bool = False) -> Repo:
        repo = self.hub.repos.get(name)
        known = self.user is not None and name.split("/")[0] in (self.user.name, *self.user.organizations)
        if repo is None or (repo.private and not known):
            raise Refusal(404 if self.user else 401, "Repository not found", "RepoNotFound")
        if repo.gated and not known:
            raise Refusal(403 if self.user else 401, f"Access to dataset {name} is restricted.", "GatedRepo")
        if write and self.user is None:
            raise Refusal(401, "Invalid username or password.")
        if write and not (known and self.user and self.user.writes):
            raise Refusal(403, "You don't have the rights to write to this repository")
        return repo

    def commit_of(self, name: str, revision: str) -> Commit:
        if (found := self.repo(name).find(revision)) is None:
            raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return found

    # --- the API

    def whoami(self) -> Answer:
        if self.user is None:
            raise Refusal(401, "Invalid user token.")
        return _json({"type": "user", "name": self.user.name, "orgs": [{"name": o} for o in self.user.organizations]})

    def create_repo(self) -> Answer:
        asked = json.loads(self.body)
        if self.user is None:
            raise Refusal(401, "Invalid username or password.")
        namespace = asked.get("organization") or self.user.name
        if not self.user.writes or namespace not in (self.user.name, *self.user.organizations):
            raise Refusal(403, f"You don't have the rights to create a dataset under the namespace {namespace}")
        name = f"{namespace}/{asked['name']}"
        url = {"url": f"{self.hub.endpoint}/datasets/{name}"}
        if name in self.hub.repos:
            return _json({"error": "You already created this dataset repo", **url}, 409)
        repo = self.hub.repos[name] = Repo(private=asked.get("visibility") == "private")
        repo.commit(MAIN, "initial commit", {".gitattributes": File(ATTRIBUTES, large=False)})
        return _json(url)

    def validate_yaml(self) -> Answer:
        front = re.match(r"---\n(.*?)\n---\n", json.loads(self.body)["content"], re.DOTALL)
        try:
            valid = front is not None and isinstance(yaml.safe_load(front[1]), dict)
        except yaml.YAMLError:
            valid = False
        errors = [] if valid else [{"message": "YAML metadata is not valid"}]
        return _json({"errors": errors, "warnings": []}, 200 if valid else 400)

    def info(self, name: str, revision: str | None = None) -> Answer:
        commit, repo = self.commit_of(name, revision or MAIN), self.repo(name)
        siblings = [{"rfilename": path} for path in sorted(commit.files)]
        told = {"id": name, "sha": commit.oid, "private": repo.private, "gated": repo.gated and "manual"}
        return _json({**told, "tags": [], "downloads": 0, "likes": 0, "disabled": False, "siblings": siblings})

    def refs(self, name: str) -> Answer:
        repo = self.repo(name)
        kinds = {"branches": "heads", "tags": "tags", "converts": "convert"}
        kinds |= {"pullRequests": "pr"} if self.query.get("include_prs") else {}
        entries = [(ref, ref.split("/", 2)[2], oid) for ref, oid in repo.refs().items()]
        return _json(
            {
                kind: [
                    {"name": short, "ref": ref, "targetCommit": oid}
                    for ref, short, oid in entries
                    if ref.startswith(f"refs/{folder}/")
                ]
                for kind, folder in kinds.items()
            }
        )

    def tree(self, name: str, revision: str, under: str | None = None) -> Answer:
        files = self.commit_of(name, revision).files
        prefix = f"{under}/" if under else ""
        recursive = self.query.get("recursive", [""])[0].lower() == "true"
        folders = {"/".join(p.split("/")[:n]) for p in files for n in range(1, p.count("/") + 1)}
        entries = [_entry(path, file) for path, file in files.items()]
        entries += [{"type": "directory", "path": path, "size": 0, "oid": "0" * 40} for path in folders]
        chosen = [
            entry
            for entry in sorted(entries, key=lambda entry: entry["path"])
            if entry["path"].startswith(prefix) and (recursive or "/" not in entry["path"][len(prefix) :])
        ]
        if under and not chosen:
            raise Refusal(404, f"{under} does not exist on {revision}", "EntryNotFound")
        return self._page(chosen, recursive=recursive)

    def _page(self, entries: Sequence[object], **query: object) -> Answer:
        """Some entries of a listing, and where the next are."""
        start = int(self.query.get("cursor", ["0"])[0])
        more = f"{self.hub.endpoint}{self.route}?{urlencode({**query, 'cursor': start + PAGE})}"
        link = {"Link": f'<{more}>; rel="next"'} if entries[start + PAGE :] else {}
        return _json(entries[start : start + PAGE], **link)

    def commits(self, name: str, revision: str) -> Answer:
        fixed = {"authors": [{"user": "jo"}], "date": DATE, "message": ""}
        history = self.repo(name).history(self.commit_of(name, revision).oid)
        return self._page([{"id": commit.oid, "title": commit.message, **fixed} for commit in history])

    def paths_info(self, name: str, revision: str) -> Answer:
        files = self.commit_of(name, revision).files
        form = self.headers.get("Content-Type", "").startswith("application/x-www-form")
        paths = parse_qs(self.body.decode()).get("paths", []) if form else json.loads(self.body)["paths"]
        folders = [p for p in paths if p not in files and any(f.startswith(f"{p}/") for f in files)]
        found = [_entry(path, files[path]) for path in paths if path in files]
        return _json(found + [{"type": "directory", "path": p, "size": 0, "oid": "0" * 40} for p in folders])

    def branch(self, name: str, branch: str) -> Answer:
        repo = self.repo(name, write=True)
        if branch in repo.branches:
            raise Refusal(409, "Reference already exists")
        repo.branches[branch] = self.commit_of(name, json.loads(self.body).get("startingPoint", MAIN)).oid
        return _json({})

    def tag(self, name: str, revision: str) -> Answer:
        repo, tag = self.repo(name, write=True), json.loads(self.body)["tag"]
        if tag in repo.tags:
            raise Refusal(409, "Tag reference exists already")
        repo.tags[tag] = self.commit_of(name, revision).oid
        return _json({})

    # --- what is taken away

    def squash(self, name: str, branch: str) -> Answer:
        repo = self.repo(name, write=True)
        if branch not in repo.branches:
            raise Refusal(404, f"Invalid rev id: {branch}", "RevisionNotFound")
        repo.squash(branch, json.loads(self.body)["message"])
        return _json({})

    def delete_tag(self, name: str, tag: str) -> Answer:
        repo = self.repo(name, write=True)
        if repo.tags.pop(tag, None) is None:
            raise Refusal(404, f"Invalid rev id: {tag}", "RevisionNotFound")
        repo.drop_unreachable()
        return _json({})

    def delete_branch(self, name: str, branch: str) -> Answer:
        repo, convert = self.repo(name, write=True), branch.removeprefix("refs/convert/")
        if branch == MAIN or (convert in repo.converts and self.hub.converts_are_protected):
            raise Refusal(403, f"The branch {branch} is protected")
        if repo.branches.pop(branch, None) is None and repo.converts.pop(convert, None) is None:
            raise Refusal(404, f"Invalid rev id: {branch}", "RevisionNotFound")
        repo.drop_unreachable()
        return _json({})

    def large_files(self, name: str) -> Answer:
        """`oid` is a name of the Hub's own."""
        files, first_page = self.repo(name, write=True).large, "cursor" not in self.query
        if self.hub.deleted and self.hub.still_listed:
            files = {**files, **self.hub.deleted}
            self.hub.still_listed -= first_page
        return self._page(
            [
                {"fileOid": sha256, "filename": file.path, "oid": f"{number:024x}", "pushedAt": DATE}
                | {"ref": file.ref, "size": file.size}
                for number, (sha256, file) in enumerate(files.items())
            ]
        )

    def delete_large_files(self, name: str) -> Answer:
        repo, asked = self.repo(name, write=True), json.loads(self.body)["deletions"]
        assert asked["rewriteHistory"] is False  # what it would do to the commits is not stood in for
        for sha256 in set(asked["sha"]) - {*self.hub.deleted}:
            if sha256 not in repo.large:
                raise Refusal(400, f"{sha256} is no file of {name}")
            self.hub.deleted[sha256] = repo.large.pop(sha256)
            if not any(sha256 in other.large for other in self.hub.repos.values()):
                self.hub.objects.pop(sha256, None)
        return _json({})

    # --- uploads

    def preupload(self, name: str, revision: str) -> Answer:
        self.repo(name, write=True)
        files = self.commit_of(name, revision).files
        told = []
        for file in json.loads(self.body)["files"]:
            there = files.get(file["path"])
            mode = "lfs" if file["path"].endswith(LARGE) else "regular"
            oid = None if there is None else there.sha256 if there.large else there.oid
            told.append({"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        return _json({"files": told})

    def batch(self, name: str) -> Answer:
        self.repo(name, write=True)
        objects = []
        for wanted in json.loads(self.body)["objects"]:
            oid, size = wanted["oid"], wanted["size"]
            if oid not in self.hub.objects:
                wanted["actions"] = {
                    "upload": self._upload_action(name, oid, size),
                    "verify": {"href": f"{self.hub.endpoint}/datasets/{name}.git/info/lfs/objects/verify"},
                }
            objects.append(wanted)
        return _json({"transfer": "basic", "objects": objects})

    def _upload_action(self, name: str, oid: str, size: int) -> dict[str, Any]:
        part = self.hub.part
        if part is None or size <= part:
            return {"href": f"{self.hub.cdn}/lfs/{oid}"}
        parts = {str(n): f"{self.hub.cdn}/lfs/{oid}/{n}" for n in range(1, -(-size // part) + 1)}
        done = f"{self.hub.endpoint}/datasets/{name}.git/info/lfs/complete/{oid}"
        return {"href": done, "header": {"chunk_size": str(part), **parts}}

    def put_object(self, oid: str) -> Answer:
        if hashlib.sha256(self.body).hexdigest() != oid:
            raise Refusal(400, "BadDigest")
        self.hub.objects[oid] = self.body
        return 200, {}, b""

    def put_part(self, oid: str, number: str) -> Answer:
        self.hub.parts[f"{oid}/{number}"] = self.body
        return 200, {"ETag": hashlib.md5(self.body).hexdigest()}, b""

    def complete(self, _: str, oid: str) -> Answer:
        told = json.loads(self.body)["parts"]
        parts = [self.hub.parts[f"{oid}/{part['partNumber']}"] for part in told]
        assert [hashlib.md5(part).hexdigest() for part in parts] == [part["etag"] for part in told]
        self.body = b"".join(parts)
        return self.put_object(oid)

    def verify(self, name: str) -> Answer:
        self.repo(name, write=True)
        wanted = json.loads(self.body)
        if len(self.hub.objects.get(wanted["oid"], b"")) != wanted["size"]:
            raise Refusal(404, "Object not found")
        return 200, {}, b""

    def xet_token(self, name: str, _: str) -> Answer:
        if not self.hub.xet:
            raise Refusal(404, "Not found")
        self.repo(name, write=True)
        told = {"accessToken": "xet", "exp": 4_000_000_000, "casUrl": f"{self.hub.cdn}/xet"}
        names = {"X-Xet-Access-Token": "xet", "X-Xet-Token-Expiration": "4000000000", "X-Xet-Cas-Url": told["casUrl"]}
        return _json(told, **{name: str(value) for name, value in names.items()})

    def xorb(self, name: str) -> Answer:
        return _json({"was_inserted": self.hub.store.put_xorb(name, self.body)})

    def shard(self) -> Answer:
        self.hub.objects |= self.hub.store.put_shard(self.body)
        return _json({"result": 1})

    def commit(self, name: str, branch: str) -> Answer:
        act, self.hub.before_commit = self.hub.before_commit, None
        if act is not None:
            act()
        repo = self.repo(name, write=True)
        if branch not in repo.branches:
            raise Refusal(404, f"Invalid rev id: {branch}", "RevisionNotFound")
        header, *items = (json.loads(line) for line in self.body.splitlines())
        if header["value"].get("parentCommit", repo.branches[branch]) != repo.branches[branch]:
            raise Refusal(412, "A commit has happened since. Please refresh and try again.")
        files = dict(repo.commits[repo.branches[branch]].files)
        for item in items:
            self._change(files, item["key"], item["value"])
        made = repo.commit(branch, header["value"]["summary"], files)
        url = f"{self.hub.endpoint}/datasets/{name}/commit/{made.oid}"
        return _json({"success": True, "commitOid": made.oid, "commitUrl": url})

    def _change(self, files: dict[str, File], key: str, value: dict[str, Any]) -> None:
        path = value["path"]
        if key == "file":
            files[path] = File(base64.b64decode(value["content"]), large=False)
        elif key == "lfsFile" and value["oid"] in self.hub.objects:
            files[path] = File(self.hub.objects[value["oid"]], large=True)
        elif key == "deletedFile" and path in files:
            del files[path]
        else:
            raise Refusal(400, f"{key} {path} cannot be")

    # --- downloads

    def resolve(self, name: str, revision: str, path: str) -> Answer:
        commit = self.commit_of(name, revision)
        if (file := commit.files.get(path)) is None:
            raise Refusal(404, "Entry not found", "EntryNotFound")
        told = {"X-Repo-Commit": commit.oid, "ETag": f'"{file.oid}"', "Accept-Ranges": "bytes"}
        if not file.large:
            return self._range(file.content, told)
        size = str(len(file.content))
        where = {
            "X-Linked-Size": size,
            "X-Linked-ETag": f'"{file.sha256}"',
            "Location": f"{self.hub.cdn}/cdn/{file.sha256}",
        }
        return 302, told | where, b""

    def download(self, oid: str) -> Answer:
        if oid not in self.hub.objects:
            raise Refusal(404, "Object not found")
        return self._range(self.hub.objects[oid], {"Accept-Ranges": "bytes", "ETag": f'"{oid}"'})

    def _range(self, content: bytes, headers: dict[str, str]) -> Answer:
        hit = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if hit is None:
            return 200, headers, content
        first, last = int(hit[1]), min(int(hit[2] or len(content) - 1), len(content) - 1)
        return 206, headers | {"Content-Range": f"bytes {first}-{last}/{len(content)}"}, content[first : last + 1]


def _entry(path: str, file: File) -> dict[str, Any]:
    size = len(file.content)
    large = {"lfs": {"oid": file.sha256, "size": size, "pointerSize": 130}} if file.large else {}
    return {"type": "file", "path": path, "size": size, "oid": file.oid, **large}


_REPO = r"([^/]+/[^/]+)"
_API = f"/api/datasets/{_REPO}"
_GIT = rf"/datasets/{_REPO}\.git/info/lfs"
ROUTES: tuple[tuple[str, str, Callable[..., Answer]], ...] = (
    ("GET", "/api/whoami-v2", _Handler.whoami),
    ("POST", "/api/repos/create", _Handler.create_repo),
    ("POST", "/api/validate-yaml", _Handler.validate_yaml),
    ("GET", f"{_API}/refs", _Handler.refs),
    ("GET", f"{_API}/tree/([^/]+)(?:/(.+))?", _Handler.tree),
    ("POST", f"{_API}/paths-info/([^/]+)", _Handler.paths_info),
    ("POST", f"{_API}/preupload/([^/]+)", _Handler.preupload),
    ("POST", f"{_API}/commit/([^/]+)", _Handler.commit),
    ("POST", f"{_API}/branch/(.+)", _Handler.branch),
    ("POST", f"{_API}/tag/(.+)", _Handler.tag),
    ("DELETE", f"{_API}/branch/(.+)", _Handler.delete_branch),
    ("DELETE", f"{_API}/tag/(.+)", _Handler.delete_tag),
    ("POST", f"{_API}/super-squash/(.+)", _Handler.squash),
    ("GET", f"{_API}/commits/([^/]+)", _Handler.commits),
    ("GET", f"{_API}/lfs-files", _Handler.large_files),
    ("POST", f"{_API}/lfs-files/batch", _Handler.delete_large_files),
    ("GET", f"{_API}/xet-write-token/([^/]+)", _Handler.xet_token),
    ("GET", f"{_API}/revision/(.+)", _Handler.info),
    ("GET", _API, _Handler.info),
    ("POST", f"{_GIT}/objects/batch", _Handler.batch),
    ("POST", f"{_GIT}/objects/verify", _Handler.verify),
    ("POST", f"{_GIT}/complete/([0-9a-f]{{64}})", _Handler.complete),
    ("PUT", "/lfs/([0-9a-f]{64})", _Handler.put_object),
    ("PUT", "/lfs/([0-9a-f]{64})/([0-9]+)", _Handler.put_part),
    ("POST", "/xet/v1/xorbs/default/([0-9a-f]{64})", _Handler.xorb),
    ("POST", "/xet/v1/shards", _Handler.shard),
    ("GET HEAD", f"/datasets/{_REPO}/resolve/([^/]+)/(.+)", _Handler.resolve),
    ("GET HEAD", "/cdn/([0-9a-f]{64})", _Handler.download),
)
