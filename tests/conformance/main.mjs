// Runs the flows of one client against a live backend and prints what became of each as JSON.
//
//     node main.mjs http://127.0.0.1:9000 6 [FLOW …]
import { loadClient } from './clients.mjs';

const [url, name, ...wanted] = process.argv.slice(2);
const client = await loadClient(name);
const { flows } = await import(client.legacy ? './legacy.mjs' : './modern.mjs');
const results = {};
for (const flow of wanted.length ? wanted : Object.keys(flows)) {
  try {
    if (!flows[flow]) throw new Error(`no flow ${flow} for client ${name}`);
    await flows[flow](client, url);
    results[flow] = 'ok';
  } catch (error) {
    results[flow] = String(error?.stack ?? error);
  }
}
console.log(JSON.stringify(results));
process.exit(0);
