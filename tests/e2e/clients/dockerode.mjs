// What programs do with dockerode. usage: node dockerode.mjs REGISTRY   (DOCKER_HOST says where the engine is; images: redis)
// Each function is a check of its own; all run, and the exit code is 1 when one fails.
import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import Docker from "dockerode";

const registry = process.argv[2];
const docker = new Docker();
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const shell = (script) => ({ Image: "redis", Entrypoint: ["sh", "-c"], Cmd: [script] });

function collect(stream) {
  const pieces = [];
  stream.on("data", (piece) => pieces.push(piece));
  return { text: () => Buffer.concat(pieces).toString(), ended: new Promise((done, failed) => stream.on("end", done).on("close", done).on("error", failed)) };
}
function demux(stream) {
  const out = new PassThrough(), err = new PassThrough();
  docker.modem.demuxStream(stream, out, err);
  return { out: collect(out), err: collect(err), ended: collect(stream).ended };
}
const progress = (stream) => new Promise((done, failed) => docker.modem.followProgress(stream, (error, all) => (error ? failed(error) : done(all))));
async function refused(status, promise) {
  await assert.rejects(promise, (error) => error.statusCode === status || assert.fail(`${error.statusCode} ${error.message}`));
}
async function withContainer(options, use) {
  const container = await docker.createContainer(options);
  try {
    await use(container);
  } finally {
    await container.remove({ force: true, v: true });
  }
}

async function runPipesOutput() {
  const out = new PassThrough(), err = new PassThrough();
  const heard = [collect(out), collect(err)];
  const [result, container] = await docker.run("redis", ["echo out; echo err >&2; exit 3"], [out, err], { Tty: false, Entrypoint: ["sh", "-c"] });
  assert.equal(result.StatusCode, 3);
  assert.deepEqual(heard.map((each) => each.text()), ["out\n", "err\n"]);
  await container.remove();
  assert.equal(await outputOf("redis", "test -t 1 && echo terminal"), "terminal\r\n");
}

// Of a shell's script on a terminal, in a container that is removed.
async function outputOf(image, script, options = {}) {
  const out = new PassThrough(), heard = collect(out);
  const [, container] = await docker.run(image, [script], out, { Tty: true, Entrypoint: ["sh", "-c"], ...options });
  await container.remove();
  return heard.text();
}

async function attachHijacks() {
  await withContainer({ ...shell("cat; echo done >&2"), OpenStdin: true, StdinOnce: true, AttachStdin: true }, async (container) => {
    const stream = await container.attach({ stream: true, hijack: true, stdin: true, stdout: true, stderr: true });
    const heard = demux(stream);
    await container.start();
    stream.write("through\n");
    stream.end();
    assert.equal((await container.wait()).StatusCode, 0);
    await heard.ended;
    assert.deepEqual([heard.out.text(), heard.err.text()], ["through\n", "done\n"]);
  });
  await withContainer({ ...shell("stty size; read line; echo got $line"), OpenStdin: true, Tty: true }, async (container) => {
    const stream = await container.attach({ stream: true, hijack: true, stdin: true, stdout: true, stderr: true });
    const heard = collect(stream);
    await container.resize({ h: 33, w: 99 }).catch(() => {});
    await container.start();
    await container.resize({ h: 33, w: 99 });
    stream.write("words\n");
    await container.wait();
    await heard.ended;
    assert.match(heard.text(), /got words\r\n$/);
  });
}

async function execTakesInput() {
  await withContainer(shell("exec sleep 1000"), async (container) => {
    await container.start();
    const exec = await container.exec({ Cmd: ["sh", "-c", "cat; echo $A >&2; exit 5"], Env: ["A=b"], AttachStdin: true, AttachStdout: true, AttachStderr: true });
    const stream = await exec.start({ hijack: true, stdin: true });
    const heard = demux(stream);
    stream.write("one\n");
    await sleep(50);
    stream.end("two\n");
    await heard.ended;
    assert.deepEqual([heard.out.text(), heard.err.text()], ["one\ntwo\n", "b\n"]);
    const seen = await exec.inspect();
    assert.deepEqual([seen.ExitCode, seen.Running], [5, false]);
    const plain = await container.exec({ Cmd: ["echo", "hello"], AttachStdout: true });
    const answer = demux(await plain.start({}));
    await answer.ended;
    assert.equal(answer.out.text(), "hello\n");
    await refused(404, docker.getExec("0".repeat(64)).inspect());
  });
}

async function lifeIsTold() {
  const seen = [];
  const events = await docker.getEvents({ filters: { type: ["container"], label: ["seen=node"] } });
  events.on("data", (line) => seen.push(...line.toString().trim().split("\n").map((each) => JSON.parse(each).Action)));
  await withContainer({ ...shell("exec sleep 1000"), name: "node-life", Labels: { seen: "node" }, ExposedPorts: { "80/tcp": {} }, HostConfig: { PublishAllPorts: true } }, async (container) => {
    await container.start();
    await refused(304, container.start());
    const about = await container.inspect();
    assert.equal(about.State.Status, "running");
    assert.match(about.NetworkSettings.Ports["80/tcp"][0].HostPort, /^\d+$/);
    assert.equal((await docker.listContainers({ filters: { label: ["seen=node"] } }))[0].Names[0], "/node-life");
    await container.pause();
    await refused(409, container.pause());
    await container.unpause();
    assert.ok((await container.stats({ stream: false })).memory_stats.usage > 0);
    assert.ok((await container.top()).Processes.length >= 1);
    await container.restart({ t: 0 });
    await container.stop({ t: 0 });
    await refused(304, container.stop());
  });
  for (let i = 0; i < 1800 && seen.at(-1) !== "destroy"; i++) await sleep(50);
  events.destroy();
  assert.deepEqual(seen.filter((action) => !["kill", "top"].includes(action)), ["create", "start", "pause", "unpause", "die", "stop", "start", "restart", "die", "stop", "destroy"]);
  await refused(404, docker.getContainer("nobody").inspect());
}

async function logsAndFiles() {
  await withContainer(shell("for i in 1 2 3; do echo $i; sleep 0.1; done; exec sleep 1000"), async (container) => {
    await container.start();
    const follow = await container.logs({ follow: true, stdout: true, stderr: true });
    const heard = demux(follow);
    for (let i = 0; i < 1800 && heard.out.text() !== "1\n2\n3\n"; i++) await sleep(50);
    follow.destroy();
    assert.equal(heard.out.text(), "1\n2\n3\n");
    const whole = await container.logs({ stdout: true, tail: 1 });
    assert.equal(whole.subarray(8).toString(), "3\n");
    const tar = await container.getArchive({ path: "/etc/passwd" });
    const pieces = [];
    for await (const piece of tar) pieces.push(piece);
    await container.putArchive(Buffer.concat(pieces), { path: "/tmp" });
    assert.ok((await container.changes()).some((each) => each.Path === "/tmp/passwd" && each.Kind === 1));
    assert.ok((await container.infoArchive({ path: "/tmp/passwd" })));
    await refused(404, container.getArchive({ path: "/nosuch" }));
  });
}

async function imagesAreBuiltPushedAndPulled() {
  const lines = await progress(await docker.buildImage(tarOf({ Dockerfile: "FROM redis\nRUN echo built > /built\nENTRYPOINT [\"cat\", \"/built\"]\n" }), { t: "nodebuilt:1" }));
  assert.ok(lines.some((line) => line.aux?.ID?.startsWith("sha256:")) && lines.at(-1).stream === "Successfully tagged nodebuilt:1\n", JSON.stringify(lines.at(-1)));
  assert.equal(await outputOf("nodebuilt:1", "cat /built"), "built\r\n");
  const failed = await progress(await docker.buildImage(tarOf({ Dockerfile: "FROM redis\nRUN exit 3\n" }), {}));
  assert.match(failed.at(-1).error, /returned a non-zero code: 3/);
  const image = docker.getImage("nodebuilt:1");
  await image.tag({ repo: `${registry}/nodebuilt`, tag: "1" });
  const pushed = await progress(await docker.getImage(`${registry}/nodebuilt:1`).push({ authconfig: {} }));  // without one there is no header, which Docker refuses
  assert.ok(pushed.some((line) => line.aux?.Digest?.startsWith("sha256:")));
  await docker.getImage(`${registry}/nodebuilt:1`).remove();
  const pulled = await progress(await docker.pull(`${registry}/nodebuilt:1`));
  assert.match(pulled.at(-1).status, /^Status: /);
  await refused(404, docker.pull(`${registry}/nosuch:1`).then(progress));
  assert.ok((await image.history()).length > 1);
  for (const name of [`${registry}/nodebuilt:1`, "nodebuilt:1"]) await docker.getImage(name).remove();
  await refused(404, image.inspect());
}

async function networksAndVolumes() {
  const network = await docker.createNetwork({ Name: "nodenet", CheckDuplicate: true, Driver: "bridge", Labels: { a: "b" } });
  const volume = await docker.createVolume({ Name: "nodedata" });
  await withContainer({ Image: "redis", name: "noderedis", HostConfig: { NetworkMode: "nodenet", Mounts: [{ Type: "volume", Source: "nodedata", Target: "/data" }] }, NetworkingConfig: { EndpointsConfig: { nodenet: { Aliases: ["cache"] } } } }, async (container) => {
    await container.start();
    const script = "for i in $(seq 100); do redis-cli -h cache ping | grep PONG && break; sleep 0.2; done";
    assert.equal(await outputOf("redis", script, { HostConfig: { NetworkMode: "nodenet" } }), "PONG\r\n");
    assert.deepEqual(Object.values((await network.inspect()).Containers).map((each) => each.Name), ["noderedis"]);
    await refused(403, network.remove());
    await refused(409, docker.getVolume("nodedata").remove());
    await network.disconnect({ Container: "noderedis" });
  });
  await network.remove();
  await docker.getVolume("nodedata").remove();
  assert.ok(!(await docker.listVolumes()).Volumes?.some((each) => each.Name === "nodedata"));
}

async function systemAnswers() {
  assert.equal((await docker.ping()).toString(), "OK");
  assert.equal((await docker.version()).Os, "linux");
  assert.ok((await docker.info()).Containers >= 0 && (await docker.df()).Images.length > 0);
}

// A tar of small files.
function tarOf(files) {
  const blocks = [];
  for (const [name, text] of Object.entries(files)) {
    const head = Buffer.alloc(512);
    head.write(name, 0);
    head.write("0000644\0" + "0000000\0".repeat(2) + text.length.toString(8).padStart(11, "0") + "\0" + "0".repeat(11) + "\0" + "        0", 100);
    head.write("ustar\0" + "00", 257);
    head.write(head.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, "0") + "\0 ", 148);
    blocks.push(head, Buffer.from(text), Buffer.alloc((512 - (text.length % 512)) % 512));
  }
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

for (const check of [runPipesOutput, attachHijacks, execTakesInput, lifeIsTold, logsAndFiles, imagesAreBuiltPushedAndPulled, networksAndVolumes, systemAnswers]) {
  const begun = Date.now();
  try {
    await check();
    console.log(`ok ${check.name} ${((Date.now() - begun) / 1000).toFixed(1)} s`);
  } catch (error) {
    process.exitCode = 1;
    console.log(`FAILED ${check.name}\n${error.stack}`);
  }
}
process.exit();  // streams that were left open hold the program
