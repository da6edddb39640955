// A handler (request body in, web `Response` out) on node:http. Answers GET /health itself.
import { createServer } from 'node:http';
import { once } from 'node:events';

async function readJson(request) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  return JSON.parse(Buffer.concat(pieces));
}

async function send(response, target) {
  target.writeHead(response.status, Object.fromEntries(response.headers));
  const reader = response.body.getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    if (!target.write(read.value)) await once(target, 'drain');
  }
  target.end();
}

export function serve(handler) {
  const server = createServer(async (request, target) => {
    if (request.url === '/health') return target.end('ok');
    await send(await handler(await readJson(request)), target);
  });
  server.listen(Number(process.env.PORT), '127.0.0.1');
}
