#!/usr/bin/env python3
"""Tries every route with what its own OpenAPI document allows and with what it does not, by schemathesis, all checks on.

Three times: without keys, with an admin's and with a reviewer's. Without keys everybody may do everything, so that the
one check whether keys are needed is left out there. schemathesis comes from its package into target/trials.
Exit status: 0 nothing was found, 1 something was.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

from client import PROJECT, options, serve, tell

HERE = pathlib.Path(__file__).resolve().parent
PACKAGE = "schemathesis==4.32.5"
# Statuses that a sound request may meet besides those that schemathesis expects: a claim whose content was erased (410),
# a case that went on since it was looked at (412), and a claim that has as many photos as it may (413).
CONFIG = """\
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", 401, 403, 404, 409, 410, 412, 413, 429]

[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 410, 412, 413, 415, 422, 428, 429]
"""


def installed():
    """The `schemathesis` program, fetched if need be."""
    folder = PROJECT / "target/trials/python"
    if not (folder / "bin/schemathesis").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [folder / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE]
        subprocess.run(pip, check=True)
    return folder / "bin/schemathesis"


def key(arguments, data, role):
    command = [arguments.program, "keys", "add", f"trial-{role}", "--role", role, "--data", data]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def run(arguments, role, folder):
    """What schemathesis finds, as it reports it."""
    data = folder / "data"
    keys = {name: key(arguments, data, name) for name in ("admin", "reviewer") if role}
    # Addresses that are made up here are not to be sent to: nothing of this leaves the machine.
    service = serve(arguments, folder, "--webhooks-anywhere")
    env = os.environ | {"SCHEMATHESIS_HOOKS": str(HERE / "schema_hooks.py"), "PYTHONDONTWRITEBYTECODE": "1"}
    env |= {"CLAIMLENS_TRIAL_PROGRAM": str(arguments.program)}
    (folder / "schemathesis.toml").write_text(CONFIG)
    report = folder / "report.json"
    command = [installed(), "--config-file", folder / "schemathesis.toml", "run"]
    command += [f"http://127.0.0.1:{service.port}/openapi.json", "--checks", "all", "--no-color"]
    command += ["--max-examples", str(arguments.examples), "--max-time", str(arguments.seconds)]
    command += ["--seed", str(arguments.seed)]
    command += ["--request-timeout", "30", "--generation-database", "none", "--continue-on-failure"]
    command += ["--report", "json", "--report-json-path", report]
    command += ["--header", f"Authorization: Bearer {keys[role]}"] if role else ["--exclude-checks", "ignored_auth"]
    try:
        said = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True).stdout
    finally:
        service.stop()
    if arguments.log:
        pathlib.Path(f"{arguments.log}-{role or 'open'}.txt").write_text(said)
    return json.loads(report.read_text())


def main():
    parser = options(__doc__)
    parser.add_argument("roles", nargs="*", choices=[[], "open", "admin", "reviewer"], help="all if none is named")
    parser.add_argument("--examples", type=int, default=100, help="for each route")
    parser.add_argument("--seconds", type=int, default=300, help="for each role, at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", help="keep what schemathesis says in files whose names begin so")
    arguments = parser.parse_args()
    held = []
    for role in arguments.roles or ("open", "admin", "reviewer"):
        with tempfile.TemporaryDirectory(prefix="claimlens-schema-") as folder:
            found = run(arguments, "" if role == "open" else role, pathlib.Path(folder))
        cases, operations = found["test_cases"], found["operations"]
        for failure in found["failures"]:
            print(f"  {failure['title']}: {', '.join(failure['operations'])}")
        for error in found["errors"]:
            print(f"  {error}")
        ran = f"{cases['generated']} requests to {operations['tested']} of {operations['total']} routes"
        phases = ", ".join(f"{name} {phase['status']}" for name, phase in found["phases"].items())
        said = f"{cases['unique_failures']} failures and {len(found['errors'])} errors in {ran} ({phases})"
        held.append(tell(f"{role}: nothing is found", said, not found["failures"] and not found["errors"]))
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
