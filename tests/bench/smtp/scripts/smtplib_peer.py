"""Sends a mail again and again with smtplib: PORT MAILS RECIPIENTS CONNECTIONS FILE. Prints the seconds of wall and processor."""

import smtplib
import sys
import time

port, mails, recipients = map(int, sys.argv[1:4])
with open(sys.argv[5], "rb") as file:
    message = file.read()
to = [f"recipient{i}@example.org" for i in range(recipients)]
client = smtplib.SMTP("127.0.0.1", port)
client.ehlo("[127.0.0.1]")
wall, cpu = time.monotonic(), time.process_time()
for _ in range(mails):
    if client.sendmail("bench@example.org", to, message):
        sys.exit("a recipient was refused")
print(time.monotonic() - wall, time.process_time() - cpu)
client.quit()
