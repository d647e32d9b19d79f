"""The loop that one writes by hand: poplib, email, sqlite3. PORT USER PASSWORD MAILS TOGETHER DATABASE.
TOGETHER mails share each of the two commits: stored before DELE, and made an incident. Prints the seconds of wall and processor."""

import email
import email.policy
import hashlib
import poplib
import sqlite3
import sys
import time
from email.utils import parseaddr

port, user, password = int(sys.argv[1]), sys.argv[2], sys.argv[3]
mails, together, database = int(sys.argv[4]), int(sys.argv[5]), sys.argv[6]

db = sqlite3.connect(database, isolation_level=None)
db.execute("PRAGMA journal_mode=WAL")
db.execute("PRAGMA synchronous=FULL")
db.execute("CREATE TABLE inbound (id INTEGER PRIMARY KEY, uidl TEXT UNIQUE, sha256 TEXT, message_id TEXT, raw BLOB, state TEXT, record TEXT)")
db.execute("CREATE INDEX due ON inbound (state, id) WHERE state <> 'processed'")
db.execute("CREATE TABLE incident (number TEXT PRIMARY KEY, short_description TEXT, description TEXT, caller_email TEXT)")

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
            message_id = email.message_from_bytes(raw, policy=email.policy.default)["Message-ID"]
            db.execute(
                "INSERT INTO inbound VALUES (NULL, ?, ?, ?, ?, 'ready', NULL)",
                (uidl[n], hashlib.sha256(raw).hexdigest(), message_id, raw),
            )
    db.execute("COMMIT")
    for n in some:
        client.dele(n + 1)
    db.execute("BEGIN IMMEDIATE")
    ready = db.execute("SELECT id, raw FROM inbound WHERE state='ready' AND state<>'processed' ORDER BY id").fetchall()
    for id, raw in ready:
        message = email.message_from_bytes(raw, policy=email.policy.default)
        number = f"INC{id:07}"
        body = message.get_body(("plain", "html"))
        db.execute(
            "INSERT INTO incident VALUES (?, ?, ?, ?)",
            (number, message["Subject"], body.get_content() if body else "", parseaddr(message["From"])[1]),
        )
        db.execute("UPDATE inbound SET state='processed', record=? WHERE id=?", (number, id))
    db.execute("COMMIT")
client.quit()
seconds = time.monotonic() - wall, time.process_time() - cpu
(found,) = db.execute("SELECT count(*) FROM incident").fetchone()
if found != mails:
    sys.exit(f"{found} incidents of {mails} mails")
print(*seconds)
