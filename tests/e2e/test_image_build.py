"""`reigen image build`: what stays out of the context, and what an image says of its health."""
import io, json, os, shutil, tarfile, tempfile

from cluster import REIGEN, run

DOCKERFILE = """FROM scratch AS base
COPY busybox /bin/sh
COPY . /context
HEALTHCHECK --interval=5s --timeout=1m30s --start-period=2s --retries=4 CMD test -e /context/src/a.c
"""
IGNORE = "# of no use in the image\nnode_modules\n**/*.key\nsrc/*/*.md\n!src/docs/keep.md\nDockerfile*\n.dockerignore\n"
FILES = ["busybox", "secret.key", "src/a.c", "src/docs/keep.md", "src/docs/drop.md", "src/deep/er/x.key", "node_modules/n.js", "readme.md"]


class Context:
    """A folder to build in, and a store of its own."""

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="reigen-e2e-")
        self.context, self.store = f"{self.dir}/context", f"{self.dir}/store"
        for name in FILES:
            self.write(name, name)
        shutil.copy("/bin/busybox", f"{self.context}/busybox")
        self.write("Dockerfile", DOCKERFILE)
        self.write(".dockerignore", IGNORE)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir)

    def write(self, name, text):
        os.makedirs(os.path.dirname(f"{self.context}/{name}"), exist_ok=True)
        open(f"{self.context}/{name}", "w").write(text)

    def build(self, *words, check=True):
        return run([REIGEN, "image", "build", "--data-dir", self.store, *words, self.context], check=check)

    def config(self, image):
        return json.loads(run([REIGEN, "image", "inspect", "--data-dir", self.store, image])[1])[0]["config"]["config"]

    def files(self, image):
        path = f"{self.dir}/image.tar"
        run([REIGEN, "image", "save", "--data-dir", self.store, "-o", path, image])
        names = set()
        with tarfile.open(path) as archive:
            for layer in json.load(archive.extractfile("manifest.json"))[0]["Layers"]:
                with tarfile.open(fileobj=io.BytesIO(archive.extractfile(layer).read())) as files:
                    names |= {"/" + entry.name.lstrip("./") for entry in files if entry.isfile()}
        return names


def test_what_dockerignore_names_stays_out():
    with Context() as here:
        here.build("-t", "app:v1")
        kept = {name[len("/context/"):] for name in here.files("app:v1") if name.startswith("/context/")}
        assert kept == {"busybox", "src/a.c", "src/docs/keep.md", "readme.md"}, kept
        here.write("Dockerfile.secret", "FROM scratch\nCOPY secret.key /\n")
        code, _, err = here.build("-t", "x", "-f", f"{here.context}/Dockerfile.secret", check=False)
        last = err.strip().splitlines()[-1]
        assert code == 1 and "excluded by .dockerignore" in last and "secret.key" in last and ":2:" in last, err
        here.write("Dockerfile.secret.dockerignore", "**\n!secret.key\n")
        here.build("-t", "own", "-f", f"{here.context}/Dockerfile.secret")
        assert here.files("own") == {"/secret.key"}, here.files("own")


def test_a_change_of_what_is_ignored_keeps_the_cache():
    with Context() as here:
        first = here.build("-q", "-t", "app:v1")[1]
        here.write("node_modules/n.js", "another")
        assert here.build("-q", "-t", "app:v1")[1] == first
        here.write("readme.md", "another")
        assert here.build("-q", "-t", "app:v1")[1] != first


def test_healthchecks_are_kept_inherited_and_taken_away():
    with Context() as here:
        here.build("-t", "app:v1")
        second = 10 ** 9
        wanted = {"Test": ["CMD-SHELL", "test -e /context/src/a.c"], "Interval": 5 * second, "Timeout": 90 * second, "StartPeriod": 2 * second, "Retries": 4}
        assert here.config("app:v1")["Healthcheck"] == wanted
        here.write("Dockerfile", "FROM app:v1\nENV A=1\n")
        here.build("-t", "child")
        assert here.config("child")["Healthcheck"] == wanted
        here.write("Dockerfile", 'FROM app:v1\nHEALTHCHECK CMD ["sh", "-c", "true"]\n')
        here.build("-t", "exec")
        assert here.config("exec")["Healthcheck"] == {"Test": ["CMD", "sh", "-c", "true"]}
        here.write("Dockerfile", "FROM app:v1\nHEALTHCHECK NONE\n")
        here.build("-t", "none")
        assert here.config("none")["Healthcheck"] == {"Test": ["NONE"]}
        here.write("Dockerfile", "FROM app:v1\nHEALTHCHECK --interval=soon CMD true\n")
        code, _, err = here.build("-t", "bad", check=False)
        assert code == 1 and "Dockerfile: " in err and "line 2: " in err and '"soon"' in err, err
