"""Files that are really long, one by one, with time and memory measured from the outside: SENSORIUM_SLOW=1."""

from __future__ import annotations

import os

import pytest
from badfiles.adding import add_outside
from badfiles.long import LONG
from badfiles.trial import complaint_about

from sensorium.testing.bundles import tiny_bundle

pytestmark = pytest.mark.skipif(os.environ.get("SENSORIUM_SLOW") != "1", reason="takes minutes: set SENSORIUM_SLOW=1")
MOST = 1_500_000_000
# Seconds that reading may take on two busy cores; only films and sounds are read to their end.
SLOWEST = {
    "three-hours.opus": 300,
    "three-hours.wav": 300,
    "two-hours.mkv": 900,
    "million.gif": 200,
    "lines.jsonl": 200,
}
READ = {"three-hours.opus": "audio", "three-hours.wav": "audio", "two-hours.mkv": "video", "million.gif": "video"}


@pytest.mark.parametrize("name", LONG)
def test_a_long_file_takes_bounded_time_and_memory(name, tmp_path):
    folder = tmp_path / "things"
    folder.mkdir()
    LONG[name](folder / name)
    (folder / "after.txt").write_text("Nobody waits for ever.\n")
    model = tiny_bundle(tmp_path / "models/tiny")
    given = {"library": str(tmp_path / "some.library"), "model": str(model), "folders": [str(folder)]}
    ended = add_outside({**given, "searches": ["Nobody waits for ever."]}, patience=1200)
    report = ended.said["report"]
    print(f"{name}: {ended.seconds:.1f} s, {ended.peak / 1e6:.0f} MB, {ended.skipped or report['added']}")
    assert report["added"] + len(report["skipped"]) == 2
    assert ended.said["hits"][0][0].endswith("after.txt")
    assert ended.peak < MOST, f"{ended.peak / 1e9:.2f} GB"
    assert ended.seconds < SLOWEST.get(name, 90)
    assert not [why for why in ended.skipped.values() if complaint_about(why)]
    assert not ended.said["zombies"] and not ended.left
    if name in READ:
        assert ended.said["kinds"] == {READ[name]: 1, "text": 1}, ended.skipped
