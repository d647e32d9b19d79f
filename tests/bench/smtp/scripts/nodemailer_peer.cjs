// Sends a mail again and again with nodemailer: PORT MAILS RECIPIENTS FILE. Prints the seconds of wall and processor.
const fs = require('fs');
const nodemailer = require('nodemailer');

const [port, mails, recipients] = process.argv.slice(2, 5).map(Number);
const raw = fs.readFileSync(process.argv[5]);
const to = Array.from({ length: recipients }, (_, i) => `recipient${i}@example.org`);
const mail = { envelope: { from: 'bench@example.org', to }, raw };
const client = nodemailer.createTransport({
  pool: true, maxConnections: 1, maxMessages: Infinity, host: '127.0.0.1', port, secure: false, ignoreTLS: true,
});

(async () => {
  await client.sendMail(mail); // Opens the connection, which goes back to the pool.
  const [wall, cpu] = [process.hrtime.bigint(), process.cpuUsage()];
  // All at once: the pool has no pause between them.
  const sent = await Promise.all(Array.from({ length: mails }, () => client.sendMail(mail)));
  if (sent.some((s) => s.accepted.length !== recipients)) throw new Error('a recipient was refused');
  const used = process.cpuUsage(cpu);
  console.log(Number(process.hrtime.bigint() - wall) / 1e9, (used.user + used.system) / 1e6);
  client.close();
})().catch((error) => { console.error(error); process.exit(1); });
