#!/usr/bin/env python3
"""Changes evidence packs in many ways, each of which `tests/verify_pack.py` must find.

    packs.py LOG.pub --bend FOLDER COUNT    COUNT changes, drawn at random, of the sound packs in FOLDER
    packs.py LOG.pub --all-bent FOLDER      the packs in FOLDER were changed already: none may hold

Two things a pack cannot show, and so are not tried: that the log holds no more of the claim than the pack does, and
that the pack is the newest. Exit status: 0 all found and every sound pack holds, 1 not, 2 wrong usage.
"""

import collections
import copy
import functools
import hashlib
import json
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests"))
import verify_pack  # noqa: E402

# The same few checkpoints are looked at again and again.
verify_pack.signed = functools.lru_cache(None)(verify_pack.signed)
checked = functools.partial(verify_pack.checked, photos=None)


def sign(seed, message):
    """Ed25519, RFC 8032, section 5.1.6; gives the public key and the signature."""
    digest = hashlib.sha512(seed).digest()
    secret = int.from_bytes(digest[:32], "little") & (1 << 254) - 8 | 1 << 254
    number = lambda *parts: int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % verify_pack.ORDER
    public = packed(verify_pack.times(secret, verify_pack.BASE))
    once = number(digest[32:], message)
    point = packed(verify_pack.times(once, verify_pack.BASE))
    answer = (once + number(point, public, message) * secret) % verify_pack.ORDER
    return public, point + answer.to_bytes(32, "little")


def packed(point):
    x, y, z, _ = point
    inverse = pow(z, verify_pack.P - 2, verify_pack.P)
    x, y = x * inverse % verify_pack.P, y * inverse % verify_pack.P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def places(value, path=()):
    """Every value in a pack with the way to it."""
    yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        yield from places(item, (*path, name))


def at(pack, path):
    return functools.reduce(lambda value, name: value[name], path, pack)


def drawn(pack, dice, kinds):
    """A container, the name of something in it, and this."""
    found = [(path, value) for path, value in places(pack) if path and isinstance(value, kinds)]
    path, value = dice.choice(found)
    return at(pack, path[:-1]), path[-1], value


def a_bit(pack, others, dice):
    data = bytearray(json.dumps(pack, indent=2, ensure_ascii=False).encode())
    data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    return bytes(data)


def cut(pack, others, dice):
    data = json.dumps(pack).encode()
    return data[: dice.randrange(len(data))]


def another_value(pack, others, dice):
    holder, name, value = drawn(pack, dice, (str, int, float, type(None)))
    new = [None, 0, 1, "", "x", False, [], {}]
    if isinstance(value, str) and value:
        i = dice.randrange(len(value))
        new += [value[:i] + "b" + value[i:], value[:i] + value[i + 1 :], value.upper(), value + " ", value + "\n"]
    elif isinstance(value, int):
        new += [value + 1, -value, float(value), str(value), value + (1 << 64)]
    holder[name] = dice.choice(new)
    return pack


def left_out(pack, others, dice):
    holder, name, value = drawn(pack, dice, (object,))
    # That a claim failed stands in its entry alone: without it the pack is an earlier one.
    if not (isinstance(value, dict) and value.get("kind") == "claim_failed"):
        del holder[name]
    return pack


def put_in(pack, others, dice):
    holder, name, value = drawn(pack, dice, (dict, list))
    if isinstance(value, dict):
        value[dice.choice(["x", "note", "Id", "hash"])] = dice.choice(["x", 1, None])
    else:
        value.insert(dice.randint(0, len(value)), copy.deepcopy(dice.choice(value)) if value else "x")
    return pack


def twice(pack, others, dice):
    """A member twice in one object: readers differ in which they take."""
    text = json.dumps(pack)
    name = dice.choice(["id", "record", "seq", "payload", "checkpoint", "salt", "outcome"])
    return pack if f'"{name}": ' not in text else text.replace(f'"{name}": ', f'"{name}": "x", "{name}": ', 1)


def reordered(pack, others, dice):
    lists = [value for _, value in places(pack) if isinstance(value, list) and len(value) > 1]
    if lists:
        dice.shuffle(dice.choice(lists))
    return pack


def from_another(pack, others, dice):
    """A part of another claim's pack in the place of its own."""
    holder, name, value = drawn(pack, dice, (object,))
    for other in dice.sample(others, len(others)):
        same = [v for path, v in places(other) if path and path[-1] == name and type(v) is type(value) and v != value]
        if same:
            holder[name] = copy.deepcopy(dice.choice(same))
            break
    return pack


def rewritten(pack, others, dice):
    """A record or the claim changed together with its entry in the log; sometimes with a tree and a key made for it."""
    entry = dice.choice(pack["entries"])
    payload = json.loads(entry["payload"])
    if entry["kind"] == "decision" and "erased" not in pack:
        made = pack["decisions"][0]
        made["record"] = made["record"].replace("human_review", "auto_approve")
        payload["record"] = hashlib.sha256(made["record"].encode()).hexdigest()
    else:
        entry["at"] = "2020-01-01T00:00:00.000Z"
        if entry["kind"] == "claim_accepted":
            pack["claim"]["created_at"] = payload["created_at"] = entry["at"]
    entry["payload"] = verify_pack.canonical(payload)
    if dice.random() < 0.5:
        # A log of one entry, with the name of the real one.
        name, leaf = pack["public_key"].split("+")[0], hashlib.sha256(b"\0" + verify_pack.leaf_of(entry | {"seq": 1}))
        entry["proof"], entry["seq"] = [], 1
        base64 = lambda data: verify_pack.base64.b64encode(data).decode()
        text = f"{name}\n1\n{base64(leaf.digest())}\n"
        public, signature = sign(bytes([dice.randrange(256)] * 32), text.encode())
        key_id = hashlib.sha256(name.encode() + b"\n\x01" + public).digest()[:4]
        pack["checkpoint"] = f"{text}\n— {name} {base64(key_id + signature)}\n"
        pack["public_key"] = f"{name}+{key_id.hex()}+{base64(bytes([1]) + public)}"
    return pack


WAYS = [a_bit, a_bit, a_bit, cut, another_value, another_value]
WAYS += [left_out, put_in, twice, reordered, from_another, rewritten]


def bend(packs, vkey, count, dice):
    found, missed = collections.Counter(), 0
    for pack in packs:
        if checked(json.dumps(pack), vkey):
            print(f"a sound pack does not hold: {checked(json.dumps(pack), vkey)}")
            return 1
    while sum(found.values()) < count:
        pack, way = dice.choice(packs), dice.choice(WAYS)
        others = [other for other in packs if other is not pack]
        bent = way(copy.deepcopy(pack), others, dice)
        if not isinstance(bent, (str, bytes)) and json.dumps(bent) == json.dumps(pack):
            continue
        found[way.__name__.replace("_", " ")] += 1
        text = bent if isinstance(bent, (str, bytes)) else json.dumps(bent)
        if not checked(text, vkey):
            missed += 1
            print(f"not found: {way.__name__}: {text[:3000]!r}")
    told = ", ".join(f"{n} {name}" for name, n in sorted(found.items()))
    print(f"{sum(found.values())} changes of {len(packs)} packs, {missed} not found by the second verifier: {told}")
    return 1 if missed else 0


def main():
    if len(sys.argv) < 4 or sys.argv[2] not in ("--bend", "--all-bent"):
        sys.stderr.write(__doc__)
        return 2
    vkey = pathlib.Path(sys.argv[1]).read_text("utf-8")
    files = sorted(pathlib.Path(sys.argv[3]).glob("*.json"))
    if sys.argv[2] == "--bend":
        packs = [json.loads(file.read_text("utf-8")) for file in files]
        return bend(packs, vkey, int(sys.argv[4]), random.Random(6))
    missed = [file for file in files if not checked(file.read_bytes(), vkey)]
    for file in missed:
        print(f"{file} holds: {file.read_text('utf-8')[:3000]}")
    print(f"{len(files)} packs of changed records, {len(missed)} not found by the second verifier")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
