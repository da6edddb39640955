// Runs flows of clients and prints what became of each as one JSON object.
//
//     node main.mjs '[{"client": "6", "flow": "text", "site": "http://127.0.0.1:9000",
//                      "url": "http://127.0.0.1:9000", "isSpoilt": false}, …]'
//
// `outcomes` has one for each job: `"ok"` or what went wrong, `"unknown"` for a flow that is not
// here; `unhandled` is what no flow can be blamed for. A job finds the model's side at `site` and
// the app at `url`; what `isSpoilt` has to fail.
import { loadClient } from './clients.mjs';
import { isSpoilt } from './mount.mjs';

// Flows are patient with the network, so that many can be under way; the machine has few cores.
const AT_ONCE = 12;

// The site asks with a byte whether all that it has sent has been handled (`pace.py`). What has
// arrived by then is read before the first turn, and rendered before the last.
process.stdin.on('data', async (asked) => {
  for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  process.stdout.write('.'.repeat(asked.length));
});

const jobs = JSON.parse(process.argv[2]);
const outcomes = jobs.map(() => 'unknown');
let unhandled = null;

// To start a process costs as much as all flows of a client, so one runs several clients.
const clients = {};
for (const { client } of jobs) clients[client] ??= await loadClient(client);
const generations = new Map();
for (const { legacy } of Object.values(clients)) {
  const { flows } = await import(legacy ? './legacy/flows.mjs' : './modern/flows.mjs');
  generations.set(legacy, flows);
}

const left = jobs.entries();
async function run() {
  // All of these share one iterator, so each job is run once.
  for (const [number, job] of left) {
    const client = clients[job.client];
    const flow = generations.get(client.legacy)[job.flow];
    if (!flow) continue;
    try {
      await isSpoilt.run(job.isSpoilt, () => flow({ client, site: job.site, url: job.url }));
      outcomes[number] = 'ok';
    } catch (error) {
      const cause = error?.cause ? `\ncause: ${error.cause.stack ?? error.cause}` : '';
      outcomes[number] = String(error?.stack ?? error) + cause;
    }
  }
}

// What a client throws past its hooks belongs to no flow that could be named.
process.on('unhandledRejection', (error) => {
  unhandled = String(error?.stack ?? error);
});
await Promise.all(Array.from({ length: AT_ONCE }, run));
process.stdout.write(JSON.stringify({ outcomes, unhandled }), () => process.exit(0));
