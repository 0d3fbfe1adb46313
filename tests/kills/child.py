"""A process that searches, adds, reindexes and compacts, and may kill itself at a chosen call: its plan is JSON."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any


def say(**what: Any) -> None:
    """A line for the parent."""
    print(json.dumps(what), flush=True)


def arm(where: str, nth: int, *, after: bool, about: str = "") -> None:
    """Die at the nth call of `module:name.of.function` whose arguments name `about`, before or after it."""
    module, _, name = where.partition(":")
    *path, last = name.split(".")
    owner: Any = importlib.import_module(module)
    for step in path:
        owner = getattr(owner, step)
    honest: Callable[..., Any] = getattr(owner, last)
    left = [nth]

    def deadly(*arguments: Any, **options: Any) -> Any:
        counts = about in " ".join(map(str, arguments))
        left[0] -= counts
        if counts and not left[0] and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = honest(*arguments, **options)
        if counts and not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    is_static = isinstance(owner, type) and isinstance(vars(owner).get(last), staticmethod)
    setattr(owner, last, staticmethod(deadly) if is_static else deadly)


def look(library: Any) -> None:
    """What a search finds now."""
    from sensorium.core.errors import LibraryEmpty

    try:
        hits = library.search("story number seven", k=10)
    except LibraryEmpty:
        say(found=0, paths=[], notes=[])
    else:
        say(found=len(hits), paths=[hit.path for hit in hits], notes=hits.notes)


def main(plan: dict[str, Any]) -> None:
    """Do what the plan says."""
    from sensorium import Library
    from sensorium.library import filling

    filling.BATCH_ITEMS = plan.get("batch", filling.BATCH_ITEMS)
    library = Library(plan["library"], model=plan.get("model"), models=plan.get("models", ()))
    if plan.get("moment", {}).get("early"):
        arm(**{name: value for name, value in plan.pop("moment").items() if name != "early"})
    if plan.get("look"):
        look(library)
    if "moment" in plan:
        arm(**plan["moment"])
    if "folder" in plan:
        say(adding=True)
        say(report=library.add(plan["folder"]).to_json())
    if "reindex" in plan:
        say(reindexing=True)
        say(reindexed=library.reindex(plan["reindex"]).to_json())
    if "use" in plan:
        say(used=library.use(plan["use"]).to_json())
    if "drop" in plan:
        say(dropped=library.drop(plan["drop"]))
    if "remove" in plan:
        say(removed=library.remove(plan["remove"]))
    if plan.get("compact"):
        library.compact()
        say(compacted=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
