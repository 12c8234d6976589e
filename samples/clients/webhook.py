"""Receives webhooks, checks their signatures and prints what happened.   webhook.py PORT SECRET

The secret is the `whsec_…` that making the webhook answered with. Python's standard library alone.
"""

import base64
import hashlib
import hmac
import http.server
import json
import sys
import time

# Older messages are somebody's who recorded one and sends it again.
PATIENCE = 5 * 60


def is_genuine(secret, headers, body):
    """Whether a message comes from who knows the secret, and lately."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    try:
        message, sent = headers["webhook-id"], headers["webhook-timestamp"]
        late = abs(time.time() - int(sent)) > PATIENCE
        signed = f"{message}.{sent}.".encode() + body
        signatures = [text.removeprefix("v1,") for text in headers["webhook-signature"].split(" ")]
    except (KeyError, TypeError, ValueError, AttributeError):
        return False
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return not late and any(hmac.compare_digest(expected, signature) for signature in signatures)


class Receiver(http.server.BaseHTTPRequestHandler):
    seen = set()

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if not is_genuine(sys.argv[2], self.headers, body):
            self.send_response(401)
        else:
            # A message may come twice.
            if self.headers["webhook-id"] not in self.seen:
                self.seen.add(self.headers["webhook-id"])
                event = json.loads(body)
                print(event["type"], event["data"]["id"], flush=True)
            self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
