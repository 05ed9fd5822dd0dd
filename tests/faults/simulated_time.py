"""Wall clocks that run fast or jump, for one process, by libfaketime. The monotonic clock stays
real, so that time-outs do."""
import glob
import os
import time

LIBRARY = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)


def is_available(binary):
    """Not under sanitizers: both want to be the first library."""
    if LIBRARY is None or not os.path.exists(binary):
        return False
    with open(binary, "rb") as program:
        code = program.read()
    return b"__asan_init" not in code and b"__tsan_init" not in code


def preload(**faketime):
    return {"LD_PRELOAD": LIBRARY, "FAKETIME_DONT_FAKE_MONOTONIC": "1", "TZ": "UTC", **faketime}


def forget(pid):
    """What libfaketime leaves behind when its process is killed."""
    for path in glob.glob(f"/dev/shm/*faketime_s[eh]m_{pid}"):
        os.remove(path)


class FastClock:
    """A clock that shows `start_unix_s` now and runs `rate` times as fast as the real one, also
    while no process looks at it."""

    def __init__(self, start_unix_s, rate):
        self.start_unix_s, self.rate = start_unix_s, rate
        self.began = time.monotonic()

    def now(self):
        return self.start_unix_s + (time.monotonic() - self.began) * self.rate

    def environment(self):
        """For a process that starts at once."""
        now = self.now()
        text = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now)) + f"{now % 1:.3f}"[1:]
        return preload(FAKETIME=f"@{text} x{self.rate}")


class JumpingClock:
    """A clock that is off by a number of seconds which can be changed while a process looks."""

    def __init__(self, path):
        self.path = str(path)
        self.jump(0)

    def jump(self, offset_s):
        with open(self.path + ".new", "w", encoding="ascii") as out:
            out.write(f"{offset_s:+d}\n")
        os.replace(self.path + ".new", self.path)

    def environment(self):
        return preload(FAKETIME_TIMESTAMP_FILE=self.path, FAKETIME_NO_CACHE="1")
