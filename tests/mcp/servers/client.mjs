// The official npm clients against a server: `node client.mjs sdk|client URL TOKEN`. Prints what they got.
import { Client as Sdk } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as SdkTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import * as modern from "@modelcontextprotocol/client";

const [which, url, token] = process.argv.slice(2);
const [Client, Transport] =
  which === "sdk"
    ? [Sdk, SdkTransport]
    : [modern.Client, modern.StreamableHTTPClientTransport];
const client = new Client({ name: "test", version: "1.0.0" });
const headers = token ? { authorization: `Bearer ${token}` } : {};
await client.connect(new Transport(new URL(url), { requestInit: { headers } }));

// `client` 2 has no schema parameter in between.
const call = (params, options) =>
  which === "sdk" ? client.callTool(params, undefined, options) : client.callTool(params, options);
const outcome = async (promise) => {
  try {
    return await promise;
  } catch (error) {
    return { refused: error.message };
  }
};

const progress = [];
const seen = {
  server: client.getServerVersion(),
  tools: (await client.listTools()).tools.map((tool) => tool.name),
  added: await call({ name: "add", arguments: { a: 1, b: 2 } }),
  drawn: await call({ name: "draw", arguments: {} }),
  failed: await call({ name: "fail", arguments: {} }),
  misused: await call({ name: "add", arguments: { a: "x" } }),
  unapproved: await outcome(call({ name: "pay", arguments: {} })),
  worked: await call(
    { name: "work", arguments: { steps: 2 } },
    { onprogress: (each) => progress.push(each.message) },
  ),
  progress,
};
const leaving = new AbortController();
const left = call(
  { name: "work", arguments: { steps: 0 } },
  { signal: leaving.signal, onprogress: () => leaving.abort() },
);
seen.cancelled = await outcome(left);
await client.close();
console.log(JSON.stringify(seen));
