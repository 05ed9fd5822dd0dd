"""A full disk, a held lock, a damaged database, metric stores that fail: what was answered stays,
what cannot be done now is refused or waits, and no failure is ever a pass."""
import contextlib
import copy
import gzip
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import time

import pytest
from conftest import (T0, ScriptedStore, Serinus, canary_request, kayenta_yml, matrix, one_metric_config, run_cli,
                      wait_until)
from crash import analysis_request, read, start
from history import judgements

CPU = {"metricName": "cpu", "customInlineTemplate": 'version="${scope}"'}
CONFIG = one_metric_config(CPU)
GOOD = matrix(range(61))
QUICK_RETRY = "  metrics: {retry: {attempts: 2, backoffPeriodMultiplierMs: 10}}\n"


def start_by_hand(service):
    return service.post("/canary", {"canaryConfig": CONFIG, "executionRequest": canary_request()})


def refused(service, code):
    """A start is refused with 503 and this code. Seconds it took."""
    began = time.monotonic()
    answer = start_by_hand(service)
    assert answer.status_code == 503, answer.text
    assert answer.json()["code"] == code
    assert int(answer.headers["Retry-After"]) > 0
    return time.monotonic() - began


def reads_work(service, execution):
    began = time.monotonic()
    assert service.get("/livez").status_code == 200
    assert service.get("/canaryConfig").status_code == 200
    assert service.get("/canary/executions", params={"application": "full"}).status_code == 200
    status = service.get(f"/canary/{execution}")
    assert status.status_code == 200
    assert time.monotonic() - began < 2
    return status.json()


# --- a full disk ---

class SmallDisk:
    """8 MiB in a mount namespace of its own, held by a process that sleeps."""

    def __init__(self, folder):
        os.makedirs(folder)
        self.holder = subprocess.Popen(
            ["unshare", "-rm", "sh", "-c",
             f"mount -t tmpfs -o size=8m tmpfs '{folder}' && echo mounted && exec sleep 600"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.is_there = self.holder.stdout.readline() == b"mounted\n"
        self.wrapper = ["nsenter", "-t", str(self.holder.pid), "-U", "-m", "--preserve-credentials", "--"]
        self.filler = f"/proc/{self.holder.pid}/root{folder}/filler"

    def fill(self):
        with open(self.filler, "wb", buffering=0) as out:
            try:
                while out.write(b"\xff" * 4096):
                    pass
            except OSError:
                pass

    def free(self):
        os.remove(self.filler)

    def close(self):
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()


class SmallFiles:
    """No mount: the process may not write behind the first byte of any file."""

    wrapper = []

    def __init__(self, service):
        self.pid = service.pid

    def limit(self, bytes_max):
        _, hard = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (bytes_max, hard))

    def fill(self):
        self.limit(1)

    def free(self):
        self.limit(resource.RLIM_INFINITY)


def survive_a_full_disk(service, disk, store):
    gate = store.hold_back()
    execution = service.start_canary(CONFIG, canary_request(), application="full")
    analysis = start(service, "analysis", "full-analysis", FULL_ANALYSIS)
    wait_until(lambda: len(store.requests) >= 4, "queries of both")
    disk.fill()
    assert refused(service, "disk_low") < 2.5
    reads_work(service, execution)
    gate.set()  # both have their data now, and nowhere to put it
    time.sleep(1.5)
    assert reads_work(service, execution)["complete"] is False
    assert read(service, service.session, analysis, True)["complete"] is False
    assert refused(service, "disk_low") < 2.5
    assert service.process.poll() is None
    disk.free()
    freed = time.monotonic()
    assert service.wait_for(execution, 10)["status"] == "succeeded"
    body = wait_until(lambda: (lambda b: b if b["complete"] else None)(read(service, service.session, analysis, True)),
                      "the analysis to end", 10)
    assert time.monotonic() - freed < 10
    assert body["status"] == "succeeded" and len(judgements(body)) == 3
    assert service.judge(CONFIG, canary_request())["status"] == "succeeded"
    assert service.get("/readyz").status_code == 200


FULL_ANALYSIS = analysis_request("v42", 20, (T0 + 3600) * 1000, (T0 + 7200) * 1000,
                                 thresholds={"pass": 2, "marginal": 1})


def test_a_full_disk_is_survived(tmp_path, start_serinus, scripted_store):
    disk = SmallDisk(str(tmp_path / "serinus-0/data"))
    try:
        if not disk.is_there:
            pytest.skip("needs a mount namespace")
        service = start_serinus(kayenta_yml({"scripted": scripted_store.url}), wrapper=disk.wrapper)
        survive_a_full_disk(service, disk, scripted_store)
        disk.fill()
        wait_until(lambda: service.get("/readyz").status_code == 503, "readiness to see it", 3)
        disk.free()
        service.kill()  # what was stored through all that is there
        service.start()
        assert len(service.get("/canary/executions", params={"application": "full"}).json()) == 1
        service.stop()
    finally:
        disk.close()


@pytest.mark.smoke
def test_a_limit_of_file_sizes_is_survived(start_serinus, scripted_store):
    service = start_serinus(kayenta_yml({"scripted": scripted_store.url}))
    survive_a_full_disk(service, SmallFiles(service), scripted_store)


# --- a lock that another process holds ---

@pytest.mark.smoke
def test_a_held_lock_is_waited_out(start_serinus, scripted_store):
    gate = scripted_store.hold_back()
    service = start_serinus(kayenta_yml({"scripted": scripted_store.url}))
    execution = service.start_canary(CONFIG, canary_request(), application="full")
    wait_until(lambda: len(scripted_store.requests) == 2, "both queries")
    other = sqlite3.connect(f"{service.data_dir}/serinus.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    gate.set()
    assert 1 < refused(service, "store_busy") < 3.5
    reads_work(service, execution)
    assert 1 < refused(service, "store_busy") < 3.5
    assert reads_work(service, execution)["complete"] is False
    other.execute("ROLLBACK")
    other.close()
    assert service.wait_for(execution, 10)["status"] == "succeeded"
    assert service.judge(CONFIG, canary_request())["status"] == "succeeded"


# --- a damaged database ---

@pytest.fixture(scope="module")
def stored_once(tmp_path_factory):
    """(service, clean, killed): a service that has ended; its data folder after 20 executions and a
    clean stop, when all has moved out of the log; and after 10 more and a kill, when they have not."""
    store = ScriptedStore()
    store.answer = lambda path, query: (200, {}, GOOD)
    service = Serinus(tmp_path_factory.mktemp("stored"), kayenta_yml({"scripted": store.url}))
    for _ in range(20):
        service.judge(CONFIG, canary_request())
    assert service.stop() == 0
    clean = service.data_dir + "-clean"
    shutil.copytree(service.data_dir, clean)
    service.start()
    for _ in range(10):
        service.judge(CONFIG, canary_request())
    service.kill()
    assert os.path.getsize(f"{service.data_dir}/serinus.db-wal") > 10000
    yield service, clean, service.data_dir
    store.close()


def with_copy(service, folder, copied):
    """The same service with a copy of the data, to be damaged."""
    service = copy.copy(service)
    service.data_dir = str(copied)
    shutil.copytree(folder, service.data_dir)
    return service


@pytest.fixture
def stored(stored_once, tmp_path):
    service = with_copy(stored_once[0], stored_once[1], tmp_path / "data")
    yield service
    assert service.stop() in (0, -signal.SIGKILL)


@pytest.fixture
def killed(stored_once, tmp_path):
    service = with_copy(stored_once[0], stored_once[2], tmp_path / "data")
    yield service
    assert service.stop() in (0, -signal.SIGKILL)


def flip(path, at):
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 0xFF]))


def content(folder):
    """Of all files that matter: not the lock, nor the index of the log, nor an empty log."""
    found = {}
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as file:
            found[name] = file.read()
    return {name: data for name, data in found.items() if data and not name.endswith((".lock", "-shm"))}


def refuses_to_start(service):
    """Exit 74 and words that help, at once or soon after the start; nothing is changed."""
    before = content(service.data_dir)
    ended = run_cli("serve", "--config", service.settings_path, "--listen", "127.0.0.1:0", "--data-dir",
                    service.data_dir, timeout_s=20)
    assert ended.returncode == 74, ended.stderr
    for word in ("damaged", "backup"):
        assert word in ended.stderr
    assert content(service.data_dir) == before


def test_a_stored_request_that_cannot_be_read(stored):
    """That is our own trouble, and not a mistake of who asks."""
    stored.start()
    columns = ("application, account, parent_id, config_id, config_name, kind, is_live, is_archived, created_unix_ms,"
               " ended_unix_ms, n_steps, verdict, score, n_crashes")
    with contextlib.closing(sqlite3.connect(f"{stored.data_dir}/serinus.db")) as database:
        database.execute(f"INSERT INTO execution (seq, id, state, due_unix_ms, {columns}) SELECT 999999, 'waits', 0,"
                         f" 9000000000000, {columns} FROM execution WHERE kind = 0 LIMIT 1")
        database.execute("INSERT INTO execution_submission VALUES (999999, '{')")
        database.commit()
    answer = stored.get("/canary/waits")
    assert answer.status_code == 500, answer.text
    assert "stored request" in stored.log_text()


# The magic; the page size; the fanout constants; the schema's number of cells.
@pytest.mark.parametrize("at", [0, 16, 21, 104])
def test_a_flipped_byte_in_the_header(stored, at):
    flip(f"{stored.data_dir}/serinus.db", at)
    refuses_to_start(stored)


def pages_in_use(path):
    """Numbers, from 1, of the pages that tables and indexes are made of, without the first."""
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    found = [page for page, in database.execute(
        "SELECT pageno FROM dbstat WHERE pagetype IN ('internal', 'leaf') AND pageno > 1 ORDER BY pageno")]
    database.close()
    return found


def test_a_flipped_byte_in_each_page(stored):
    """The first byte of a page says what kind of page it is."""
    path = f"{stored.data_dir}/serinus.db"
    pages = pages_in_use(path)
    assert len(pages) > 5
    for page in pages[:20]:
        flip(path, (page - 1) * 4096)
        refuses_to_start(stored)
        flip(path, (page - 1) * 4096)
    stored.start()
    assert len(stored.get("/canary/executions", params={"application": "ad-hoc"}).json()) == 20


def test_a_file_that_is_no_database(stored):
    with open(f"{stored.data_dir}/serinus.db", "wb") as file:
        file.write(b"This is no database. " * 1000)
    refuses_to_start(stored)


# --- a database that has lost something ---

def delete_the_log(service, clean):
    os.remove(f"{service.data_dir}/serinus.db-wal")


def cut_the_log(service, clean):
    path = f"{service.data_dir}/serinus.db-wal"
    os.truncate(path, os.path.getsize(path) // 2)


def flip_a_byte_of_the_log(service, clean):
    path = f"{service.data_dir}/serinus.db-wal"
    flip(path, os.path.getsize(path) // 2)


def put_an_old_copy_back(service, clean):
    os.remove(f"{service.data_dir}/serinus.db-wal")
    shutil.copy(f"{clean}/serinus.db", service.data_dir)


def empty_the_file(service, clean):
    os.remove(f"{service.data_dir}/serinus.db-wal")
    os.truncate(f"{service.data_dir}/serinus.db", 0)


@pytest.mark.parametrize("damage", [delete_the_log, cut_the_log, flip_a_byte_of_the_log, put_an_old_copy_back,
                                    empty_the_file])
def test_a_database_that_has_lost_something_is_only_read(stored_once, killed, damage):
    """... until the operator accepts it."""
    damage(killed, stored_once[1])
    before = content(killed.data_dir)
    killed.start()
    assert killed.get("/livez").status_code == 200
    assert killed.get("/readyz").status_code == 503
    can_read = damage is not empty_the_file  # there is nothing in it
    assert killed.get("/canary/executions", params={"application": "ad-hoc"}).status_code == (200 if can_read else 503)
    refused(killed, "store_rollback_detected")
    assert killed.post("/canaryConfig", CONFIG).status_code == 503
    assert "accept-rollback" in killed.log_text()[killed.log_offset:]
    assert killed.stop() == 0
    assert content(killed.data_dir) == before
    killed.start()  # it does not forget
    refused(killed, "store_rollback_detected")
    assert killed.stop() == 0
    accepted = run_cli("store", "accept-rollback", "--data-dir", killed.data_dir)
    assert accepted.returncode == 0, accepted.stderr
    killed.start()
    assert killed.get("/readyz").status_code == 200
    assert killed.judge(CONFIG, canary_request())["status"] == "succeeded"
    assert killed.stop() == 0
    assert run_cli("store", "check", "--data-dir", killed.data_dir).returncode == 0


def test_an_emptied_database_with_a_log_is_refused(killed):
    os.truncate(f"{killed.data_dir}/serinus.db", 0)
    before = content(killed.data_dir)
    ended = run_cli("serve", "--config", killed.settings_path, "--listen", "127.0.0.1:0", "--data-dir",
                    killed.data_dir, timeout_s=20)
    assert ended.returncode == 74 and "empty but has a log" in ended.stderr
    assert content(killed.data_dir) == before


def test_a_kill_alone_is_no_loss(killed):
    killed.start()
    assert killed.get("/readyz").status_code == 200
    assert len(killed.get("/canary/executions", params={"application": "ad-hoc", "limit": 100}).json()) == 30


def test_an_audit_file_that_is_gone_begins_anew(killed):
    """There is nothing to compare with: as after an upgrade from a version that had none."""
    os.remove(f"{killed.data_dir}/serinus.audit")
    killed.start()
    assert killed.get("/readyz").status_code == 200
    assert os.path.getsize(f"{killed.data_dir}/serinus.audit") > 0


# --- metric stores that fail ---

def piece_of(whole, length, **headers):
    """A reply that claims more bytes than come."""
    return 200, {"Content-Length": str(length), **headers}, [whole]


def series(*labels, values='[[1767229200,"1"]]'):
    body = ",".join(f'{{"metric":{metric},"values":{values}}}' for metric in labels)
    return f'{{"status":"success","data":{{"resultType":"matrix","result":[{body}]}}}}'.encode()


FAILING = {  # by the row of the catalogue of bad input, where it is not in test_bad_input.py already
    "S3 451": (451, {}, b"for legal reasons"),
    "S4 504": (504, {}, GOOD),
    "S4 500 that looks well": (500, {}, GOOD),
    "S5 Retry-After of years": (429, {"Retry-After": "-1"}, GOOD),
    "S5 Retry-After in words": (503, {"Retry-After": "soon"}, GOOD),
    "S6 to itself": (301, {"Location": "/api/v1/query_range"}, GOOD),
    "S6 to the metadata address": (302, {"Location": "http://169.254.169.254/latest/"}, GOOD),
    "S6 to a file": (307, {"Location": "file:///etc/passwd"}, GOOD),
    "S7 shorter than it says": piece_of(GOOD[:50], 100),
    "S7 a chunk that is cut": (200, {"Transfer-Encoding": "chunked"}, [b"400\r\n" + GOOD[:100]]),
    "S8 64 KiB of headers": (200, {f"X-{i}": "x" * 8000 for i in range(9)}, GOOD),
    "S8 65 MiB of spaces": (200, {}, [b" " * (1 << 20)] * 65),
    "S10 a word as a value": (200, {}, series("{}", values='[[1767229200,"abc"]]')),
    "S11 a word as a time": (200, {}, series("{}", values='[["abc","1"]]')),
    "S13 1001 series": (200, {}, series(*(f'{{"i":"{i}"}}' for i in range(1001)))),
    "S13 50001 points": (200, {}, series("{}", values="[" + ",".join(
        f'[{1767229200 + i},"1"]' for i in range(50001)) + "]")),
    "S13 129 labels": (200, {}, series("{" + ",".join(f'"l{i}":"x"' for i in range(129)) + "}")),
    "S13 a label of 5 KiB": (200, {}, series('{"l":"' + "x" * 5120 + '"}')),
    "S14 two series of one name": (200, {}, series('{"l":"x"}', '{"l":"x"}')),
    "S15 a label that is no UTF-8": (200, {}, series('{"l":"?"}').replace(b"?", b"\xff")),
    "S16 a scalar": (200, {}, b'{"status":"success","data":{"resultType":"scalar","result":[1767229200,"1"]}}'),
    "S16 a string": (200, {}, b'{"status":"success","data":{"resultType":"string","result":[1767229200,"x"]}}'),
    "S17 an unknown encoding": (200, {"Content-Encoding": "zip"}, GOOD),
    "S17 no gzip": (200, {"Content-Encoding": "gzip"}, GOOD),
    "S17 gzip that is cut": (200, {"Content-Encoding": "gzip"}, gzip.compress(GOOD * 100)[:-20]),
    "S19 half an answer": (200, {}, GOOD.replace(b'"status"', b'"isPartial":true,"status"')),
    "hangs up": None,
}


@pytest.fixture(scope="module")
def failing(tmp_path_factory):
    """(service, store): each test sets the store's answer."""
    store = ScriptedStore()
    service = Serinus(tmp_path_factory.mktemp("failing"), kayenta_yml({"scripted": store.url}, QUICK_RETRY))
    yield service, store
    assert service.stop() == 0
    store.close()


@pytest.mark.smoke
@pytest.mark.parametrize("side", ["v41", "v42"], ids=["control", "experiment"])
@pytest.mark.parametrize("row", FAILING)
def test_a_failure_is_never_a_pass(failing, row, side):
    """One metric of two, on one side, and everything else looks perfect."""
    service, store = failing
    config = one_metric_config(CPU)
    config["metrics"].append({**config["metrics"][0], "name": "good", "query": {
        "type": "prometheus", "metricName": "good", "customInlineTemplate": 'version="${scope}"'}})
    store.answer = lambda path, query: (
        FAILING[row] if query["query"] == f'avg(cpu{{version="{side}"}})' else (200, {}, GOOD))
    body = service.judge(config, canary_request())
    assert body["status"] == "terminal", body.get("result")
    assert "result" not in body and body["exception"]["operation"] == "prometheusFetch"
    assert service.process.poll() is None


@pytest.mark.parametrize("row", ["S4 504", "S7 shorter than it says", "S14 two series of one name"])
def test_a_failure_ends_an_analysis_without_a_verdict(failing, row):
    service, store = failing
    store.answer = lambda path, query: (
        FAILING[row] if "v42" in query["query"] and query["end"] != "2026-01-01T01:20:00Z" else (200, {}, GOOD))
    answer = service.post("/standalone_canary_analysis", {"canaryConfig": CONFIG, "executionRequest": FULL_ANALYSIS})
    analysis = answer.json()["canaryAnalysisExecutionId"]
    body = wait_until(lambda: (lambda b: b if b["complete"] else None)(read(service, service.session, analysis, True)),
                      "the analysis to end")
    assert body["status"] == "terminal"
    result = body["canaryAnalysisExecutionResult"]
    assert result["didPassThresholds"] is False
    assert [j["executionStatus"] for j in judgements(body)] == ["SUCCEEDED", "TERMINAL"]
