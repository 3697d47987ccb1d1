"""A program on a terminal of its own, to type at and to read from."""
import fcntl, os, pty, select, signal, struct, subprocess, termios, time

from cluster import PATIENCE, Failed


class Terminal:
    def __init__(self, command, env, rows=24, columns=80):
        self.master, slave = pty.openpty()
        self.size(rows, columns, tell=False)
        self.process = subprocess.Popen(command, env=env, stdin=slave, stdout=slave, stderr=slave, close_fds=True, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        self.text = ""

    def size(self, rows, columns, tell=True):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if tell:
            self.process.send_signal(signal.SIGWINCH)

    def type(self, keys):
        os.write(self.master, keys.encode())

    def read(self, seconds):
        ready, _, _ = select.select([self.master], [], [], seconds)
        if not ready:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError:  # the last one has closed it
            return False
        self.text += data.decode(errors="replace")
        return bool(data)

    def expect(self, text, seconds=PATIENCE):
        """Reads until `text` was printed, and forgets what came up to it."""
        end = time.monotonic() + seconds
        while text not in self.text:
            if time.monotonic() > end or (not self.read(0.1) and self.process.poll() is not None and not self.read(0.1)):
                break
        if text not in self.text:
            raise Failed(f"{text!r} was not printed, but {self.text!r}")
        self.text = self.text.split(text, 1)[1]

    def end(self, seconds=PATIENCE):
        """The exit code, when the program ends by itself."""
        end = time.monotonic() + seconds
        while self.process.poll() is None:
            if time.monotonic() > end:
                self.process.kill()
                raise Failed(f"it did not end; it printed {self.text!r}")
            self.read(0.05)
        while self.read(0):
            pass
        os.close(self.master)
        return self.process.returncode
