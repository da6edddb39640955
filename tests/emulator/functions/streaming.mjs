// A Lambda runtime for Node with nothing but its standard library: streams what the event asks for.
//
//   {"chunks": ["a", "b"], "gate": 12345, "fail": {"type": "Function.Late", "message": "…"}}
//
// With a gate (a TCP port) each chunk waits for one byte from there. An HTTP event has this as its
// body and gets a response with a prelude. `hang` never ends the response.
import http from "node:http";
import net from "node:net";
import { once } from "node:events";

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const base = { host, port, agent: new http.Agent({ keepAlive: true }) };

async function next() {
  const request = http.get({ ...base, path: "/2018-06-01/runtime/invocation/next" });
  const [response] = await once(request, "response");
  let text = "";
  for await (const piece of response.setEncoding("utf8")) text += piece;
  return [response.headers["lambda-runtime-aws-request-id"], JSON.parse(text)];
}

async function openGate(gatePort) {
  if (!gatePort) return async () => {};
  const socket = net.connect(gatePort, "127.0.0.1");
  await once(socket, "connect");
  return async () => {
    while (socket.read(1) === null) await once(socket, "readable");
  };
}

async function respond(requestId, event) {
  const isHttp = "requestContext" in event;
  const order = isHttp ? JSON.parse(event.body) : event;
  const gate = await openGate(order.gate);
  const request = http.request({
    ...base,
    method: "POST",
    path: `/2018-06-01/runtime/invocation/${requestId}/response`,
    headers: {
      "Lambda-Runtime-Function-Response-Mode": "streaming",
      "Content-Type": isHttp
        ? "application/vnd.awslambda.http-integration-response"
        : "text/event-stream",
      "Transfer-Encoding": "chunked",
      Trailer: "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body",
    },
  });
  request.setNoDelay(true);
  if (isHttp) {
    request.write(JSON.stringify({ statusCode: 201, headers: { "x-from": "node" }, cookies: ["a=1", "b=2"] }));
    request.write(Buffer.alloc(8));
  }
  for (const chunk of order.chunks) {
    await gate();
    request.write(chunk);
  }
  if (order.hang) await new Promise(() => setInterval(() => {}, 1000));
  if (order.fail) {
    const body = JSON.stringify({ errorType: order.fail.type, errorMessage: order.fail.message });
    request.addTrailers({
      "Lambda-Runtime-Function-Error-Type": order.fail.type,
      "Lambda-Runtime-Function-Error-Body": Buffer.from(body).toString("base64"),
    });
  }
  request.end();
  const [response] = await once(request, "response");
  response.resume();
  await once(response, "end");
}

for (;;) await respond(...(await next()));
