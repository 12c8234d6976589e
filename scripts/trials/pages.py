#!/usr/bin/env python3
"""Fills the queue with made-up open cases behind the program's back, and measures its pages in every order and by every
filter, for somebody who works on few of them.

The cases are rows alone: nobody sent them and the log knows nothing of them, so that nothing is verified here.
Exit status: 0 no page takes longer than asked for, 1 one does.
"""

import json
import sys
import time
import urllib.parse

from client import busy, common, options, percentile, tell
from places import choose_databases, each_database

ALPHABET = "0123456789abcdefghijklmnopqrstuv"
KINDS = ("medical_outpatient_bill", "medical_inpatient_bill", "vat_invoice", "till_receipt")
WHO = {"X-Claimlens-Actor": "rv-1"}
PAGES = {
    "first, by due": "",
    "first, by risk": "order=risk",
    "first, by age": "order=oldest",
    "first, by amount": "order=amount",
    "of a kind": "kind=vat_invoice",
    "of a language": "language=en",
    "that suit": "suited=true",
    "that suit, by risk": "suited=true&order=risk",
    "for a reason": "reason=total_in_words_differs",
    "for a rare reason": "reason=repeat_found",
    "between amounts": "min=500.00&max=510.00",
    "with a task": "task=missing_papers",
    "by a name": "q=A-77777",
}


def name(n):
    """The name of the claim of the case `n`."""
    digits = ""
    for _ in range(26):
        n, digit = divmod(n, 32)
        digits = ALPHABET[digit] + digits
    return f"clm_{digits}"


def rows(count, now, empty):
    """Statements that make the cases, some thousand rows each; `empty` is how the database writes no bytes."""
    for first in range(0, count, 5000):
        claims, cases = [], []
        for n in range(first, min(first + 5000, count)):
            claim = json.dumps({"id": f"A-{n}"})
            reason = "repeat_found" if n % 5000 == 7 else ("low_confidence", "total_in_words_differs")[n % 3 == 0]
            kind, language = (KINDS[n % 3], " zh ") if n % 400 else (KINDS[3], " en ")
            clock, amount, risk = now - 997 * n % 1_000_000_007, -(n * 7919 % 2_000_000), -(n * 104_729 % 1_000_000)
            claims.append(f"('{name(n)}', '2026-01-01T00:00:00.000Z', '{claim}', {empty}, 'decided')")
            cases.append(f"('{name(n)}', 'open', 2, {clock}, {clock}, 0, 3, '{kind}', ' {reason} ', 1, {amount}, "
                         f"{risk}, '{language}')")  # fmt: skip
        yield f"INSERT INTO claims (id, created_at, claim_json, salt, state) VALUES {', '.join(claims)}"
        yield ("INSERT INTO cases (claim, phase, rank, clock, opened, appeal, steps, kind, reasons, documents, amount, "
               f"risk, languages) VALUES {', '.join(cases)}")  # fmt: skip


def took(service, query):
    """Seconds until a page is there, and how many cases are on it."""
    begun = time.monotonic()
    status, page = service.request("GET", f"/v1/reviews?limit=30&{query}", headers=WHO)
    assert status == 200, page
    return time.monotonic() - begun, page


def main():
    parser = options(__doc__)
    choose_databases(parser)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--looks", type=int, default=20, help="at each page")
    parser.add_argument("--most", type=float, default=0.1, help="seconds that a page may take")
    arguments = parser.parse_args()
    held = []
    for database, data, env, _ in each_database(arguments):
        service = common.Service(arguments.program, data, env=env, role="api")
        assert service.ready(), service.said()
        run = writer(database, data, env)
        for statement in rows(arguments.cases, int(time.time() * 1000), "x''" if database == "sqlite" else "''"):
            run(statement)
        run("ANALYZE")
        body = {"reviewers": [{"name": "rv-1", "kinds": ["till_receipt"], "languages": ["en"]}]}
        status, said = service.request("PUT", "/v1/skills", json.dumps(body), {"Content-Type": "application/json"})
        assert status == 200, said
        print(f"{database}: {arguments.cases} open cases, of which {said['open']['of'][0]['cases']} suit; {busy()}")
        for what, query in PAGES.items():
            looks = [took(service, query) for _ in range(arguments.looks)]
            slow, cases = percentile([seconds for seconds, _ in looks], 0.95), len(looks[0][1]["cases"])
            held.append(tell(f"{what}: {cases} cases, 95 in 100", f"{slow * 1000:.0f} ms", slow <= arguments.most))
        # A page far down is found as fast as the first.
        cursor, pages = took(service, "")[1]["next"], []
        for _ in range(arguments.looks):
            seconds, page = took(service, f"cursor={urllib.parse.quote(cursor)}")
            pages.append(seconds)
            cursor = page["next"]
        slow = percentile(pages, 0.95)
        held.append(tell("page after page, 95 in 100", f"{slow * 1000:.0f} ms", slow <= arguments.most))
        service.stop()
    return 0 if all(held) else 1


def writer(database, data, env):
    """What runs a statement on the database of the service."""
    if database == "sqlite":
        import sqlite3

        def run(sql):
            with sqlite3.connect(f"{data}/claimlens.sqlite", timeout=60) as db:
                db.execute(sql)

        return run
    import subprocess

    from postgres import BIN

    folder = env["CLAIMLENS_DATABASE"].split("host=")[1]
    command = [BIN / "psql", "-h", folder, "-U", "postgres", "-q", "claims"]
    return lambda sql: subprocess.run(command, check=True, input=sql, text=True, capture_output=True)


if __name__ == "__main__":
    sys.exit(main())
