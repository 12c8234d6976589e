"""Programs held to some cores, and what they have used; the claimlens service among them."""

import json
import os
import re
import subprocess
import sys
import threading
import urllib.request
import uuid
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def family(pid):
    """A process and those that it started, such as the one that reads."""
    found = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            found += family(int(child))
    return found


def held(pid, what="VmRSS"):
    """Megabytes of a process and those it started, now (VmRSS) or at most (VmHWM); what they share counts for each."""
    status = "".join(Path(f"/proc/{one}/status").read_text() for one in family(pid))
    return sum(map(int, re.findall(what + r":\s+(\d+)", status))) / 1024


class Process:
    """A program held to these cores."""

    def __init__(self, command, cores, **more):
        self.child = subprocess.Popen(["taskset", "-c", ",".join(map(str, cores)), *map(str, command)], **more)

    def cpu(self):
        """Seconds of user and system time, of threads that have ended too, and of processes it started that live."""
        stats = (Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split() for one in family(self.child.pid))
        return sum(int(fields[11]) + int(fields[12]) for fields in stats) / TICKS

    def memory(self, what="VmHWM"):
        """Megabytes: the most so far (VmHWM) or now (VmRSS)."""
        return held(self.child.pid, what)

    def stop(self):
        self.child.terminate()
        self.child.wait()


class Service(Process):
    """claimlens, taking claims over HTTP into the folder `data`."""

    def __init__(self, program, data, cores):
        command = [program, "serve", "--listen", "127.0.0.1:0", "--data", data]
        super().__init__(command, cores, stderr=subprocess.PIPE, text=True)
        for line in self.child.stderr:
            if found := re.search(r"http://[\d.:]+", line):
                self.url = found[0] + "/v1/claims"
                # Or the service would wait for somebody to read its log.
                threading.Thread(target=lambda: [None for _ in self.child.stderr], daemon=True).start()
                return
        sys.exit("the service did not start")

    def decide(self, path):
        """The decided claim of one photo, as one never sent before: what was read before is not read again."""
        mark = uuid.uuid4().hex
        photo = Path(path).read_bytes()
        # What follows the end of a picture is not part of it.
        photo += mark.encode()
        claim = json.dumps({"id": mark}).encode()
        part = f"--{mark}\r\ncontent-disposition: form-data; name=".encode()
        upload = part + b'"photo"; filename="photo"\r\n\r\n' + photo + b"\r\n"
        body = part + b'"claim"\r\n\r\n' + claim + b"\r\n" + upload + f"--{mark}--\r\n".encode()
        headers = {"content-type": f"multipart/form-data; boundary={mark}", "prefer": "wait=60"}
        with urllib.request.urlopen(urllib.request.Request(self.url, body, headers)) as answer:
            result = json.load(answer)
        if result["status"] != "decided":
            sys.exit(f"{path} was not decided in a minute: {result['status']}")
        return result
