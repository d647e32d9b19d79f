"""The loop that one writes by hand: poplib, email, sqlite3. PORT USER PASSWORD MAILS TOGETHER DATABASE.
TOGETHER mails share each of the two commits: stored before DELE, and classified and made an incident. Prints the seconds of
wall and processor."""

import email
import email.policy
import hashlib
import poplib
import re
import sqlite3
import sys
import time
from email.utils import parseaddr

port, user, password = int(sys.argv[1]), sys.argv[2], sys.argv[3]
mails, together, database = int(sys.argv[4]), int(sys.argv[5]), sys.argv[6]

db = sqlite3.connect(database, isolation_level=None)
db.execute("PRAGMA journal_mode=WAL")
db.execute("PRAGMA synchronous=FULL")
db.execute("CREATE TABLE inbound (id INTEGER PRIMARY KEY, uidl TEXT UNIQUE, sha256 TEXT, message_id TEXT, author TEXT COLLATE NOCASE, received REAL, raw BLOB, state TEXT, class TEXT, reason TEXT, record TEXT)")
db.execute("CREATE INDEX author ON inbound (author, received) WHERE state = 'processed'")
db.execute("CREATE TABLE user (id TEXT PRIMARY KEY, email TEXT UNIQUE COLLATE NOCASE)")
db.execute("CREATE TABLE sent (message_id TEXT PRIMARY KEY, record TEXT)")
db.execute("CREATE INDEX due ON inbound (state, id) WHERE state <> 'processed'")
db.execute("CREATE TABLE incident (number TEXT PRIMARY KEY, short_description TEXT, description TEXT, caller_email TEXT)")

NUMBER = re.compile(r"\bINC\d{7}\b")


def classify(message, sender):
    """What a mail is, why, and what it is about."""
    automatic = message["Auto-Submitted"]
    if automatic and automatic.lower() != "no":
        return "auto", f"no person wrote it: {automatic}", None
    since = time.time() - 3600
    (count,) = db.execute(
        "SELECT count(*) FROM inbound WHERE state='processed' AND author=? AND received>=?", (sender, since)
    ).fetchone()
    if count >= 30:
        return "held", f"{count} mails within an hour: perhaps a loop", None
    for id in f"{message['In-Reply-To'] or ''} {message['References'] or ''}".split():
        sent = db.execute("SELECT record FROM sent WHERE message_id=?", (id,)).fetchone()
        if sent:
            return "reply", f"it answers {id}", sent[0]
    subject = message["Subject"] or ""
    number = NUMBER.search(subject) if subject.lower().startswith("re:") else None
    if number and db.execute("SELECT 1 FROM incident WHERE number=?", (number[0],)).fetchone():
        return "reply", f"its subject names {number[0]}", number[0]
    user = db.execute("SELECT id FROM user WHERE email=?", (sender,)).fetchone()
    return "new", f"from {user[0]}" if user else "from a guest", None


wall, cpu = time.monotonic(), time.process_time()
client = poplib.POP3("127.0.0.1", port)
client.user(user)
client.pass_(password)
uidl = [line.split()[1].decode() for line in client.uidl()[1]]
if len(uidl) != mails:
    sys.exit(f"{len(uidl)} mails, not {mails}")
for first in range(0, mails, together):
    some = range(first, min(first + together, mails))
    db.execute("BEGIN IMMEDIATE")
    for n in some:
        raw = b"\r\n".join(client.retr(n + 1)[1]) + b"\r\n"
        known = db.execute("SELECT 1 FROM inbound WHERE uidl=?", (uidl[n],)).fetchone()
        if not known:
            message = email.message_from_bytes(raw, policy=email.policy.default)
            author = parseaddr(message["From"])[1]
            db.execute(
                "INSERT INTO inbound VALUES (NULL, ?, ?, ?, ?, ?, ?, 'ready', NULL, NULL, NULL)",
                (uidl[n], hashlib.sha256(raw).hexdigest(), message["Message-ID"], author, time.time(), raw),
            )
    db.execute("COMMIT")
    for n in some:
        client.dele(n + 1)
    db.execute("BEGIN IMMEDIATE")
    ready = db.execute("SELECT id, raw FROM inbound WHERE state='ready' AND state<>'processed' ORDER BY id").fetchall()
    for id, raw in ready:
        message = email.message_from_bytes(raw, policy=email.policy.default)
        sender = parseaddr(message["From"])[1]
        kind, reason, record = classify(message, sender)
        if kind != "new":
            sys.exit(f"mail {id} is {kind}: {reason}, {record}")
        number = f"INC{id:07}"
        body = message.get_body(("plain", "html"))
        db.execute(
            "INSERT INTO incident VALUES (?, ?, ?, ?)",
            (number, message["Subject"], body.get_content() if body else "", sender),
        )
        db.execute(
            "UPDATE inbound SET state='processed', class=?, reason=?, record=? WHERE id=?", (kind, reason, number, id)
        )
    db.execute("COMMIT")
client.quit()
seconds = time.monotonic() - wall, time.process_time() - cpu
(found,) = db.execute("SELECT count(*) FROM incident").fetchone()
if found != mails:
    sys.exit(f"{found} incidents of {mails} mails")
print(*seconds)
