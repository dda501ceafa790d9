// bench/worker.py for a handler on Node: `node worker.mjs MODULE`. Each line of standard input is a function
// and its arguments, as JSON; each line of standard output is what it returned.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const context = {
  awsRequestId: "c5a1b1d2-9d2f-4b0c-8a57-0f2c1c1d9a11",
  functionName: "ProcessOrders",
  getRemainingTimeInMillis: () => 60_000,
};
const processorSeconds = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

async function measured(handler, file) {
  const text = readFileSync(file, "utf8");
  let begin = processorSeconds();
  const event = JSON.parse(text);
  const parse = processorSeconds() - begin;
  const start = performance.now();
  begin = processorSeconds();
  const answer = await handler(event, context);
  const cpu = processorSeconds() - begin;
  const wall = (performance.now() - start) / 1000;
  const peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]) / 1024;
  return { cpu, wall, parse, failed: answer?.batchItemFailures?.length ?? 0, peak_mb: peak };
}

const { handle } = await import(process.argv[2]);
for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...given] = JSON.parse(line);
  const found = name === "ready" ? name : await measured(handle, ...given);
  process.stdout.write(`${JSON.stringify(found)}\n`);
}
