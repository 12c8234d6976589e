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


# Fewer claims than this come of a load: numbers from here on are those of photos that are added.
MOST = 1 << 20
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
        headers = {"Idempotency-Key": key or uuid.uuid4().hex, "Prefer": f"wait={wait}"}
        return self.send_form("/v1/claims", {"claim": claim.encode()}, photo, headers, timeout)

    def add_photo(self, claim, photo, by, timeout=10):
        """Adds a photo that stands for the first."""
        headers = {"X-Claimlens-Actor": by}
        return self.send_form(f"/v1/claims/{claim}/photos", {"replaces": b"0"}, photo, headers, timeout)

    def send_form(self, path, parts, photo, headers, timeout):
        mark = "faults"
        part = f'--{mark}\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n'
        body = b"".join((part % (name, "")).encode() + value + b"\r\n" for name, value in parts.items())
        body += (part % ("photo", '; filename="a.png"')).encode() + photo + f"\r\n--{mark}--\r\n".encode()
        headers |= {"Content-Type": f"multipart/form-data; boundary={mark}"}
        return self.request("POST", path, body, headers, timeout)

    def audited(self, claim, timeout=10):
        body = {"outcome": "right", "source": "sample", "by": "rv-017"}
        return self.say(f"/v1/claims/{claim}/outcome", body, timeout=timeout)

    def say(self, path, body, by=None, seen=None, timeout=10):
        """Sends JSON, as somebody, and if the case is as it was seen."""
        headers = {"Content-Type": "application/json"}
        headers |= {"X-Claimlens-Actor": by} if by else {}
        headers |= {} if seen is None else {"If-Match": f'"{seen}"'}
        return self.request("POST", path, json.dumps(body), headers, timeout)

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


# What somebody does with a case: who, what they ask for, with which body, and as what its timeline tells of it.
Step = collections.namedtuple("Step", "by verb body kind")
APPROVE = {"verdict": "approve", "note": "holds together"}
REJECT = {"verdict": "reject", "note": "the total was painted over", "reason": "altered"}
ASK = {"verdict": "request_photos", "note": "cannot be read", "reason": "blurred"}


class Desk:
    """The steps that people take with one claim, one after another, each sent until it is acknowledged.

    A step with a case is sent with the number of things that the sender had seen happen to it, as `If-Match`: where the
    answer was lost and the step had been taken, the same request is answered 412, an appeal 409 `review_open`, and the
    sender looks. Whoever adds photos has nothing to hold on to and looks before sending them again.
    """

    def __init__(self, claim, steps, told=()):
        self.claim, self.left, self.told = claim, collections.deque(steps), list(told)
        self.seen, self.unsure, self.late, self.wrong, self.sent = None, False, False, [], 0
        self.retried = collections.Counter()

    def take(self, service, timeout=10):
        """Sends the next step. Whether it was acknowledged, or turned out to have been taken."""
        step = self.left[0]
        if step.verb == "photos" if self.unsure else self.seen is None:
            status, claim = service.request("GET", f"/v1/claims/{self.claim}", timeout=timeout)
            if status != 200 or claim["status"] == "processing":
                return False
            found = self.look(service, timeout)
            if found is None or found:
                return bool(found)
        was_unsure, self.unsure, self.sent = self.unsure, True, self.sent + 1
        status, answer = self.send(service, step, timeout)
        if status >= 500:
            return False
        code = answer.get("code")
        if status in (200, 202):
            self.taken(step)
            # A claim's answer does not tell; after photos a decision follows.
            self.seen = answer.get("steps")
        elif was_unsure and code in ("case_changed", "review_open"):
            found = self.look(service, timeout)
            if not found:
                self.give_up(f"{status} {code}, and it was not taken" if found is False else "")
            else:
                self.retried[f"{step.verb} sent again: {status} {code}"] += 1
            return found is not None
        elif code == "too_late":
            # On a busy machine ten seconds are soon over.
            self.late = True
            self.left.clear()
        else:
            self.give_up(f"{step.verb} by {step.by}: {status} {code}")
        self.unsure = False
        return True

    def send(self, service, step, timeout):
        if step.verb == "photos":
            return service.add_photo(self.claim, step.body, step.by, timeout)
        if step.verb == "appeal":
            return service.say(f"/v1/claims/{self.claim}/appeal", step.body, step.by, timeout=timeout)
        return service.say(f"/v1/reviews/{self.claim}/{step.verb}", step.body, step.by, self.seen, timeout)

    def taken(self, step):
        note = step.body.get("note") if isinstance(step.body, dict) else None
        self.told.append((step.kind, step.by, note))
        self.left.popleft()
        self.unsure = False

    def give_up(self, why):
        if why:
            self.wrong.append(f"{self.claim}: {why}")
            self.left.clear()

    def look(self, service, timeout=10):
        """Whether the step that got no answer stands in the timeline beside those that were acknowledged; `None` if
        that cannot be seen now."""
        status, case = service.request("GET", f"/v1/reviews/{self.claim}", timeout=timeout)
        if status not in (200, 404):
            return None
        self.seen = case["steps"] if status == 200 else None
        found = steps_of(case)
        if found == self.told:
            return False
        if self.unsure:
            self.taken(self.left[0])
        if found != self.told:
            self.give_up(f"acknowledged {self.told}, its timeline has {found}")
        return True

    def amiss(self, service):
        """What is lost or double of the steps, once all are taken."""
        found = steps_of(service.request("GET", f"/v1/reviews/{self.claim}")[1])
        lost = found != self.told and not self.wrong
        return self.wrong + [f"{self.claim}: acknowledged {self.told}, its timeline has {found}"] * lost


def steps_of(case):
    """Of a case's timeline what people did: as what it stands there, by whom, and the note."""
    return [(step["kind"], step["by"], step.get("note")) for step in case.get("timeline", []) if step["by"]]


# What people do with a claim of the load, one of these by turns.
LOAD = [
    [
        Step("rv-1", "claim", {}, "claimed"),
        Step("rv-1", "note", {"note": "looks odd"}, "noted"),
        Step("rv-1", "decide", ASK, "photos_asked"),
        Step("app-1", "photos", None, "photos_added"),
        Step("rv-1", "claim", {}, "claimed"),
        Step("rv-1", "decide", APPROVE, "decided"),
        Step("rv-2", "claim", {}, "claimed"),
        Step("rv-2", "decide", APPROVE, "seconded"),
    ],
    [
        Step("rv-1", "claim", {}, "claimed"),
        Step("rv-1", "decide", APPROVE, "decided"),
        Step("rv-1", "undo", {}, "undone"),
        Step("rv-1", "escalate", {"note": "for somebody else"}, "escalated"),
        Step("app-1", "photos", None, "photos_added"),
        Step("rv-2", "claim", {}, "claimed"),
        Step("rv-2", "decide", REJECT, "decided"),
    ],
]


def desk_of(claim, number):
    """What people do with the claim of this number."""
    steps, photo = LOAD[number // 2 % len(LOAD)], png(MOST + number)
    return Desk(claim, [s if s.verb != "photos" else s._replace(body=photo) for s in steps])


class Load:
    """Clients that send small photos, each with a key of its own, and again what got no acknowledgement. With every
    second claim people then take steps until it is ruled, and a photo is added."""

    def __init__(self, clients, pause=0.0):
        self.service, self.over, self.lost, self.pause = None, False, False, pause
        self.numbers, self.told, self.refused, self.wrong = itertools.count(), {}, collections.Counter(), []
        self.desks = []
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
            if number % 2:
                self.review(number)
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

    def review(self, number):
        desk = desk_of(self.told[number], number)
        self.desks.append(desk)
        while desk.left and not self.lost:
            try:
                taken = desk.take(self.service, 60)
            except BROKEN as error:
                self.refused[type(error).__name__] += 1
                taken = False
            if not taken:
                time.sleep(0.02)

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

    def in_service(self):
        """What is lost or double of the steps that people took."""
        return [line for desk in self.desks for line in desk.amiss(self.service)]

    def reviewed(self):
        """How many steps were taken, and what those that were sent twice were told."""
        retried, late = collections.Counter(), sum(desk.late for desk in self.desks)
        for desk in self.desks:
            retried.update(desk.retried)
        told = "".join(f"; {n} times {what}" for what, n in sorted(retried.items()))
        steps = sum(len(desk.told) for desk in self.desks)
        return f"{steps} steps with {len(self.desks)} cases{told}; {late} times too late to take a verdict back"


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


# Entries that are steps of people with a case, and those by which something happened to a case.
STEPS = "(kind LIKE 'review\\_%' ESCAPE '\\' OR kind IN ('photos_asked', 'photos_added', 'claim_appealed'))"
HAPPENED = f"({STEPS} OR kind IN ('decision', 'claim_failed', 'claim_erased'))"


def records(ask):
    """Claims with their state and how many decisions each has, stored and logged, and must have once it is decided; and
    the claims with an outcome."""
    logged = "(SELECT count(*) FROM log WHERE subject = claims.id AND kind = '%s')"
    counted = "SELECT id, state, (SELECT count(*) FROM decisions WHERE claim = claims.id), "
    counted += f"{logged % 'decision'}, 1 + {logged % 'photos_added'} - {logged % 'claim_failed'} FROM claims"
    claims = {name: (state, *map(int, numbers)) for name, state, *numbers in ask(counted)}
    return claims, {name for (name,) in ask("SELECT claim FROM outcomes")}


def cases_amiss(ask):
    """Where the steps stored, the places of cases and the log contradict each other."""
    steps = lambda sql: {(claim, int(entry), kind) for claim, entry, kind in ask(sql)}
    stored = steps("SELECT claim, entry, kind FROM review_steps")
    logged = steps(f"SELECT subject, seq, kind FROM log WHERE {STEPS}")
    found = [f"{claim}: {kind} at entry {n} is stored or logged only" for claim, n, kind in stored ^ logged]
    happened = f"(SELECT count(*) FROM log WHERE subject = claim AND {HAPPENED})"
    for claim, told, counted in ask(f"SELECT claim, steps, {happened} FROM cases WHERE steps <> {happened}"):
        found.append(f"{claim}: {counted} things happened to it, and its place in the queue knows of {told}")
    return found


def amiss(ask, acknowledged, decided=(), outcomes=()):
    """What is lost or double of what was acknowledged."""
    claims, said = records(ask)
    found = [f"{claim}: acknowledged, and lost" for claim in acknowledged if claim not in claims]
    # Where photos were added since it is processed again.
    lost = lambda state, stored, *_: state != "decided" and not stored
    found += [f"{claim}: its decision was told, and is lost" for claim in decided if lost(*claims.get(claim, ("", 0)))]
    found += [f"{claim}: its outcome was acknowledged, and is lost" for claim in outcomes if claim not in said]
    for claim, (state, stored, logged, due) in claims.items():
        if stored != logged or stored > due or (state == "decided" and stored < due):
            found.append(f"{claim}: {stored} decisions stored, {logged} logged, {due} due")
    return found + cases_amiss(ask)


def program_argument(parser):
    parser.add_argument("--program", default=str(PROJECT / "target/release/claimlens"), help="the built program")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", help="folder to work in; a temporary one otherwise")
