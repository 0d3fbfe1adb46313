from __future__ import annotations

import json

from sensorium.train.report import report


def test_every_report_is_a_line_of_json_with_rounded_numbers(tmp_path):
    report(tmp_path / "log.jsonl", step=1, loss=0.123456)
    report(tmp_path / "log.jsonl", step=2, loss=1.0)

    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines == [{"step": 1, "loss": 0.1235}, {"step": 2, "loss": 1.0}]
