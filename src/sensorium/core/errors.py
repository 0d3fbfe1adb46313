"""Everything Sensorium raises on purpose.

SensoriumError              what a caller catches; `str(error)` is one line: what, why, what to do next
|-- LibraryMissing          no library at that path
|-- LibraryEmpty            a library without items was searched
|-- LibraryLocked           another writer holds the lock
|-- LibraryTooNew           written by a newer Sensorium
|-- LibraryDamaged          a table or file of the library cannot be read
|-- LibraryFull             the disk is full
|-- ModelUnknown            no bundle by that name
|-- PullFailed              a model could not be had: no network, not there, altered, or the disk is full
|-- BundleDamaged           a bundle's file is missing, altered or of another format
|-- SpaceMismatch           vectors of one space were asked with another's encoder
|-- BadQuery                a query that cannot be understood (term, kind, metric, k)
|-- BadWhere                a `where` expression that SQL cannot read
|-- BadMemory               an amount of memory that cannot be understood, or is too little
|-- BadPrecision            a precision that there is none of
|-- BadTable                a table that is none, or lacks a column that it was said to have
|-- BadData                 a data set to evaluate on that cannot be understood
|-- BadTruth                right answers that cannot be: unknown, none at all, or of other queries
|-- BadMeasure              a measure that there is none of
|-- ExtraMissing            one of the extras, which a feature needs, is not installed
|-- BadModel                a model that cannot be converted into a bundle
|-- SourceMissing           a file or folder that the caller named does not exist or is not local
`-- Unreadable              a file that its reader cannot read (the pipeline records it as Skipped)
"""

from __future__ import annotations


class SensoriumError(Exception):
    """Base of every deliberate error. The message names the thing, the cause and the fix, on one line."""


class LibraryMissing(SensoriumError):
    """No library lies at that path."""


class LibraryEmpty(SensoriumError):
    """The library holds nothing to search."""


class LibraryLocked(SensoriumError):
    """Another process is writing to the library."""


class LibraryTooNew(SensoriumError):
    """The library's format is newer than this Sensorium knows."""


class LibraryDamaged(SensoriumError):
    """A table or file of the library cannot be read."""


class LibraryFull(SensoriumError):
    """The disk under the library is full."""


class ModelUnknown(SensoriumError):
    """No bundle goes by that name."""


class PullFailed(SensoriumError):
    """A model could not be fetched or installed; nothing of it is installed."""


class BundleDamaged(SensoriumError):
    """A bundle's file is missing, was altered, or has a format this Sensorium cannot read."""


class SpaceMismatch(SensoriumError):
    """Vectors of one space were asked with the encoder of another."""


class BadQuery(SensoriumError):
    """The query cannot be understood."""


class BadWhere(SensoriumError):
    """The `where` expression is not SQL over the items table."""


class BadMemory(SensoriumError):
    """The amount of memory cannot be understood, or is too little to work with."""


class BadPrecision(SensoriumError):
    """A precision that is none of auto, float32 and int8."""


class BadTable(SensoriumError):
    """What was given as a table is none, or its columns are not as the caller says."""


class BadData(SensoriumError):
    """A data set to evaluate on cannot be understood, or has nothing that can be asked and answered."""


class BadTruth(SensoriumError):
    """Right answers cannot be: they are unknown, there are none, or they belong to other queries."""


class BadMeasure(SensoriumError):
    """A measure that there is none of."""


class ExtraMissing(SensoriumError):
    """What a feature needs is an extra that is not installed."""


class BadModel(SensoriumError):
    """A model that cannot be converted into a bundle: its files, its architecture or what is installed is not fit."""


class SourceMissing(SensoriumError):
    """A named file or folder does not exist, or is not on this machine."""


class Unreadable(SensoriumError):
    """A file that its reader cannot read; `why` is short, without the path."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why
