// Renders with handlebars and sends with nodemailer: PORT MAILS TEMPLATES. Prints the seconds of wall and processor.
const fs = require('fs');
const nodemailer = require('nodemailer');
const handlebars = require('handlebars');

const [port, mails] = process.argv.slice(2, 4).map(Number);
const read = (name) =>
  fs.readFileSync(`${process.argv[4]}/${name}`, 'utf8')
    .replace("{% for step in steps|split(',') %}", '{{#each steps}}')
    .replace('{% endfor %}', '{{/each}}')
    .replace('${step}', '{{this}}')
    .replace(/\$\{/g, '{{')
    .replace(/([\w.])\}(?!\})/g, '$1}}');
const html = handlebars.compile(read('escalated.html'));
const text = handlebars.compile(read('escalated.txt'), { noEscape: true });
const client = nodemailer.createTransport({
  pool: true, maxConnections: 1, maxMessages: Infinity, host: '127.0.0.1', port, secure: false, ignoreTLS: true,
});
const mail = (n) => {
  const number = `INC${String(n).padStart(7, '0')}`;
  const to = `recipient${n}@example.net`;
  const record = {
    number, short_description: `Printer ${n} on fire`, priority: 1, opened_by: 'Grace Hopper',
    description: 'There is smoke & light where there should be paper. '.repeat(8),
    steps: 'unplug,open the window,leave the room,call somebody'.split(','),
    URI: `https://desk.example.org/incident/${number}`, recipient: { name: to },
  };
  return {
    from: 'Help desk <desk@example.org>', to, subject: `${number}: ${record.short_description}`,
    html: html(record), text: text(record), headers: { 'Auto-Submitted': 'auto-generated' },
  };
};

(async () => {
  await client.sendMail(mail(0)); // Opens the connection, which goes back to the pool.
  const [wall, cpu] = [process.hrtime.bigint(), process.cpuUsage()];
  const sent = await Promise.all(Array.from({ length: mails }, (_, n) => client.sendMail(mail(n))));
  if (sent.some((s) => s.accepted.length !== 1)) throw new Error('a recipient was refused');
  const used = process.cpuUsage(cpu);
  console.log(Number(process.hrtime.bigint() - wall) / 1e9, (used.user + used.system) / 1e6);
  client.close();
})().catch((error) => { console.error(error); process.exit(1); });
