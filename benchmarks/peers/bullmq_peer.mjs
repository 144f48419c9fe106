// BullMQ, and undici's agent: the fastest client of Node. `bullmq_peer.mjs worker` is the worker; without a word it sets what it reads.
import { createRequire } from "node:module";

// The packages are not beside this file but where the benchmarks installed them.
const require = createRequire(process.env.PEER_HOME + "/");
const { Queue, Worker } = require("bullmq");
const { Agent, request } = require("undici");

const address = (store) => {
  const { hostname, port } = new URL(store);
  return { host: hostname, port: Number(port), maxRetriesPerRequest: null };
};

if (process.argv[2] === "worker") {
  const dispatcher = new Agent({ connections: 100 });
  new Worker(
    "posts",
    async ({ data: { id, url, body, due_ms } }) => {
      const headers = {
        "content-type": "application/json",
        "webhook-id": id,
        "timer-due-at": new Date(due_ms).toISOString(),
      };
      const answer = await request(url, { method: "POST", body, headers, dispatcher });
      await answer.body.dump();
      if (answer.statusCode >= 300) throw new Error(`answered ${answer.statusCode}`);
    },
    { connection: address(process.env.PEER_STORE), concurrency: 100 },
  );
} else {
  // Lines of JSON on standard input, each a post: the work is made in one place, in Python.
  const queue = new Queue("posts", { connection: address(process.env.PEER_STORE) });
  let batch = [];
  const flush = async () => {
    if (batch.length) await queue.addBulk(batch);
    batch = [];
  };
  for await (const line of require("node:readline").createInterface({ input: process.stdin })) {
    const data = JSON.parse(line);
    batch.push({ name: "post", data, opts: { delay: Math.max(0, data.due_ms - Date.now()), removeOnComplete: true } });
    if (batch.length === 500) await flush();
  }
  await flush();
  await queue.close();
}
