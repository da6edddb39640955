// Runs flows of one client against the site and prints what became of each as one JSON object.
//
//     node main.mjs http://127.0.0.1:9000 6 FLOW[@TRAP] …
//
// With no flow named, all that the client has. `text@null` runs the flow `text` on bytes that the
// trap `null` has spoilt. `"ok"` or what went wrong; `"unknown"` for a flow that is not here.
// `SERVED_AT` may say that the app is not at the site.
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

const [site, name, ...wanted] = process.argv.slice(2);
const served = process.env.SERVED_AT ?? site;
const client = await loadClient(name);
const { flows } = await import(client.legacy ? './legacy/flows.mjs' : './modern/flows.mjs');
const left = wanted.length ? wanted : Object.keys(flows);
const results = Object.fromEntries(left.map((flow) => [flow, 'unknown']));

async function run() {
  for (let job = left.shift(); job !== undefined; job = left.shift()) {
    const [flow, trap] = job.split('@');
    if (!flows[flow]) continue;
    try {
      const context = { client, site, url: trap ? `${site}/trap/${trap}` : served };
      await isSpoilt.run(trap !== undefined, () => flows[flow](context));
      results[job] = 'ok';
    } catch (error) {
      const cause = error?.cause ? `\ncause: ${error.cause.stack ?? error.cause}` : '';
      results[job] = String(error?.stack ?? error) + cause;
    }
  }
}

// What a client throws past its hooks belongs to no flow that could be named.
process.on('unhandledRejection', (error) => {
  results['(unhandled)'] = String(error?.stack ?? error);
});
await Promise.all(Array.from({ length: AT_ONCE }, run));
process.stdout.write(JSON.stringify(results), () => process.exit(0));
