// The ONNX Runtime worker of peer_cost: runs the job's exported models as worker.h asks over
// standard input.
//
//   node onnxruntime.mjs JOB MODULES   (MODULES: the folder with onnxruntime-node in node_modules)
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [job, modules] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const ort = require("onnxruntime-node");

const OPTIONS = {
  executionProviders: ["cpu"],
  graphOptimizationLevel: "all",
  executionMode: "sequential",
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  enableCpuMemArena: true,
  enableMemPattern: true,
};

// The first batch of batches.bin (see job.h) as (B, L); it has no padding.
function readTokens() {
  const bytes = readFileSync(`${job}/batches.bin`);
  const numbers = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const sequences = numbers[1];
  const length = numbers[2];
  const first = 2 + sequences;
  const tokens = numbers.subarray(first, first + sequences * length);
  return new ort.Tensor("int64", BigInt64Array.from(tokens, BigInt), [sequences, length]);
}

function cpuNanoseconds() {
  const { user, system } = process.cpuUsage();
  return 1000 * (user + system);
}

async function run(session, calls) {
  await session.run(feeds); // the caches as a pass leaves them
  const start = cpuNanoseconds();
  for (let i = 0; i < calls; ++i) await session.run(feeds);
  return cpuNanoseconds() - start;
}

// The model that is faster, of the one that PyTorch exports and the one with the runtime's own
// attention operator.
async function fastest() {
  const tried = {};
  let best = null;
  for (const name of ["plain", "attention"]) {
    const session = await ort.InferenceSession.create(`${job}/${name}.onnx`, OPTIONS);
    const first = await run(session, 1);
    const calls = Math.max(1, Math.floor(2e7 / first));
    const times = [];
    const rounds = Math.min(7, Math.max(2, Math.floor(1e9 / first)));
    for (let i = 0; i < rounds; ++i) times.push((await run(session, calls)) / calls);
    tried[name] = Math.min(...times) / 1e6;
    if (best === null || tried[name] < tried[best.name]) best = { name, session };
    else await session.release();
  }
  return { ...best, tried };
}

function peakBytes() {
  return 1024 * Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync("/proc/self/status", "utf8"))[1]);
}

async function answer(session, command, argument) {
  if (command === "run") return run(session, Number(argument));
  if (command === "memory") return peakBytes();
  if (command === "reset") return "";
  if (command === "outputs") {
    const { data } = (await session.run(feeds)).logits;
    writeFileSync(argument, Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    return "";
  }
  throw new Error(`no command '${command}'`);
}

const say = (...words) => process.stdout.write(`${words.join(" ")}\n`);
const oneLine = (error) => String(error).split(/\s+/).join(" ");

const loaded = peakBytes();
const feeds = { tokens: readTokens() };
const { name, session, tried } = await fastest();
const about = {
  versions: {
    onnxruntime: require("onnxruntime-node/package.json").version,
    node: process.versions.node,
  },
  tuning: { options: OPTIONS, model: name, tried_ms: tried },
  loaded_bytes: loaded,
};
say("ready", JSON.stringify(about));
for await (const line of createInterface({ input: process.stdin })) {
  const [command, argument] = line.trim().split(" ");
  try {
    say(command, await answer(session, command, argument));
  } catch (error) {
    say("error", oneLine(error));
  }
}
