"""Files of a model from a hub (huggingface.co, or what `HF_ENDPOINT` names), each checked against the hub's own hash.

`huggingface_hub` speaks with the hub, with its settings: `HF_ENDPOINT`, `HF_HUB_OFFLINE`, `HF_TOKEN`, proxies. What is
cut off is gone on with from where it stopped, by the next process too, which its own downloads are not.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from sensorium.core.errors import PullFailed

if TYPE_CHECKING:
    from sensorium.core.progress import Progress

PART = ".part"
MB = 10**6
PIECE = 1 << 18  # bytes that are written at once: what is lost at most when a connection breaks off
TRIES, PATIENCE = 5, 1.0  # connections in a row that bring nothing; seconds, times how many they were
# The account of the hub's service that adds safetensors to models that have none, as pull requests that wait.
CONVERTER = "SFconvertbot"
_SMALL = {
    "README.md", "added_tokens.json", "config_sentence_transformers.json", "merges.txt", "modules.json",
    "preprocessor_config.json", "processor_config.json", "sentence_bert_config.json", "sentencepiece.bpe.model",
    "special_tokens_map.json", "spiece.model", "tokenizer.json", "tokenizer.model", "tokenizer_config.json",
    "vocab.json", "vocab.txt",
}  # fmt: skip
_MODULE = re.compile(r"\d_\w+/(config\.json|model\.safetensors)")
_SHARD = re.compile(r"model-\d+-of-\d+\.safetensors")
_OPEN_CLIP = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repository: `sha256` where the hub has it (large files), else `blob`, git's own hash of it."""

    name: str
    size: int
    sha256: str
    blob: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What of a repository is wanted, at one commit; the weights last."""

    repository: str
    commit: str
    files: tuple[RemoteFile, ...]
    note: str = ""

    @property
    def size(self) -> int:
        """Bytes, in all."""
        return sum(file.size for file in self.files)


class Refused(Exception):
    """What a hub said that makes going on senseless; `unreachable` when it was not there to say anything."""

    def __init__(self, why: str, *, unreachable: bool = False) -> None:
        super().__init__(why)
        self.unreachable = unreachable


def wanted(names: Iterable[str]) -> tuple[str, ...]:
    """Of a repository's files those that a conversion takes, weights last; none when there is no such set.

    A set has a configuration and safetensors: in the layout of transformers, whole or in shards, else of OpenCLIP.
    """
    there = set(names)
    small = sorted(name for name in there if name in _SMALL or _MODULE.fullmatch(name))
    if "config.json" in there and "model.safetensors" in there:
        return (*small, "config.json", "model.safetensors")
    shards = sorted(name for name in there if _SHARD.fullmatch(name))
    if {"config.json", "model.safetensors.index.json"} <= there and shards:
        return (*small, "config.json", "model.safetensors.index.json", *shards)
    for weights in _OPEN_CLIP:
        if {"open_clip_config.json", weights} <= there:
            return (*small, "open_clip_config.json", weights)
    return ()


def list_files(repository: str, revision: str) -> Listing:
    """What of a repository is wanted. Where it has no safetensors, the pull request that adds them is looked for.

    Raises Refused, and PullFailed when there are no safetensors at all.
    """
    with _said_plainly(repository):
        listing, names = _listed(repository, revision)
        if listing.files:
            return listing
        for reference in _pull_requests(repository):
            found, _ = _listed(repository, reference)
            if found.files:
                note = f"{repository} has safetensors only in {reference}, made by {CONVERTER}: taken from there"
                return Listing(repository, found.commit, found.files, note)
    if not {"config.json", "open_clip_config.json"} & names:
        fix = "choose a model in the layout of transformers or OpenCLIP"
        raise PullFailed(f"{repository} cannot be converted: it has no config.json; {fix}")
    raise PullFailed(
        f"{repository} cannot be pulled: its weights are not safetensors, and pickled ones can run any code; save it "
        "once where you trust it, with transformers' save_pretrained(FOLDER), and run sensorium models convert FOLDER"
    )


def _listed(repository: str, revision: str) -> tuple[Listing, set[str]]:
    from huggingface_hub import constants

    info = _api().model_info(
        repository, revision=revision, files_metadata=True, timeout=constants.HF_HUB_ETAG_TIMEOUT
    )  # fmt: skip
    every = {
        sibling.rfilename: RemoteFile(
            sibling.rfilename, sibling.size or 0, sibling.lfs.sha256 if sibling.lfs else "", sibling.blob_id or ""
        )
        for sibling in info.siblings or ()
    }
    files = tuple(every[name] for name in wanted(every))
    if not info.sha or not all(file.sha256 or file.blob for file in files):
        raise Refused(f"{endpoint()} does not say which hashes its files have: name another hub with HF_ENDPOINT")
    return Listing(repository, info.sha, files), set(every)


def _pull_requests(repository: str) -> Iterator[str]:
    for found in _api().get_repo_discussions(repository, author=CONVERTER, discussion_type="pull_request"):
        if found.author == CONVERTER and found.status == "open" and found.git_reference:
            yield found.git_reference


def _api() -> Any:
    from huggingface_hub import HfApi

    return HfApi(endpoint=endpoint(), library_name="sensorium")


def endpoint() -> str:
    """The hub's address."""
    from huggingface_hub import constants

    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


def offline() -> bool:
    """Whether the environment says that there is no network (`HF_HUB_OFFLINE`)."""
    from huggingface_hub import constants

    return constants.is_offline_mode() or os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def in_cache(repository: str, revision: str) -> Path | None:
    """The folder of huggingface_hub's own cache that has all that is wanted, None when there is none."""
    from huggingface_hub import try_to_load_from_cache

    for config in ("config.json", "open_clip_config.json"):
        found = try_to_load_from_cache(repository, config, revision=revision)
        if isinstance(found, str) and complete(Path(found).parent):
            return Path(found).parent
    return None


def complete(folder: Path) -> tuple[str, ...]:
    """The files of a folder that a conversion takes, weights last; none when some are missing."""
    there = [path.relative_to(folder).as_posix() for path in (*folder.glob("*"), *folder.glob("*/*")) if path.is_file()]
    found = wanted(there)
    shards = [name for name in found if _SHARD.fullmatch(name)]
    # A shard's name says how many there are.
    whole = not shards or len(shards) == int(shards[0].rsplit("-", 1)[1].removesuffix(".safetensors"))
    return found if whole else ()


def download(listing: Listing, folder: Path, progress: Progress, fetched: Callable[[str], None]) -> None:
    """Fetch what `folder` does not have yet, weights last; `progress` counts MB, `fetched` hears the name of each.

    Raises Refused, PullFailed when what came is not what the hub says it should be, and OSError of the disk.
    """
    progress.start(f"{listing.repository}, MB", -(-listing.size // MB))
    count = _Megabytes(progress)
    try:
        for file in listing.files:
            there = folder / file.name
            if there.is_file() and _is(file, there):
                count.add(file.size)
            else:
                with _said_plainly(listing.repository):
                    _fetch(listing, file, there, count)
                fetched(file.name)
    finally:
        progress.finish()


def _fetch(listing: Listing, file: RemoteFile, there: Path, count: _Megabytes) -> None:
    # Named after its content too, so that what another commit left is not gone on with.
    part = there.with_name(f"{there.name}.{(file.sha256 or file.blob)[:12]}{PART}")
    part.parent.mkdir(parents=True, exist_ok=True)
    try:
        with part.open("ab") as out:
            if out.tell() > file.size:
                out.truncate(0)
            count.add(out.tell())
            _stream(listing, file, out, count)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            part.unlink(missing_ok=True)  # a disk that is full is of no use to anybody
        raise
    if not _is(file, part):
        part.unlink()
        raise PullFailed(
            f"{file.name} of {listing.repository} came altered: its hash is not the one that {endpoint()} says; "
            "nothing is installed; run the same command again, or from another network"
        )
    part.replace(there)


def _stream(listing: Listing, file: RemoteFile, out: BinaryIO, count: _Megabytes) -> None:
    """Append what `out` lacks; a connection that breaks off is made anew, unless it brings nothing `TRIES` times."""
    from huggingface_hub import hf_hub_url

    url = hf_hub_url(listing.repository, file.name, revision=listing.commit, endpoint=endpoint())
    failed = 0
    while (had := out.tell()) < file.size:
        try:
            _append(url, out, had, count)
            broken: Exception = Refused("the download broke off", unreachable=True)
        except _transport_error() as error:
            if getattr(error, "response", None) is not None:
                raise  # an answer: asking again would bring the same
            broken = error
        failed = 0 if out.tell() > had else failed + 1
        if failed >= TRIES:
            raise broken
        if out.tell() < file.size:
            time.sleep(PATIENCE * failed)


def _append(url: str, out: BinaryIO, had: int, count: _Megabytes) -> None:
    from huggingface_hub import constants, get_session
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

    headers = build_hf_headers(library_name="sensorium")
    # As it is: a packed answer has other ranges, and another length.
    headers |= {"Accept-Encoding": "identity"} | ({"Range": f"bytes={had}-"} if had else {})
    with get_session().stream("GET", url, headers=headers, timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT) as answer:
        hf_raise_for_status(answer)
        if had and answer.status_code != 206:  # the hub does not do ranges
            count.add(-had)
            out.truncate(0)
        for chunk in answer.iter_bytes(PIECE):
            out.write(chunk)
            count.add(len(chunk))


def _transport_error() -> type[Exception]:
    """What the transport below huggingface_hub raises: its base class is one of those of the hub's own errors.

    It is httpx in some versions, httpx2 in others.
    """
    from huggingface_hub.errors import HfHubHTTPError

    found: type[Exception] = HfHubHTTPError.__bases__[0]
    return found


def _is(file: RemoteFile, path: Path) -> bool:
    """Whether a file has the content that the hub says it has."""
    if path.stat().st_size != file.size:
        return False
    with path.open("rb") as opened:
        if file.sha256:
            return hashlib.file_digest(opened, "sha256").hexdigest() == file.sha256
        # git's hash: of the word blob, the size, and the content
        digest = hashlib.sha1(f"blob {file.size}\0".encode(), usedforsecurity=False)
        while chunk := opened.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest() == file.blob


class _Megabytes:
    """Counts bytes, and tells a `Progress` whole megabytes."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._bytes = progress, 0

    def add(self, count: int) -> None:
        before, self._bytes = self._bytes // MB, max(self._bytes + count, 0)
        if self._bytes // MB > before:
            self._progress.advance(self._bytes // MB - before)


@contextmanager
def _said_plainly(repository: str) -> Iterator[None]:
    """Turns what huggingface_hub and the transport below it raise into Refused, with a short reason."""
    from huggingface_hub import errors

    page = f"{endpoint()}/{repository}"
    try:
        yield
    except errors.OfflineModeIsEnabled as error:
        raise Refused("HF_HUB_OFFLINE forbids the network", unreachable=True) from error
    except errors.GatedRepoError as error:
        raise Refused(f"its makers ask for consent: give it at {page}, then run hf auth login") from error
    except errors.RepositoryNotFoundError as error:
        raise Refused(f"there is no {page}, or it is private: look at its spelling, or run hf auth login") from error
    except (errors.RevisionNotFoundError, errors.EntryNotFoundError) as error:
        fix = "run the same command again, or take what is newest with --update"
        raise Refused(f"{page} has no such revision or file any more: {fix}") from error
    except errors.HfHubHTTPError as error:
        status = getattr(error.response, "status_code", None)
        unreachable = status is None or status >= 500 or status == 429
        raise Refused(f"{endpoint()} answers with {status or 'nothing'}", unreachable=unreachable) from error
    except _transport_error() as error:
        raise Refused(f"{endpoint()} cannot be reached ({_line(error)})", unreachable=True) from error


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
