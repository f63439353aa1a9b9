"""Three brokers on loopback, as the programs beside this file start them: build/release/holdfast, or $HOLDFAST."""
import os, pathlib, random, socket, subprocess, sys, time

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

here = pathlib.Path(__file__).resolve().parent
binary = os.environ.get("HOLDFAST", str(here / "../../build/release/holdfast"))


def free_base():
    while True:
        base = random.randrange(20000, 26000)
        try:
            for port in [base + k + offset for k in range(3) for offset in (0, 1000, 2000, 3000)]:
                with socket.socket() as s:
                    s.bind(("127.0.0.1", port))
            return base
        except OSError:
            continue


class Cluster:
    def __init__(self, directory):
        self.base, self.directory, self.processes = free_base(), directory, {}
        self.peers = ",".join(f"127.0.0.1:{self.base + k}" for k in range(3))
        for k in range(3):
            self.start(k)

    def start(self, k):
        log = open(f"{self.directory}/{k + 1}.log", "a")
        command = [here / "broker_node", f"{self.directory}/{k + 1}", str(self.base + k), str(k + 1), self.peers]
        self.processes[k] = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "HOLDFAST": binary})

    def admin(self, among=(0, 1, 2)):
        deadline = time.monotonic() + 60
        while True:
            try:
                return KafkaAdminClient(bootstrap_servers=[f"127.0.0.1:{self.base + k}" for k in among],
                                        request_timeout_ms=60000)
            except KafkaError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def stop(self):
        for process in self.processes.values():
            process.kill()
            process.wait()


def cpu_and_memory(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    ticks = os.sysconf("SC_CLK_TCK")
    return (int(fields[11]) + int(fields[12])) / ticks, int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def wait_until(what, holds, seconds=120):
    begin = time.monotonic()
    while not holds():
        if time.monotonic() - begin > seconds:
            sys.exit(f"not within {seconds} s: {what}")
        time.sleep(0.02)
    return time.monotonic() - begin
