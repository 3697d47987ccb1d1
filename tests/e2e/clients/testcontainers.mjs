// What a project's tests do with testcontainers. usage: node testcontainers.mjs FOLDER   (DOCKER_HOST says where the engine is, TESTCONTAINERS_RYUK_DISABLED=true;
// images: redis; FOLDER is for files of the test's own). DOCKER_COMPOSE says whether there is a program docker-compose to drive.
// Each function is a check of its own; all run, and the exit code is 1 when one fails.
import assert from "node:assert/strict";
import { createConnection } from "node:net";
import { mkdirSync, writeFileSync } from "node:fs";
import { DockerComposeEnvironment, GenericContainer, Network, Wait } from "testcontainers";

const folder = process.argv[2];
const kReady = /Ready to accept connections/i;

// A command to Redis over its port.
function ask(host, port, line) {
  return new Promise((done, failed) => {
    const socket = createConnection({ host, port }, () => socket.write(`${line}\r\n`));
    socket.once("data", (data) => (socket.destroy(), done(data.toString().trim())));
    socket.once("error", failed);
  });
}
async function withStarted(generic, use) {
  const container = await generic.start();
  try {
    await use(container);
  } finally {
    await container.stop({ timeout: 0 });
  }
}

async function portsAreWaitedFor() {
  await withStarted(new GenericContainer("redis").withExposedPorts(6379), async (container) => {
    assert.equal(await ask(container.getHost(), container.getMappedPort(6379), "PING"), "+PONG");
    assert.match(container.getName(), /^\/?\w+/);
    assert.match(container.getIpAddress("bridge"), /^\d+\./);
  });
}

async function otherStrategies() {
  const redis = () => new GenericContainer("redis").withExposedPorts(6379);
  await withStarted(redis().withWaitStrategy(Wait.forLogMessage(kReady)), async (container) => {
    assert.equal(await ask(container.getHost(), container.getFirstMappedPort(), "PING"), "+PONG");
  });
  const healthy = redis().withHealthCheck({ test: ["CMD-SHELL", "redis-cli ping"], interval: 200, timeout: 20000, retries: 100, startPeriod: 0 });
  await withStarted(healthy.withWaitStrategy(Wait.forHealthCheck()), async () => {});
  await withStarted(redis().withWaitStrategy(Wait.forSuccessfulCommand("redis-cli ping")), async () => {});
  await withStarted(redis().withWaitStrategy(Wait.forAll([Wait.forListeningPorts(), Wait.forLogMessage(kReady)])), async () => {});
  const once = new GenericContainer("redis").withEntrypoint(["sh", "-c"]).withCommand(["sleep 0.2"]).withWaitStrategy(Wait.forOneShotStartup());
  await withStarted(once, async () => {});
  const never = new GenericContainer("redis").withWaitStrategy(Wait.forLogMessage("never said")).withStartupTimeout(1500);
  await assert.rejects(never.start(), /not received after 1500ms/);
}

async function filesCommandsAndLogs() {
  writeFileSync(`${folder}/file`, "from a file");
  const generic = new GenericContainer("redis").withEntrypoint(["sh", "-c"]).withCommand(["cat /given/text; echo; exec sleep 1000"])
    .withCopyContentToContainer([{ content: "from the test", target: "/given/text" }]).withCopyFilesToContainer([{ source: `${folder}/file`, target: "/given/file" }])
    .withEnvironment({ A: "b" }).withWorkingDir("/tmp").withLabels({ of: "test" }).withTmpFs({ "/scratch": "size=1m" }).withResourcesQuota({ memory: 0.125, cpu: 0.5 })
    .withBindMounts([{ source: folder, target: "/host", mode: "ro" }]).withHostname("box").withWaitStrategy(Wait.forLogMessage("from the test"));
  await withStarted(generic, async (container) => {
    const run = async (...words) => container.exec(words);
    assert.deepEqual(await run("cat", "/given/file", "/host/file").then((each) => [each.exitCode, each.output]), [0, "from a filefrom a file"]);
    const both = await container.exec(["sh", "-c", "echo $A; pwd; hostname; echo e >&2; exit 3"]);
    assert.deepEqual([both.exitCode, both.stdout, both.stderr], [3, "b\n/tmp\nbox\n", "e\n"]);
    assert.equal((await container.exec(["id", "-u"], { user: "7", workingDir: "/", env: { B: "c" } })).output, "7\n");
    await container.copyContentToContainer([{ content: "later", target: "/tmp/later" }]);
    assert.equal((await run("cat", "/tmp/later")).output, "later");
    const archive = await container.copyArchiveFromContainer("/tmp/later");
    let size = 0;
    for await (const piece of archive) size += piece.length;
    assert.ok(size >= 1024);
    const lines = [];
    (await container.logs()).on("data", (line) => lines.push(line.toString()));
    for (let i = 0; i < 4500 && lines.length === 0; i++) await new Promise((done) => setTimeout(done, 20));
    assert.equal(lines.join("").trim(), "from the test");
    await container.restart();
    assert.equal((await run("cat", "/tmp/later")).output, "later");
    const committed = await container.commit({ repo: "tccommitted", tag: "1", deleteOnExit: false });
    assert.match(committed, /^(sha256:)?[0-9a-f]{64}$/);
  });
}

async function networksJoinByAlias() {
  const network = await new Network().start();
  try {
    await withStarted(new GenericContainer("redis").withNetwork(network).withNetworkAliases("cache"), async () => {
      await withStarted(new GenericContainer("redis").withNetwork(network).withExposedPorts(6379), async (other) => {
        assert.equal((await other.exec(["redis-cli", "-h", "cache", "ping"])).output, "PONG\n");
        assert.equal((await other.exec(["redis-cli", "-h", "cache", "set", "a", "1"])).output, "OK\n");
      });
    });
  } finally {
    await network.stop();
  }
}

async function aContainerIsReused() {
  const generic = () => new GenericContainer("redis").withExposedPorts(6379).withName("tcreused").withReuse();
  const first = await generic().start();
  const second = await generic().start();
  assert.equal(first.getId(), second.getId());
  await first.stop({ timeout: 0 });
  await assert.rejects(second.exec("true"));
}

async function imagesAreBuilt() {
  mkdirSync(`${folder}/context`, { recursive: true });
  writeFileSync(`${folder}/context/Dockerfile`, "FROM redis\nARG WHAT\nRUN echo $WHAT > /built\nCOPY text /text\n");
  writeFileSync(`${folder}/context/text`, "copied\n");
  const built = await GenericContainer.fromDockerfile(`${folder}/context`).withBuildArgs({ WHAT: "built" }).build("tcbuilt:1", { deleteOnExit: false });
  await withStarted(built.withExposedPorts(6379), async (container) => {
    assert.equal((await container.exec(["cat", "/built", "/text"])).output, "built\ncopied\n");
  });
}

async function composeFilesAreEnvironments() {
  if (!process.env.DOCKER_COMPOSE) return;
  mkdirSync(`${folder}/project`, { recursive: true });
  writeFileSync(`${folder}/project/compose.yml`, "services:\n  cache:\n    image: redis\n    ports: [\"6379\"]\n  app:\n    image: redis\n    depends_on: [cache]\n");
  const environment = await new DockerComposeEnvironment(`${folder}/project`, "compose.yml").withWaitStrategy("cache-1", Wait.forLogMessage(kReady)).up();
  const cache = environment.getContainer("cache-1");
  assert.equal(await ask(cache.getHost(), cache.getMappedPort(6379), "PING"), "+PONG");
  assert.equal((await environment.getContainer("app-1").exec(["redis-cli", "-h", "cache", "ping"])).output, "PONG\n");
  await environment.down({ timeout: 0 });
}

for (const check of [portsAreWaitedFor, otherStrategies, filesCommandsAndLogs, networksJoinByAlias, aContainerIsReused, imagesAreBuilt, composeFilesAreEnvironments]) {
  const begun = Date.now();
  try {
    await check();
    console.log(`ok ${check.name} ${((Date.now() - begun) / 1000).toFixed(1)} s`);
  } catch (error) {
    process.exitCode = 1;
    console.log(`FAILED ${check.name}\n${error.stack}`);
  }
}
process.exit();
