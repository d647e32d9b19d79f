// Sends a mail again and again with nodemailer: PORT MAILS RECIPIENTS CONNECTIONS FILE. Prints the seconds of wall and processor.
const fs = require('fs');
const nodemailer = require('nodemailer');

const [port, mails, recipients, connections] = process.argv.slice(2, 6).map(Number);
const raw = fs.readFileSync(process.argv[6]);
const to = Array.from({ length: recipients }, (_, i) => `recipient${i}@example.org`);
const mail = { envelope: { from: 'bench@example.org', to }, raw };
const client = nodemailer.createTransport({
  pool: true, maxConnections: connections, maxMessages: Infinity, host: '127.0.0.1', port, secure: false, ignoreTLS: true,
});

(async () => {
  // Opens the connections, which go back to the pool.
  await Promise.all(Array.from({ length: connections }, () => client.sendMail(mail)));
  const [wall, cpu] = [process.hrtime.bigint(), process.cpuUsage()];
  // All at once: the pool has no pause between them.
  const sent = await Promise.all(Array.from({ length: mails }, () => client.sendMail(mail)));
  if (sent.some((s) => s.accepted.length !== recipients)) throw new Error('a recipient was refused');
  const used = process.cpuUsage(cpu);
  console.log(Number(process.hrtime.bigint() - wall) / 1e9, (used.user + used.system) / 1e6);
  client.close();
})().catch((error) => { console.error(error); process.exit(1); });
