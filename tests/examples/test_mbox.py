"""The example of a plug-in is a real package: installed into a folder, it is found, tested and used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "mbox"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The environment of a process that has the package installed."""
    target = tmp_path_factory.mktemp("installed")
    quiet = ["--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", "--no-build-isolation"]
    built = [sys.executable, "-m", "pip", "install", *quiet, "--target", str(target), str(EXAMPLE)]
    subprocess.run(built, check=True, capture_output=True, timeout=120)
    return {**os.environ, "PYTHONPATH": str(target)}


def test_its_own_tests_pass_with_the_contract_suite(installed):
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(EXAMPLE),
        "-c",
        os.devnull,
    ]
    done = subprocess.run(
        [*command, str(EXAMPLE / "tests")], env=installed, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout


def test_a_mailbox_is_added_and_the_mail_is_found(installed, tmp_path):
    mails = ("The boat leaves the harbour at nine.", "Knead the dough and bake it for an hour.", "The dentist moved.")
    text = "".join(
        f"From a@b.org Mon Nov  2 10:00:00 2026\nSubject: note {n}\n\n{m}\n\n" for n, m in enumerate(mails, 1)
    )
    (tmp_path / "things").mkdir()
    (tmp_path / "things" / "Inbox").write_text(text)
    library = ["--library", str(tmp_path / "mail.library")]

    def sensorium(*arguments: str) -> str:
        command = [str(Path(sys.executable).parent / "sensorium"), *library, *arguments]
        return subprocess.run(command, env=installed, check=True, capture_output=True, text=True, timeout=120).stdout

    assert json.loads(sensorium("add", "--json", str(tmp_path / "things")))["added"] == 1
    hit = json.loads(sensorium("search", "--json", "bread in the oven"))
    assert hit["kind"] == "mail" and hit["place"] == {"row": 2} and "dough" in hit["text"]
