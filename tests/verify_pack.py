#!/usr/bin/env python3
"""Checks an evidence pack of claimlens offline, without any of its code: Python's standard library alone.

    verify_pack.py PACK.json LOG.pub [FOLDER WITH THE PHOTOS]

LOG.pub holds the log's public key, noted earlier: a pack that brought its own would prove nothing. One noted before
the log's key was changed serves as well, since each key signs the next. Prints what does not hold, or `holds`.
Exit status: 0 all holds, 1 not, 2 wrong usage.
"""

import base64
import hashlib
import json
import pathlib
import re
import struct
import sys


def sha256(data):
    return hashlib.sha256(data).digest()


def unhex(text):
    """Bytes of lower-case hex digits, the one way to write them."""
    if not re.fullmatch("([0-9a-f]{2})*", text):
        raise ValueError("not lower-case hex digits")
    return bytes.fromhex(text)


def unbase64(text):
    """Bytes of base64, the one way to write them: no stray characters, no bits left over."""
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("not canonical base64")
    return data


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def once(pairs):
    """An object of JSON in which no member stands twice: readers differ in which one they take."""
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a member stands twice")
    return dict(pairs)


def of(value, members):
    """The object, if it has these members and no others: what nothing vouches for must not stand in a pack."""
    if not isinstance(value, dict) or set(value) != set(members.split()):
        raise ValueError(f"not the members {members}")
    return value


# What people do with a claim, each step an entry of its own.
STEPS = """review_claimed review_released review_taken_over review_decided review_seconded review_undone
    review_escalated review_noted claim_appealed claim_withdrawn claim_nudged review_task_done review_overdue photos_asked
    photos_added review_paired review_agreed review_parted claim_known""".split()

# Ed25519, verification only: RFC 8032, section 5.1, in affine terms of its appendix.
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add(a, b):
    (x1, y1, z1, t1), (x2, y2, z2, t2) = a, b
    m, n, c, d = (y1 - x1) * (y2 - x2), (y1 + x1) * (y2 + x2), 2 * t1 * t2 * D, 2 * z1 * z2
    e, f, g, h = n - m, d - c, d + c, n + m
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(n, point):
    out = (0, 1, 1, 0)
    while n:
        if n & 1:
            out = add(out, point)
        point, n = add(point, point), n >> 1
    return out


def decompress(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - x2) % P or (x == 0 and sign):
        raise ValueError("not a point")
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


BASE = decompress((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def signed(key, message, signature):
    if len(signature) != 64:
        return False
    try:
        a, r = decompress(key), decompress(signature[:32])
    except ValueError:
        return False
    s = int.from_bytes(signature[32:], "little")
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % ORDER
    left, right = times(s, BASE), add(r, times(k, a))
    return s < ORDER and all((left[i] * right[2] - right[i] * left[2]) % P == 0 for i in (0, 1))


def key_of(vkey):
    """Name, id and 32 bytes of a public key as C2SP signed notes write it."""
    name, key_id, key = vkey.split("+", 2)
    key = unbase64(key)
    if key[0] != 1 or sha256(name.encode() + b"\n" + key)[:4].hex() != key_id:
        raise ValueError("the public key is malformed")
    return name, key_id, key


def open_note(note, vkey):
    """Size and root of a signed checkpoint: C2SP signed-note and tlog-checkpoint."""
    name, key_id, key = key_of(vkey)
    # The log signs once; what else stood in its note would be somebody's addition.
    found = re.fullmatch("((\\S+)\n(0|[1-9][0-9]*)\n(\\S+)\n)\n— (\\S+) (\\S+)\n", note, re.ASCII)
    if found and found[2] == found[5] == name:
        raw = unbase64(found[6])
        if raw[:4].hex() == key_id and signed(key[1:], found[1].encode(), raw[4:]):
            return int(found[3]), unbase64(found[4])
    raise ValueError("the checkpoint is not signed by the log's key")


def included(leaf, index, size, proof, root):
    """RFC 9162, 2.1.3.2."""
    if index >= size:
        return False
    fn, sn, r = index, size - 1, sha256(b"\0" + leaf)
    for part in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = sha256(b"\1" + part + r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = sha256(b"\1" + r + part)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root


def leaf_of(e):
    texts = (e[n].encode() for n in ("at", "kind", "subject"))
    parts = b"".join(struct.pack(">I", len(t)) + t for t in texts)
    head = b"claimlens log entry v1\0" + struct.pack(">Q", e["seq"]) + parts
    return head + sha256(e["payload"].encode()) + unhex(e["prev_hash"])


def salted(salt, text):
    return sha256(struct.pack(">I", len(salt)) + salt + text.encode()).hex()


def in_force(vkey, changes):
    """The key that the one noted leads to: each signs the next, in an entry of the log. Gives none if it is none of them."""
    keys = []
    for e in changes:
        change = of(json.loads(e["payload"], object_pairs_hook=once), "new old signature")
        old, new = key_of(change["old"]), key_of(change["new"])
        statement = f"claimlens log key v1\n{change['old']}\n{change['new']}\n".encode()
        told = (e["kind"], e["subject"]) == ("key_rotated", "key") and (not keys or keys[-1] == change["old"])
        if not told or old[0] != new[0] or not signed(old[2][1:], statement, unbase64(change["signature"])):
            raise ValueError("the log's key was changed without the word of the one before")
        keys += [change["new"]] if keys else [change["old"], change["new"]]
    return keys[-1] if vkey in keys else None


def photo_of(p, salt, sealed):
    """A photo as the log has it; of what is sealed that holds salted hashes, and plain ones of the sealed bytes."""
    of(p, "source sha256 bytes media_type pdf_page page blob")
    out = {"source": salted(salt, p["source"]), "bytes": p["bytes"], "media_type": p["media_type"]}
    out |= {"blob": p["blob"], "photo": salted(salt, p["sha256"])} if sealed else {"sha256": p["sha256"]}
    return out | ({"pdf_page": p["pdf_page"]} if p["pdf_page"] is not None else {})


def step_of(step, salt, sealed):
    """A person's step as the log has it."""
    if step["by"] is not None and not (isinstance(step["by"], str) and step["by"]):
        raise ValueError("a step is by nobody that could be")
    out = {member: step[member] for member in ("reason", "second", "verdict")}
    out["by"] = salted(unhex(step["salt"]), step["by"] or "")
    if "content" in step:
        content = step["content"]
        out |= {"content": None if content is None else salted(salt, content), "sealed": step["sealed"]}
    if step["kind"] == "photos_added":
        out["replaces"] = step["replaces"]
        if "photos" in step:
            out["photos"] = [photo_of(p, salt, sealed) for p in step["photos"]]
    elif step["replaces"] is not None or step.get("photos") is not None:
        raise ValueError("photos come with a step that adds none")
    return out


def rounds_of(claim, steps):
    """Every photo with after how many additions it came, and from which on it is left out."""
    photos = [[p, 0, None] for p in claim["photos"]]
    for n, step in enumerate((s for s in steps if s["kind"] == "photos_added"), 1):
        if step["replaces"] is not None:
            photos[step["replaces"]][2] = n
        photos += [[p, n, None] for p in step["photos"]]
    return photos


def counts(photo, additions):
    """Whether it is decided of after so many additions."""
    return photo[1] <= additions and (photo[2] is None or photo[2] > additions)


def faults(pack, vkey, photos):
    if pack["format"] != "claimlens evidence pack v1":
        yield "this is no evidence pack of version 1"
        return
    changes = " keys" if "keys" in pack else ""  # only where the log's key was changed
    tenant = " tenant" if "tenant" in pack["claim"] else ""  # only where several share an installation
    changes += " steps" if "steps" in pack else ""  # only where a person took one
    steps = pack.get("steps", [])
    if "steps" in pack and not steps:
        yield "the pack tells of steps and has none"
    if "erased" in pack:
        of(pack, "format public_key checkpoint claim erased decisions outcome entries" + changes)
        claim = of(pack["claim"], "id created_at key" + tenant)
        salt = unhex(of(pack["erased"], "at by why salt")["salt"])
    else:
        of(pack, "format public_key checkpoint claim decisions outcome policies entries" + changes)
        claim = of(pack["claim"], "id created_at claim_json salt key photos sealed" + tenant)
        salt = unhex(claim["salt"])
    vkey = vkey.strip()
    if "keys" in pack:
        vkey = in_force(vkey, pack["keys"]) or vkey
    size, root = open_note(pack["checkpoint"], vkey)
    if pack["public_key"] != vkey:
        yield "the pack names another key"
    last = 0
    for e in pack.get("keys", []):
        of(e, "seq at kind subject payload prev_hash proof")
        if e["seq"] <= last or not included(leaf_of(e), e["seq"] - 1, size, [unbase64(h) for h in e["proof"]], root):
            yield f"the change of the key in entry {e['seq']} is not in the log"
        last = e["seq"]
    by_kind, times, last, taken, rounds, additions = {}, {}, 0, [], [], 0
    for e in pack["entries"]:
        of(e, "seq at kind subject payload prev_hash proof")
        proof = [unbase64(h) for h in e["proof"]]
        if not included(leaf_of(e), e["seq"] - 1, size, proof, root):
            yield f"entry {e['seq']} is not in the log"
        if e["seq"] <= last or e["subject"] != claim["id"]:
            yield f"entry {e['seq']} is out of order or of another claim"
        last = e["seq"]
        additions += e["kind"] == "photos_added"
        if e["kind"] == "decision":
            rounds.append(additions)
        if e["kind"] in STEPS:
            taken.append((e["kind"], json.loads(e["payload"], object_pairs_hook=once)))
            continue
        by_kind.setdefault(e["kind"], []).append(e["payload"])
        times.setdefault(e["kind"], []).append(e["at"])
    if "erased" in pack:
        if [step["kind"] for step in steps] != [kind for kind, _ in taken]:
            yield "the steps are not those that were logged"
        for step, (_, logged) in zip(steps, taken):
            of(step, "kind by salt verdict reason second replaces")
            known = step_of(step, salt, True)
            if canonical(known) != canonical({member: logged[member] for member in known}):
                yield "a step is not the one that was logged"
        yield from remains(pack, claim, salt, by_kind, times)
        return
    sealed = claim["sealed"] is not None
    want = {
        "claim": None if claim["claim_json"] is None else salted(salt, claim["claim_json"]),
        "created_at": claim["created_at"],
        "photos": [photo_of(p, salt, sealed) for p in claim["photos"]],
    }
    if tenant:
        want["tenant"] = claim["tenant"]
    for step in steps:
        of(step, "kind by salt verdict reason second replaces content sealed photos")
    if canonical([(step["kind"], step_of(step, salt, sealed)) for step in steps]) != canonical(taken):
        yield "the steps are not those that were logged"
    every = rounds_of(claim, steps)
    if sealed:
        want["sealed"] = claim["sealed"]
    elif any(p["blob"] != p["sha256"] for p, _, _ in every):
        yield "a photo is stored under another name than its hash"
    accepted = by_kind.pop("claim_accepted", ["{}"])
    if "key" in json.loads(accepted[0]):  # not logged at first
        want["key"] = claim["key"]
        if sealed and claim["key"] is not None:
            key, body = claim["key"]
            want["key"] = salted(salt, f"{key}\n{body}")
    as_of = times.get("decision", [])
    if "now" in json.loads(accepted[0]):  # the time to decide as of: not kept, but the record tells it
        want["now"] = json.loads(accepted[0])["now"]
        as_of = as_of if want["now"] is None else [want["now"]] * len(as_of)
    if accepted != [canonical(want)]:
        yield "the claim is not the one that was logged"
    decided, made = [json.loads(payload) for payload in by_kind.get("decision", [])], []
    if any(x[0]["page"] is not None and not any(counts(x, made_at) for made_at in rounds) for x in every):
        yield "the claim has a page and no decision that it was made for"
    for n, d in enumerate(pack["decisions"]):
        of(d, "record timing sealed")
        counted = [x for x in every if counts(x, rounds[n])]
        pages = [p["page"] for p, _, _ in counted]
        for i, x in enumerate(counted):
            # A page that could not be made at first may have been at a later decision.
            if decided[n]["pages"][i] is None and any(counts(x, later) for later in rounds[n + 1 :]):
                pages[i] = None
        made.append({k: sha256(d[k].encode()).hex() for k in ("record", "timing")} | {"pages": pages})
        if sealed:
            made[-1] |= {"record": salted(salt, d["record"]), "sealed": d["sealed"]}
        elif d["sealed"] is not None:
            yield "a record is sealed and its claim is not"
        record = json.loads(d["record"])
        if "now" in want and record["evidence"]["facts"]["now"] != as_of[n][:19] + "Z":
            yield "a decision is as of another time than was logged"
        policy = record["versions"]["policy"]
        if sha256(pack["policies"].get(policy, "").encode()).hex() != policy:
            yield "the policy that was decided by is altered or missing"
    if by_kind.pop("decision", []) != [canonical(m) for m in made]:
        yield "a decision is not the one that was logged"
    if set(pack["policies"]) - {json.loads(d["record"])["versions"]["policy"] for d in pack["decisions"]}:
        yield "the pack holds a policy that nothing was decided by"
    outcomes = []
    if pack["outcome"] is not None:
        outcome, source, by = pack["outcome"]
        outcomes = [canonical({"outcome": outcome, "source": source, "by": salted(salt, by)})]
    if by_kind.pop("outcome", []) != outcomes:
        yield "the audited outcome is not the one that was logged"
    by_kind.pop("claim_failed", None)
    for kind in by_kind:
        yield f"entries of the unknown kind {kind}"
    if photos is not None:
        there = {sha256(f.read_bytes()).hex() for f in photos.rglob("*") if f.is_file()}
        for n, (photo, _, _) in enumerate(every):
            if photo["blob"] not in there and photo["sha256"] not in there:
                yield f"photo {n} is not in the folder as it was logged"


def remains(pack, claim, salt, by_kind, times):
    """What is left of an erased claim."""
    erased, accepted = pack["erased"], by_kind.pop("claim_accepted", [])
    plain = [{k: v for k, v in of.items() if k in ("created_at", "tenant")} for of in [claim, *map(json.loads, accepted)]]
    if len(accepted) != 1 or plain[0] != plain[1]:
        yield "the claim is not the one that was logged"
    said = pack["outcome"]
    want = {
        "by": salted(salt, erased["by"]),
        "decisions": [of(d, "decision timing")["decision"] for d in pack["decisions"]],
        "key": claim["key"],
        "reviewer": None if said is None else salted(salt, said[2]),
        "why": salted(salt, erased["why"]),
    }
    if by_kind.pop("claim_erased", []) != [canonical(want)] or times["claim_erased"] != [erased["at"]]:
        yield "the erasure is not the one that was logged"
    timings = [sha256(d["timing"].encode()).hex() for d in pack["decisions"]]
    if [json.loads(p)["timing"] for p in by_kind.pop("decision", [])] != timings:
        yield "a decision is not the one that was logged"
    logged = [json.loads(p) for p in by_kind.pop("outcome", [])]
    if [[o["outcome"], o["source"]] for o in logged] != ([] if said is None else [said[:2]]) or said and len(said) != 3:
        yield "the audited outcome is not the one that was logged"
    by_kind.pop("claim_failed", None)
    for kind in by_kind:
        yield f"entries of the unknown kind {kind}"


def checked(text, vkey, photos=None):
    """Everything that does not hold in a pack."""
    found = []
    try:
        text = text if isinstance(text, str) else text.decode()
        found.extend(faults(json.loads(text, object_pairs_hook=once), vkey, photos))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, struct.error) as e:
        found.append(f"malformed: {e!r}")
    return found


def main():
    if len(sys.argv) not in (3, 4):
        sys.stderr.write(__doc__)
        return 2
    try:
        pack, vkey = (pathlib.Path(p).read_bytes() for p in sys.argv[1:3])
        photos = pathlib.Path(sys.argv[3]) if len(sys.argv) == 4 else None
        found = checked(pack, vkey.decode(), photos)
    except OSError as e:
        sys.stderr.write(f"{e}\n")
        return 2
    for fault in found:
        print(fault)
    if not found:
        print("holds")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
