"""Dates as feeds and documents write them, as ISO 8601."""

from __future__ import annotations

import re
from datetime import date
from email.utils import parsedate_to_datetime

_ISO = re.compile(
    r"(\d{4})-(\d\d?)(?:-(\d\d?))?(?:[T ]+(\d\d:\d\d(?::\d\d)?)(?:[.,]\d+)?\s*(Z|[+-]\d\d:?\d\d)?)?(?![\d-])"
)
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d))?$")
_YEAR = re.compile(r"\b(1[0-9]|20)\d\d\b")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WORDS = re.compile(r"[a-z]+|\d+")


def iso_date(said: str | None) -> str:
    """`said` as an ISO date, with its time where it has one; "" when it is none.

    Understood are ISO's own forms, those of mails, days with the month's English name, and bare years.
    """
    said = (said or "").strip()[:80]
    if not said:
        return ""
    if found := _ISO.match(said):
        return _iso(*found.groups())
    if found := _COMPACT.match(said):
        year, month, day, *clock = found.groups()
        return _iso(year, month, day, ":".join(clock) if clock[0] else None, None)
    return _of_a_mail(said) or _in_words(said.lower())


def ymd(year: str, month: str = "", day: str = "") -> str:
    """A date of numbers, the month also by its English name: as much of it as is valid, "" without a year."""
    if not re.fullmatch(r"\d{4}", year.strip()):
        return ""
    number = _month(month.strip())
    if not number:
        return year.strip()
    return _iso(year.strip(), str(number), day.strip() if day.strip().isdecimal() else None, None, None)


def _iso(year: str, month: str, day: str | None, clock: str | None, zone: str | None) -> str:
    try:
        valid = date(int(year), int(month), int(day or 1))
    except ValueError:
        return ""
    if not day:
        return valid.isoformat()[:7]
    if not clock:
        return valid.isoformat()
    zone = zone if not zone or zone == "Z" or ":" in zone else f"{zone[:3]}:{zone[3:]}"
    return f"{valid.isoformat()}T{clock if clock.count(':') > 1 else clock + ':00'}{zone or ''}"


def _of_a_mail(said: str) -> str:
    try:
        return parsedate_to_datetime(said).isoformat() if re.search(r"\d:\d\d", said) else ""
    except (ValueError, TypeError, IndexError, OverflowError):
        return ""


def _in_words(said: str) -> str:
    """Such as "17 May 2018", "October, 2014", "May 17th, 2018" or "2018"."""
    found = _YEAR.search(said)
    if not found:
        return ""
    rest = _WORDS.findall(said.replace(found[0], " ", 1))
    month = next((word for word in rest if not word.isdecimal() and _month(word)), "")
    days = [word for word in rest if word.isdecimal() and 1 <= int(word[:4]) <= 31]
    return ymd(found[0], month, days[0] if days and month else "") or found[0]


def _month(said: str) -> int:
    if said.isdecimal():
        return int(said) if 1 <= int(said[:4]) <= 12 else 0
    return _MONTHS.index(said[:3].lower()) + 1 if said[:3].lower() in _MONTHS else 0
