"""Reads messages, each after a line with its length, and says in one JSON array what they are."""
import hashlib
import json
import sys
from email import message_from_bytes, message_from_string, policy


def field(message, name):
    return str(message[name]) if name in message else None


def addresses(message, name):
    values = message.get_all(name, [])
    # It puts a space between adjacent encoded words of a name (CPython #128110), against RFC 2047 §6.2: spaces do not count.
    return [["".join(a.display_name.split()), a.addr_spec] for value in values for a in value.addresses]


def defects(message):
    for part in message.walk():
        yield from map(repr, part.defects)
        for value in part.values():
            yield from (f"{value.name}: {defect!r}" for defect in value.defects)
        if not part.is_multipart():
            part.get_payload(decode=True)
            yield from map(repr, part.defects)


def leaf(part):
    content = part.get_payload(decode=True) or b""
    return [part.get_content_type(), part.get_filename(), hashlib.sha256(content).hexdigest()]


def text(message, kind):
    part = message.get_body(preferencelist=(kind,))
    return None if part is None else part.get_content().replace("\r\n", "\n")


def told(message):
    return {
        "defects": sorted(set(defects(message))),
        "subject": field(message, "Subject"),
        "extra": field(message, "X-Extra"),
        "message_id": field(message, "Message-ID"),
        "from": addresses(message, "From"),
        "to": addresses(message, "To"),
        "cc": addresses(message, "Cc"),
        "plain": text(message, "plain"),
        "html": text(message, "html"),
        "files": [leaf(p) for p in message.walk() if p.is_attachment()],
        "inline": [leaf(p) for p in message.walk() if p.get_content_disposition() == "inline"],
        "kinds": [p.get_content_type() for p in message.walk()],
    }


answer = []
while length := sys.stdin.buffer.readline():
    octets = sys.stdin.buffer.read(int(length))
    if octets.split(b"\r\n\r\n")[0].isascii():
        message = message_from_bytes(octets, policy=policy.default)
    else:
        # The parser of octets leaves UTF-8 in headers (RFC 6532) undecoded; that of text reads it.
        message = message_from_string(octets.decode("utf-8"), policy=policy.default)
    answer.append(told(message))
json.dump(answer, sys.stdout)
