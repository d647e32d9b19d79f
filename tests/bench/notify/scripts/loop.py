"""The loop that one writes by hand: jinja2, email, smtplib, sqlite3. PORT MAILS TOGETHER SYNCHRONOUS TEMPLATES DATABASE.
TOGETHER mails share each of the three commits: queued, claimed, done. Prints the seconds of wall and processor."""

import sqlite3
import smtplib
import sys
import time
from email.message import EmailMessage
from email.utils import formatdate

from jinja2.sandbox import SandboxedEnvironment

port, mails, together = map(int, sys.argv[1:4])
synchronous, templates, database = sys.argv[4:7]
env = SandboxedEnvironment(variable_start_string="${", variable_end_string="}", autoescape=True)
plain = SandboxedEnvironment(variable_start_string="${", variable_end_string="}")


def read(name):
    with open(f"{templates}/{name}") as file:
        return file.read().replace("steps|split(',')", "steps.split(',')")


subject = plain.from_string("${number}: ${short_description}")
html = env.from_string(read("escalated.html"))
text = plain.from_string(read("escalated.txt"))

db = sqlite3.connect(database, isolation_level=None)
db.execute("PRAGMA journal_mode=WAL")
db.execute(f"PRAGMA synchronous={synchronous}")
db.execute("CREATE TABLE mail (id INTEGER PRIMARY KEY, recipient TEXT, subject TEXT, raw BLOB, state TEXT, message_id TEXT UNIQUE)")
db.execute("CREATE INDEX due ON mail (state, id) WHERE state <> 'sent'")
db.execute("CREATE TABLE attempt (id INTEGER PRIMARY KEY, mail INTEGER, code INTEGER, said TEXT)")


def record(n):
    return {
        "number": f"INC{n:07}",
        "short_description": f"Printer {n} on fire",
        "description": "There is smoke & light where there should be paper. " * 8,
        "priority": 1,
        "opened_by": "Grace Hopper",
        "steps": "unplug,open the window,leave the room,call somebody",
        "URI": f"https://desk.example.org/incident/INC{n:07}",
        "recipient": {"name": f"recipient{n}@example.net"},
    }


def build(n):
    fields = record(n)
    if not (fields["priority"] <= 2 and fields["short_description"]):
        return None
    message = EmailMessage()
    message["From"] = "Help desk <desk@example.org>"
    message["To"] = f"recipient{n}@example.net"
    message["Subject"] = subject.render(fields)
    message["Date"] = formatdate()
    message["Message-ID"] = f"<{n}.bench@example.org>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text.render(fields))
    message.add_alternative(html.render(fields), subtype="html")
    return message


client = smtplib.SMTP("127.0.0.1", port)
client.ehlo("[127.0.0.1]")
wall, cpu = time.monotonic(), time.process_time()
for first in range(0, mails, together):
    some = range(first, min(first + together, mails))
    db.execute("BEGIN IMMEDIATE")
    for n in some:
        message = build(n)
        db.execute(
            "INSERT INTO mail VALUES (NULL, ?, ?, ?, 'ready', ?)",
            (message["To"], message["Subject"], message.as_bytes(), message["Message-ID"]),
        )
    db.execute("COMMIT")
    db.execute("BEGIN IMMEDIATE")
    claimed = db.execute(
        "UPDATE mail SET state='leased' WHERE id IN (SELECT id FROM mail WHERE state='ready' AND state<>'sent'"
        " ORDER BY id LIMIT ?) RETURNING id, recipient, raw",
        (together,),
    ).fetchall()
    db.execute("COMMIT")
    done = []
    for id, recipient, raw in claimed:
        if client.sendmail("desk@example.org", [recipient], raw):
            sys.exit("a recipient was refused")
        done.append(id)
    db.execute("BEGIN IMMEDIATE")
    for id in done:
        db.execute("UPDATE mail SET state='sent' WHERE id=?", (id,))
        db.execute("INSERT INTO attempt VALUES (NULL, ?, 250, 'Ok')", (id,))
    db.execute("COMMIT")
print(time.monotonic() - wall, time.process_time() - cpu)
client.quit()
