#!/usr/bin/env python3
"""Kills PostgreSQL under load, again and again, and counts what was lost or done twice.

One process takes claims in and two work them off, on a server of this script's own. While senders send, the server is killed
with SIGKILL and started again; every fifth time a worker dies with it. Then the senders stop, what waits must be
decided within a minute, and everything acknowledged is held against the records.

    scripts/faults/postgres.py [--restarts 20] [--senders 4] [--program target/release/claimlens]
"""

import argparse
import glob
import http.client
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1])
# The server refuses to run as root.
AS_USER = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"] if os.getuid() == 0 else []
DRAIN = 60


class Server:
    """PostgreSQL in a folder, on a socket."""

    def __init__(self, folder):
        self.folder = folder
        self.log = open(folder / "log", "ab")
        subprocess.run([*AS_USER, BIN / "initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "-D",
                        folder / "data"], check=True, stdout=subprocess.DEVNULL, cwd=folder)
        self.start()
        subprocess.run([BIN / "createdb", "-h", folder, "-U", "postgres", "claims"], check=True)

    def start(self):
        """Until it answers: what the killed one left behind may have to end first."""
        while True:
            self.child = subprocess.Popen(
                [*AS_USER, BIN / "postgres", "-D", self.folder / "data", "-c", "listen_addresses=", "-c",
                 f"unix_socket_directories={self.folder}", "-c", "fsync=on"],
                cwd=self.folder, stdout=self.log, stderr=self.log)
            while self.child.poll() is None:
                if subprocess.run([BIN / "pg_isready", "-q", "-h", self.folder]).returncode == 0:
                    return
                time.sleep(0.05)
            time.sleep(0.2)

    def kill(self):
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()

    def stop(self):
        self.child.send_signal(signal.SIGQUIT)
        self.child.wait()

    def ask(self, sql):
        out = subprocess.run([BIN / "psql", "-h", self.folder, "-U", "postgres", "-At", "-c", sql, "claims"],
                             check=True, capture_output=True, text=True)
        return out.stdout.strip()


class Claimlens:
    """One process of the service."""

    def __init__(self, role, program, data, environment, folder):
        self.log = folder / f"{role}-{uuid.uuid4().hex[:6]}.log"
        out = open(self.log, "wb")
        self.child = subprocess.Popen([program, "serve", "--role", role, "--listen", "127.0.0.1:0", "--data", data],
                                      env=environment, stdout=out, stderr=out)
        end = time.time() + 60
        while not (found := re.search(rb"http://127\.0\.0\.1:(\d+)", self.log.read_bytes())):
            if self.child.poll() is not None or time.time() > end:
                sys.exit(f"{role} did not start:\n{self.log.read_text()}")
            time.sleep(0.05)
        self.port = int(found[1])


def form(photo):
    boundary = uuid.uuid4().hex
    body = b""
    for head, content in [('name="claim"\r\nContent-Type: application/json', b'{"id":"A-1"}'),
                          ('name="photo"; filename="photo.jpg"', photo)]:
        body += f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + content + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def send(port, photos, stop, acknowledged, refused):
    """Sends claims one after the other; each again with its key until it is acknowledged."""
    while not stop.is_set():
        key, (body, kind) = uuid.uuid4().hex, form(random.choice(photos))
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                connection.request("POST", "/v1/claims", body,
                                   {"Content-Type": kind, "Prefer": "wait=0", "Idempotency-Key": key})
                answer = connection.getresponse()
                told = json.loads(answer.read())
                if answer.status in (200, 202):
                    acknowledged[key] = told["id"]
                    break
                refused[told["code"]] = refused.get(told["code"], 0) + 1
            except (OSError, http.client.HTTPException) as error:
                refused[type(error).__name__] = refused.get(type(error).__name__, 0) + 1
            if stop.is_set():
                return
            time.sleep(0.2)
        time.sleep(0.05)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--restarts", type=int, default=20)
    arguments.add_argument("--senders", type=int, default=4)
    arguments.add_argument("--program", default=ROOT / "target/release/claimlens")
    arguments = arguments.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="claimlens-faults-"))
    if AS_USER:
        shutil.chown(folder, "postgres", "postgres")
    os.chmod(folder, 0o755)
    server = Server(folder)
    data = Path(tempfile.mkdtemp(prefix="claimlens-faults-data-"))
    environment = {**os.environ, "CLAIMLENS_DATABASE": f"postgres://postgres@localhost/claims?host={folder}"}
    photos = [Path(p).read_bytes() for p in sorted(glob.glob(str(ROOT / "samples/*/photo.jpg")))]
    start = lambda role: Claimlens(role, arguments.program, data, environment, data)
    api, workers = start("api"), [start("worker"), start("worker")]
    processes = [api, *workers]
    stop, acknowledged, refused = threading.Event(), {}, {}
    senders = [threading.Thread(target=send, args=(api.port, photos, stop, acknowledged, refused))
               for _ in range(arguments.senders)]
    began = time.time()
    for sender in senders:
        sender.start()
    for n in range(1, arguments.restarts + 1):
        time.sleep(random.uniform(1.5, 4))
        server.kill()
        if n % 5 == 0:
            workers[0].child.kill()
            workers[0].child.wait()
        time.sleep(random.uniform(0, 1))
        server.start()
        if n % 5 == 0:
            workers[0] = start("worker")
            processes.append(workers[0])
        print(f"restart {n}: {len(acknowledged)} acknowledged", flush=True)
    time.sleep(2)
    stop.set()
    for sender in senders:
        sender.join()
    ended = time.time()
    while (left := int(server.ask("SELECT count(*) FROM jobs"))) and time.time() < ended + DRAIN:
        time.sleep(0.2)
    drained = time.time() - ended

    ids = set(acknowledged.values())
    decided = set(server.ask("SELECT DISTINCT claim FROM decisions").split())
    twice = int(server.ask("SELECT count(*) FROM (SELECT 1 FROM decisions GROUP BY claim HAVING count(*) > 1) d"))
    failed = int(server.ask("SELECT count(*) FROM claims WHERE state <> 'decided'"))
    unread = int(server.ask("SELECT count(*) FROM decisions WHERE convert_from(record, 'UTF8') LIKE '%given up after%'"))
    retried = int(server.ask("SELECT count(*) FROM claims")) - len(ids)
    verified = subprocess.run([arguments.program, "audit", "verify", "--data", data], env=environment,
                              capture_output=True, text=True)
    for process in processes:
        process.child.terminate()
        process.child.wait()
    server.stop()
    print(f"""
{arguments.restarts} restarts in {ended - began:.0f} s, {len(acknowledged)} claims acknowledged under as many keys
answers that were no acknowledgement, each tried again: {refused}
acknowledged and lost: {len(ids - decided)}; two keys with one claim: {len(acknowledged) - len(ids)}; decided twice: {twice}
stored and never acknowledged, since the sender stopped first: {retried}
not decided: {failed}; given up after three attempts and sent to a person: {unread}
all that waited was decided after {drained:.1f} s, {left} left
{verified.stdout}""")
    good = not (ids - decided) and len(acknowledged) == len(ids) and not twice and not failed and not left
    if not good or verified.returncode:
        sys.exit(f"it does not hold; the logs are in {folder} and {data}")
    shutil.rmtree(folder)
    shutil.rmtree(data)


main()
