"""Processes that one test server consists of: started together, watched together, ended together.

Each is the leader of a process group of its own, which is ended whole. Where the system can do it (`setpriv`), each ends as
well when the process that started it is killed and cannot end it.
"""

import os
import random
import shutil
import signal
import socket
import subprocess
import time

START_SECONDS_MAX = 90
STOP_SECONDS_MAX = 5


class Trouble(Exception):
    """Something outside failed; the text says what, for a person."""


def free_port():
    """A loopback port that nobody listens on. It lies below those that the system gives to outgoing connections, so that none
    of these can take it before the server does."""
    for _ in range(100):
        port = random.SystemRandom().randrange(10_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise Trouble("no free port on the loopback")


class Processes:
    """The processes of one server; what they say goes to `<name>.log` in the server's folder."""

    def __init__(self, folder):
        self.folder, self.running = folder, []

    def start(self, name, words, user=None, end=signal.SIGTERM, **options):
        """Starts a program, if wanted as another user, who can then read below folders that are closed to others."""
        with open(self.log(name), "ab") as log:
            process = subprocess.Popen(privileged(words, user, end), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       start_new_session=True, **options)
        self.running.append((name, process, end))

    def log(self, name):
        return os.path.join(self.folder, f"{name}.log")

    def check(self):
        """Raises Trouble when one of them has ended."""
        for name, process, _ in self.running:
            if process.poll() is not None:
                raise Trouble(f"{name} ended with code {process.returncode}: {last_lines(self.log(name))}")

    def wait_for(self, what, is_ready):
        """Waits until `is_ready()` is true; a refused or broken connection means not yet."""
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            self.check()
            try:
                if is_ready():
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise Trouble(f"{what} did not answer within {START_SECONDS_MAX} s: {last_lines(self.log(self.running[-1][0]))}")

    def stop(self):
        """Ends all of them, the last one first, and whatever they started."""
        for _, process, end in reversed(self.running):
            send(process, end)
            try:
                process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                pass
            send(process, signal.SIGKILL)
            process.wait()
        self.running = []


def send(process, number):
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        pass


def privileged(words, user, end):
    """The command line that runs `words` as that user, and ends it when its parent dies."""
    if not shutil.which("setpriv"):
        if user:
            raise Trouble("setpriv is missing: install util-linux")
        return words
    before = ["setpriv", "--pdeathsig", signal.Signals(end).name.removeprefix("SIG")]
    if user:
        reading = "+dac_read_search"
        before += ["--reuid", user, "--regid", group_of(user), "--init-groups", "--inh-caps", reading, "--ambient-caps", reading]
    return [*before, "--", *words]


def group_of(user):
    return subprocess.run(["id", "-g", user], check=True, capture_output=True, text=True).stdout.strip()


def run(words, user=None, **options):
    """Runs a program to its end and returns its output; raises Trouble with what it said when it fails."""
    done = subprocess.run(privileged(words, user, signal.SIGTERM), capture_output=True, text=True, **options)
    if done.returncode:
        raise Trouble(f"{os.path.basename(words[0])} failed: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout


def last_lines(path):
    with open(path, errors="replace") as file:
        return " / ".join(line.strip() for line in file.read()[-1000:].splitlines()[-4:]) or "it said nothing"
