"""Fetches messages with poplib and throws them away: PORT USER PASSWORD COUNT."""

import poplib
import sys

port, user, password, count = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
client = poplib.POP3("127.0.0.1", port)
client.user(user)
client.pass_(password)
for number in range(1, count + 1):
    client.retr(number)
client.quit()
