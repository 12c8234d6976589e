"""Submits a photo, waits for the decision and prints it with what to tell the claimant.   submit.py URL PHOTO CLAIM_JSON [KEY]

Python's standard library alone.
"""

import hashlib
import json
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path


def ask(url, key, body=None, headers=None, tries=6):
    """The answer's JSON. Tries again where the service says so, or cannot be reached."""
    headers = dict(headers or {})
    if key:
        headers["Authorization"] = f"Bearer {key}"
    for attempt in range(tries):
        try:
            with urllib.request.urlopen(urllib.request.Request(url, data=body, headers=headers), timeout=90) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            problem = json.load(error)
            if error.code not in (409, 429, 503) or attempt == tries - 1:
                sys.exit(f"{problem['code']}: {problem['detail']}")
            time.sleep(int(error.headers.get("Retry-After", 1)))
        except urllib.error.URLError as error:
            if attempt == tries - 1:
                sys.exit(f"{url}: {error.reason}")
            time.sleep(2**attempt)


def form(parts):
    """A body of multipart/form-data, and its content type."""
    boundary = uuid.uuid4().hex
    body = b""
    for name, filename, kind, content in parts:
        file = f'; filename="{filename}"' if filename else ""
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}\r\nContent-Type: {kind}\r\n\r\n'
        body += head.encode() + content + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def main(url, photo, claim, key=None):
    picture, about = Path(photo).read_bytes(), Path(claim).read_bytes()
    body, kind = form(
        [
            ("claim", None, "application/json", about),
            ("photo", "photo", "application/octet-stream", picture),
        ]
    )
    # The same key with the same claim and photo never makes a second claim, however often this is run.
    once = hashlib.sha256(about + picture).hexdigest()
    headers = {"Content-Type": kind, "Idempotency-Key": once, "Prefer": "wait=10"}
    answer = ask(f"{url}/v1/claims", key, body, headers)
    while answer["status"] == "processing":
        time.sleep(1)
        answer = ask(f"{url}/v1/claims/{answer['id']}", key)
    print(answer["id"], answer.get("decision", answer["status"]))
    for told in answer.get("guidance", []):
        print(f"  {told['message']['en']} [{told['code']}]")


if __name__ == "__main__":
    main(*sys.argv[1:])
