// A server that gets another tool when `grow` is called, and forgets it with `shrink`. The official
// SDK tells its client of either. Of the protocol before 2026-07-28.
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";

const server = new McpServer({ name: "growing", version: "1.0.0" });
const said = (text) => async () => ({ content: [{ type: "text", text }] });
let more;
server.registerTool("grow", { annotations: { readOnlyHint: true } }, () => {
  const options = { description: "There is more.", annotations: { readOnlyHint: true } };
  more = server.registerTool("more", options, said("more"));
  return said("grown")();
});
server.registerTool("shrink", { annotations: { readOnlyHint: true } }, () => {
  more.remove();
  return said("shrunk")();
});
await server.connect(new StdioServerTransport());
