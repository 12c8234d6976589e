#!/usr/bin/env python3
"""Kills PostgreSQL under load, again and again, and counts what was lost or done twice.

One process takes claims in and two work them off, on a server of this script's own. While clients send, the server is
killed with SIGKILL and started again; every fifth time a worker dies with it. Then the clients stop, what waits must be
decided within a minute, and everything acknowledged is held against the records.
Exit status: 0 nothing is amiss, 1 something.
"""

import argparse
import glob
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from common import Load, Service, amiss, program_argument, records, verify

BIN = pathlib.Path(sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1])
# The server refuses to run as root.
AS_USER = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"] if os.getuid() == 0 else []
DRAIN = 60


class Server:
    """PostgreSQL in a folder, on a socket."""

    def __init__(self, folder):
        self.folder = folder
        self.log = open(folder / "log", "ab")
        init = [BIN / "initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8"]
        init += ["-D", folder / "data"]
        subprocess.run([*AS_USER, *init], check=True, stdout=subprocess.DEVNULL, cwd=folder)
        self.start()
        subprocess.run([BIN / "createdb", "-h", folder, "-U", "postgres", "claims"], check=True)

    def start(self):
        """Until it answers: what the killed one left behind may have to end first."""
        settings = ["listen_addresses=", f"unix_socket_directories={self.folder}", "fsync=on"]
        command = [*AS_USER, BIN / "postgres", "-D", self.folder / "data"]
        command += [part for setting in settings for part in ("-c", setting)]
        while True:
            self.child = subprocess.Popen(command, cwd=self.folder, stdout=self.log, stderr=self.log)
            while self.child.poll() is None:
                if subprocess.run([BIN / "pg_isready", "-q", "-h", self.folder]).returncode == 0:
                    return
                time.sleep(0.05)
            time.sleep(0.2)

    def end(self, how):
        self.child.send_signal(how)
        self.child.wait()

    def ask(self, sql):
        command = [BIN / "psql", "-h", self.folder, "-U", "postgres", "-At", "-c", sql, "claims"]
        out = subprocess.run(command, check=True, capture_output=True, text=True)
        return [tuple(line.split("|")) for line in out.stdout.splitlines()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    program_argument(parser)
    parser.add_argument("--restarts", type=int, default=20)
    parser.add_argument("--clients", type=int, default=4)
    arguments = parser.parse_args()
    chance, program = random.Random(arguments.seed), arguments.program
    work = pathlib.Path(arguments.work or tempfile.mkdtemp(prefix="claimlens-postgres-"))
    os.chmod(work, 0o755)
    folder, data = work / "server", work / "data"
    folder.mkdir(0o755)
    if AS_USER:
        shutil.chown(folder, "postgres", "postgres")
    server = Server(folder)
    env = os.environ | {"CLAIMLENS_DATABASE": f"postgres://postgres@localhost/claims?host={folder}"}
    start = lambda role: Service(program, data, role=role, env=env)
    api = start("api")
    assert api.ready(), api.said()
    workers, wrong, begun = [start("worker"), start("worker")], [], time.monotonic()
    load = Load(arguments.clients, pause=0.05)
    load.service = api
    for n in range(1, arguments.restarts + 1):
        time.sleep(chance.uniform(1.5, 4))
        server.end(signal.SIGKILL)
        if n % 5 == 0:
            workers[0].kill()
        time.sleep(chance.uniform(0, 1))
        server.start()
        if n % 5 == 0:
            workers[0] = start("worker")
        print(f"restart {n}: {len(load.told)} acknowledged", flush=True)
    load.end()
    ended = time.monotonic()
    waiting = lambda: int(server.ask("SELECT count(*) FROM jobs")[0][0])
    while (left := waiting()) and time.monotonic() < ended + DRAIN:
        time.sleep(0.2)
    drained = time.monotonic() - ended
    wrong += load.wrong + load.sent_again(arguments.seed) + load.in_service()
    told = set(load.told.values())
    claims, _ = records(server.ask)
    wrong += amiss(server.ask, told, told) + verify(program, data, env)
    wrong += [f"{claim}: stored, and no client knows it" for claim in claims if claim not in told]
    if len(told) != len(load.told):
        wrong.append("two keys brought the same claim")
    if left:
        wrong.append(f"{left} claims wait after {DRAIN} s")
    reasons = lambda claim: api.request("GET", f"/v1/claims/{claim}")[1].get("reasons") or []
    unread = sum(any(reason["code"] == "processing_failed" for reason in reasons(claim)) for claim in told)
    for process in (api, *workers):
        process.stop()
    server.end(signal.SIGQUIT)
    took = f"{ended - begun:.0f} s"
    print(f"{arguments.restarts} restarts in {took} under {arguments.clients} clients, {len(told)} claims")
    print(f"answers that were no acknowledgement, each tried again: {dict(load.refused)}")
    print(load.reviewed())
    print(f"given up after three attempts and sent to a person: {unread}")
    print(f"all that waited was decided after {drained:.1f} s")
    print("\n".join(wrong[:20]) or "nothing lost, nothing double, everything verified")
    if not arguments.work and not wrong:
        shutil.rmtree(work)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
