"""What no schema can say of a sound request, for schemathesis: that photos are pictures, a policy is a policy, the end
of a term comes after its beginning. Only requests that are to be sound are touched, before they are sent."""

import itertools
import os
import pathlib
import subprocess
import sys

import schemathesis
from schemathesis.transport.serialization import Binary

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from client import paper  # noqa: E402

REASONS = {"reject": "altered", "request_photos": "blurred"}
POLICY = subprocess.run(
    [os.environ["CLAIMLENS_TRIAL_PROGRAM"], "policy", "show"], check=True, capture_output=True, text=True
).stdout
# Small, so that thousands of claims are read within minutes.
PICTURE = Binary(paper(0))
# Where there are no keys, bodies must say who.
BY = {"/v1/claims/{id}/erase", "/v1/claims/{id}/outcome", "/v1/gate/reopen"}
KEYS = itertools.count()
# Of a card or a queue: letters that are seen.
NAME = {"en": "Invoices", "zh": "发票"}


@schemathesis.serializer("application/toml")
def toml(ctx, value):
    return value if isinstance(value, bytes) else str(value).encode()


def form(body):
    """Pictures in place of any bytes, and the first photo as the one to be replaced."""
    if "photo" in body:
        photos = body["photo"]
        body["photo"] = [PICTURE for _ in photos or [b""]] if isinstance(photos, list) else PICTURE
    if "replaces" in body:
        body["replaces"] = 0
    term = (body.get("claim") or {}).get("policy") or {}
    if term.get("from") and term.get("to") and term["from"] > term["to"]:
        term["from"], term["to"] = term["to"], term["from"]


def sorted_out(cards):
    """Each card once, and the one that no case goes without."""
    label = {"label": NAME}
    once = {card["card"]: {**card, **(label if card.get("label") else {})} for card in cards}
    return list({"problems": {"card": "problems"}, **once}.values())


def cards(queue):
    return {"name": NAME, "kind": "vat_invoice", "cards": sorted_out(queue["cards"])}


@schemathesis.hook
def before_call(ctx, case, kwargs):
    if case.meta is not None and case.meta.generation.mode.is_positive:
        mend(case)
        # Or the request would be taken for an unsound one: a schema cannot judge bytes.
        case._sync_validated_hashes()


def mend(case):
    path, body, query = case.operation.path, case.body, case.query or {}
    if case.headers and "Idempotency-Key" in case.headers:
        # One request a key.
        case.headers["Idempotency-Key"] = f'"trial-{next(KEYS)}"'
    if path in BY and isinstance(body, dict):
        body["by"] = body.get("by") or "ad-1"
    if case.media_type == "multipart/form-data" and isinstance(body, dict):
        form(body)
    elif path == "/v1/photos:check" and not case.media_type.startswith("image/"):
        # Of a kind of picture schemathesis has one of its own.
        case.body = PICTURE
    elif path == "/v1/cards" and isinstance(body, dict):
        body["queues"] = [cards(queue) for queue in body["queues"][:1]]
        body["rest"] = sorted_out(body["rest"])
    elif path == "/v1/skills" and isinstance(body, dict):
        # Each person once, and each kind and language of theirs.
        once = {skill["name"].lower(): skill for skill in body["reviewers"]}
        for skill in once.values():
            skill.update({key: list(dict.fromkeys(skill[key])) for key in ("kinds", "languages") if key in skill})
        body["reviewers"] = list(once.values())
    elif path == "/v1/policy/backtest":
        case.body = POLICY
    elif path == "/v1/audit/consistency":
        # There is one entry at least.
        case.query = {"old": 0, "new": 1}
    elif path == "/v1/reviews" and query.get("cursor"):
        query["order"] = query["cursor"].split(".")[0]
    elif path == "/v1/webhooks" and isinstance(body, dict):
        body["url"] = "http://127.0.0.1:9/hook"
    elif path == "/v1/reviews/{id}/decide" and isinstance(body, dict):
        body["corrections"] = []
        body["reason"] = REASONS.get(body["verdict"])
