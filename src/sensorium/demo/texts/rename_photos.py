"""Give photographs names by the day they were taken: 2024-06-30_001.jpg and so on."""

import sys
from datetime import datetime
from pathlib import Path


def rename_all(folder: Path) -> int:
    """Rename every JPEG file of a folder in the order of its time stamp; return how many."""
    counters: dict[str, int] = {}
    pictures = sorted(folder.glob("*.jpg"), key=lambda picture: picture.stat().st_mtime)
    for picture in pictures:
        day = datetime.fromtimestamp(picture.stat().st_mtime).strftime("%Y-%m-%d")
        counters[day] = counters.get(day, 0) + 1
        picture.rename(folder / f"{day}_{counters[day]:03d}.jpg")
    return len(pictures)


if __name__ == "__main__":
    rename_all(Path(sys.argv[1]))
