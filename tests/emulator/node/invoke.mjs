// Invokes a function with the AWS SDK for JavaScript and prints one line of JSON for each event,
// as it arrives:  node invoke.mjs ENDPOINT PAYLOAD [LOG_TYPE]
import { InvokeWithResponseStreamCommand, LambdaClient } from "@aws-sdk/client-lambda";

const [endpoint, payload, logType] = process.argv.slice(2);
const client = new LambdaClient({
  endpoint,
  region: "us-east-1",
  maxAttempts: 1,
  credentials: { accessKeyId: "emulated", secretAccessKey: "emulated" },
});
const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

try {
  const response = await client.send(
    new InvokeWithResponseStreamCommand({
      FunctionName: "function",
      Payload: Buffer.from(payload),
      LogType: logType,
    }),
  );
  for await (const event of response.EventStream) {
    if (event.PayloadChunk) print({ chunk: Buffer.from(event.PayloadChunk.Payload).toString() });
    if (event.InvokeComplete) print({ complete: event.InvokeComplete });
  }
} catch (error) {
  print({ error: error.name, status: error.$metadata?.httpStatusCode });
}
client.destroy();
