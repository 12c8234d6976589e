"""What the fault scripts share: the service as a process, requests to it, what must hold of its records afterwards."""

import collections
import http.client
import itertools
import json
import os
import pathlib
import random
import signal
import socket
import sqlite3
import struct
import subprocess
import tempfile
import threading
import time
import uuid
import zlib

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
# What a request may meet while the service is being broken.
BROKEN = (OSError, http.client.HTTPException, ValueError)


def png(number):
    """A small picture that no other number gives, with nothing to read on it."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    width, height = 64, 48
    colour = struct.pack(">I", number)[1:]
    row = lambda y: b"".join(bytes([x * 3, y * 5, 128]) for x in range(width - 1))
    rows = b"".join(b"\0" + row(y) + colour for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


GIVEN, GIVING = set(), threading.Lock()


def free_port():
    """A port that nobody listens on, and that no service of this script was given before: one that runs beside it would
    answer in its place."""
    with GIVING:
        while True:
            with socket.socket() as s:
                s.bind(("127.0.0.1", 0))
                port = s.getsockname()[1]
            if port not in GIVEN:
                GIVEN.add(port)
                return port


def build_shim(folder):
    out = pathlib.Path(folder) / "shim.so"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", out, HERE / "shim.c", "-ldl"], check=True)
    return out


class Service:
    """The program serving a data folder in a role; `fault` are the environment variables of the shim."""

    def __init__(self, program, data, fault=None, shim=None, role="all", env=os.environ, port=None, more=()):
        self.port, self.data = port or free_port(), pathlib.Path(data).absolute()
        self.log = tempfile.TemporaryFile()
        env = env | {"RUST_LOG": "warn"}
        if shim:
            env |= {"LD_PRELOAD": str(shim), "FAULTS_ROOT": str(self.data.parent)} | (fault or {})
        command = [program, "serve", "--listen", f"127.0.0.1:{self.port}", "--data", self.data]
        command += ["--jobs", "2", "--role", role, *more]
        self.process = subprocess.Popen(command, env=env, stdout=self.log, stderr=self.log, start_new_session=True)

    def ready(self, patience=60):
        """Whether it takes claims before it ends or patience does."""
        until = time.monotonic() + patience
        while time.monotonic() < until and self.process.poll() is None:
            try:
                if self.request("GET", "/readyz", timeout=2)[0] == 200:
                    return True
            except BROKEN:
                pass
            time.sleep(0.02)
        return False

    def request(self, method, path, body=None, headers=None, timeout=30):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        finally:
            connection.close()

    def upload(self, photo, claim='{"id": "A-1"}', key=None, wait=10, timeout=30):
        """Sends a photo with a claim, as JSON, and a key."""
        mark = "faults"
        part = f'--{mark}\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n'
        body = (part % ("claim", "")).encode() + claim.encode() + b"\r\n"
        body += (part % ("photo", '; filename="a.png"')).encode() + photo + f"\r\n--{mark}--\r\n".encode()
        headers = {
            "Content-Type": f"multipart/form-data; boundary={mark}",
            "Idempotency-Key": key or uuid.uuid4().hex,
            "Prefer": f"wait={wait}",
        }
        return self.request("POST", "/v1/claims", body, headers, timeout)

    def audited(self, claim, timeout=10):
        body = json.dumps({"outcome": "right", "source": "sample", "by": "rv-017"})
        headers = {"Content-Type": "application/json"}
        return self.request("POST", f"/v1/claims/{claim}/outcome", body, headers, timeout)

    def wait_decided(self, claims, patience=60):
        """Those of the claims that are not decided in time."""
        left, until = list(claims), time.monotonic() + patience
        while left and time.monotonic() < until:
            state = self.request("GET", f"/v1/claims/{left[-1]}")[1].get("status")
            if state == "processing":
                time.sleep(0.02)
            else:
                left.pop()
        return left

    def kill(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        return self.process.wait()

    def stop(self):
        self.process.terminate()
        try:
            return self.process.wait(90)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def said(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-2000:]


class Load:
    """Clients that send small photos, each with a key of its own, and again what got no acknowledgement."""

    def __init__(self, clients, pause=0.0):
        self.service, self.over, self.lost, self.pause = None, False, False, pause
        self.numbers, self.told, self.refused, self.wrong = itertools.count(), {}, collections.Counter(), []
        self.threads = [threading.Thread(target=self.client) for _ in range(clients)]
        for thread in self.threads:
            thread.start()

    def client(self):
        while not self.over:
            number = next(self.numbers)
            while not self.send(number):
                if self.lost:
                    return
                time.sleep(0.02)
            time.sleep(self.pause)

    def send(self, number):
        """Whether the claim was acknowledged."""
        try:
            status, claim = self.service.upload(png(number), key=f"key-{number}", wait=number % 2, timeout=60)
        except (AttributeError, *BROKEN) as error:
            self.refused[type(error).__name__] += 1
            return False
        if status in (200, 202):
            self.told[number] = claim["id"]
            return True
        self.refused[claim["code"]] += 1
        if status not in (409, 503):
            self.wrong.append(f"claim {number}: {status} {claim}")
        return False

    def end(self):
        self.over = True
        for thread in self.threads:
            thread.join()

    def sent_again(self, seed):
        """What is wrong when some of the claims are sent again with their keys."""
        wrong = []
        for number, claim in random.Random(seed).sample(sorted(self.told.items()), min(50, len(self.told))):
            status, again = self.service.upload(png(number), key=f"key-{number}")
            if status not in (200, 202) or again["id"] != claim:
                wrong.append(f"claim {number} sent again: {status} {again}")
        return wrong


def calls(log):
    """What the shim noted: kind, path, offset and bytes of each call."""
    data, at = pathlib.Path(log).read_bytes(), 0
    while at < len(data):
        end = data.index(b"\n", at)
        kind, length, offset, name = data[at:end].decode().split(" ", 3)
        at = end + 1 + int(length)
        yield kind, name, int(offset), data[end + 1 : at]


def verify(program, data, env=os.environ):
    """What `audit verify` finds."""
    command = [program, "audit", "verify", "--data", data, "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    if done.returncode not in (0, 1) or not done.stdout:
        return [f"audit verify: exit status {done.returncode}: {done.stderr.strip()}"]
    return [json.dumps(fault) for fault in json.loads(done.stdout)["faults"]]


def in_folder(data):
    """What asks the database of a data folder."""

    def ask(sql):
        db = sqlite3.connect(f"file:{data}/claimlens.sqlite", uri=True)
        try:
            return db.execute(sql).fetchall()
        finally:
            db.close()

    return ask


def records(ask):
    """Claims with their state and how many decisions each has; and the claims with an outcome."""
    counted = "SELECT id, state, (SELECT count(*) FROM decisions WHERE claim = claims.id), "
    counted += "(SELECT count(*) FROM log WHERE subject = claims.id AND kind = 'decision') FROM claims"
    claims = {name: (state, int(stored), int(logged)) for name, state, stored, logged in ask(counted)}
    return claims, {name for (name,) in ask("SELECT claim FROM outcomes")}


def amiss(ask, acknowledged, decided=(), outcomes=()):
    """What is lost or double of what was acknowledged."""
    claims, said = records(ask)
    found = [f"{claim}: acknowledged, and lost" for claim in acknowledged if claim not in claims]
    state = lambda claim: claims.get(claim, ("",))[0]
    found += [f"{claim}: its decision was told, and is lost" for claim in decided if state(claim) != "decided"]
    found += [f"{claim}: its outcome was acknowledged, and is lost" for claim in outcomes if claim not in said]
    for claim, (_, stored, logged) in claims.items():
        if stored > 1 or logged > 1 or stored != logged:
            found.append(f"{claim}: {stored} decisions stored, {logged} logged")
    return found


def program_argument(parser):
    parser.add_argument("--program", default=str(PROJECT / "target/release/claimlens"), help="the built program")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", help="folder to work in; a temporary one otherwise")
