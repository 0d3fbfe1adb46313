"""Mailboxes in mbox form (RFC 4155), as Thunderbird, Apple Mail and Gmail export them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, BinaryIO

from sensorium.core.errors import Unreadable
from sensorium.core.types import Part, Place
from sensorium.readers.contract import Limits, Source
from sensorium.readers.damage import unreadable
from sensorium.readers.embedded import picture
from sensorium.readers.passages import passages

MBOX = "application/mbox"
_FROM = re.compile(rb"From \S+ .*\d{4}")
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)


class MailboxReader:
    """Mails one after the other: their words as text parts, attached pictures as image parts."""

    kind = "mail"

    def recognize(self, head: bytes, name: str) -> str:
        """The media type when a file that begins like this is a mailbox, else ""."""
        return MBOX if _FROM.match(head) else ""

    def accepts(self, media_type: str) -> bool:
        """Mailboxes only."""
        return media_type == MBOX

    def read(self, source: Source, limits: Limits) -> Iterator[Part]:
        """The parts of each mail, with `Place(row=number of the mail)` and its subject, author and date.

        Raises `Unreadable` for a mail of more than `limits.max_text_bytes`, and when no mail has anything in it.
        """
        with unreadable("a damaged mailbox"), source.open() as stream:
            for number, data in enumerate(_mails(stream, limits.max_text_bytes), start=1):
                mail = message_from_bytes(data, policy=policy.default)
                yield from _parts(mail, Place(row=number), limits)


def _mails(stream: BinaryIO, most: int) -> Iterator[bytes]:
    lines: list[bytes] = []
    size, blank = 0, True
    while line := stream.readline(most):
        if blank and _FROM.match(line):
            if lines:
                yield b"".join(lines)
            lines, size = [], 0
        else:
            lines.append(line)
        size, blank = size + len(line), not line.strip()
        if size > most:
            raise Unreadable(f"a mail of more than {most} bytes")
    if lines:
        yield b"".join(lines)


def _parts(mail: EmailMessage, place: Place, limits: Limits) -> Iterator[Part]:
    about = _about(mail)
    body = mail.get_body(("plain", "html"))
    words = "" if body is None else str(body.get_content())
    if body is not None and body.get_content_subtype() == "html":
        words = re.sub(r"<[^>]*>", " ", words)
    text = "\n\n".join(filter(None, (about.get("title"), _QUOTED.sub(rb"\1", words.encode()).decode().strip())))
    for passage in passages(text, limits.passage_characters):
        yield Part("text", passage.text, place, about)
    for attached in mail.iter_attachments():
        data = attached.get_payload(decode=True)
        caption = {"caption": name} if (name := attached.get_filename()) else {}
        found = picture(data, limits, place, {**about, **caption}) if isinstance(data, bytes) else None
        if found is not None:
            yield found


def _about(mail: EmailMessage) -> dict[str, Any]:
    said: dict[str, Any] = {"title": str(mail["subject"] or "").strip(), "author": str(mail["from"] or "").strip()}
    when = getattr(mail["date"], "datetime", None)
    said["date"] = when.isoformat() if isinstance(when, datetime) else ""
    return {name: value for name, value in said.items() if value}


reader = MailboxReader()
