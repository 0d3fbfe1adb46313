"""The contract of a reader, and what is special to mailboxes."""

from __future__ import annotations

from email.message import EmailMessage

from sensorium_mbox import reader

from sensorium.readers.contract import Limits, Source
from sensorium.testing import media
from sensorium.testing.readers import ReaderContract


def mail(subject: str, words: str, picture: bytes = b"") -> bytes:
    """A mail as it stands in a mailbox."""
    message = EmailMessage()
    message["Subject"], message["From"], message["Date"] = (
        subject,
        "Ada <ada@example.org>",
        "Mon, 2 Nov 2026 10:00:00 +0100",
    )
    message.set_content(words)
    if picture:
        message.add_attachment(picture, maintype="image", subtype="png", filename="chair.png")
    return b"From ada@example.org Mon Nov  2 10:00:00 2026\n" + message.as_bytes() + b"\n"


CHAIR = media.encoded(media.picture(80, 60), "PNG")
MAILBOX = mail("Garden chairs", "They are green.\n>From the shop next door.", CHAIR) + mail(
    "Rain", "It rained all day."
)


class TestMailbox(ReaderContract):
    reader = reader
    samples = {"inbox": MAILBOX, "one.mbox": mail("Only", "one mail")}

    def test_accepts_what_the_samples_are_and_nothing_unknown(self) -> None:
        assert all(reader.accepts(reader.recognize(data[:4096], name)) for name, data in self.samples.items())
        assert not reader.recognize(b"From here it is far.", "story.txt") and not reader.accepts("text/plain")


def test_every_mail_has_its_number_and_the_picture_goes_with_its_mail() -> None:
    parts = list(reader.read(Source.from_bytes(MAILBOX), Limits()))
    assert [(part.modality, part.place.row) for part in parts] == [("text", 1), ("image", 1), ("text", 2)]
    assert parts[0].content == "Garden chairs\n\nThey are green.\nFrom the shop next door."
    assert parts[0].attributes == {
        "title": "Garden chairs",
        "author": "Ada <ada@example.org>",
        "date": "2026-11-02T10:00:00+01:00",
    }
    assert parts[1].attributes["caption"] == "chair.png" and parts[1].content.shape == (60, 80, 3)
