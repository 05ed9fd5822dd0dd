"""What was answered with an id survives `kill -9`, and a stop loses nothing."""
import collections
import contextlib
import os
import signal
import sqlite3
import threading
import time

import pytest
import requests
from conftest import (WINDOW, canary_request, demo_config, kayenta_yml, matrix, needs_faketime,
                      one_metric_config, run_cli, wait_until)
from crash import CrashRun
from history import GIVEN_UP, MAX_CRASHES, History, judgements

SEED = int(os.environ.get("SEED", "1"))
KILLS = int(os.environ.get("KILLS", "1000"))
KILLS_PER_FOLDER = 50
CPU = {"metricName": "cpu", "customInlineTemplate": 'version="${scope}"'}


@pytest.mark.smoke
def test_an_accepted_execution_is_finished_after_kill(start_serinus, scripted_store):
    """The store holds its answers back, so that the kill comes in the middle of the fetch."""
    gate = scripted_store.hold_back()
    service = start_serinus(kayenta_yml({"scripted": scripted_store.url}))
    ids = [service.start_canary(one_metric_config(CPU), canary_request(), application="killed") for _ in range(5)]
    assert {service.get(f"/canary/{i}").json()["status"] for i in ids} <= {"not_started", "running"}
    service.kill()
    gate.set()
    service.start()
    for execution in ids:
        body = service.wait_for(execution)
        assert body["status"] == "succeeded", body
        assert body["result"]["judgeResult"]["score"]["classification"] == "Pass"
        assert service.get(f"/metricSetPairList/{body['metricSetPairListId']}").status_code == 200
    listed = service.get("/canary/executions?application=killed").json()
    assert [body["pipelineId"] for body in listed] == ids[::-1]


def test_finished_queries_are_not_asked_again(start_serinus, scripted_store):
    """One of two metrics is there when the kill comes, the other one hangs."""
    gate = threading.Event()

    def answer(path, query):
        if "slow" in query["query"]:
            gate.wait(20)
        return 200, {}, matrix(range(61))

    scripted_store.answer = answer
    service = start_serinus(kayenta_yml({"scripted": scripted_store.url}))
    config = one_metric_config(CPU)
    config["metrics"].append({**config["metrics"][0], "name": "slow", "query": {
        "type": "prometheus", "metricName": "slow", "customInlineTemplate": 'version="${scope}"'}})
    execution = service.start_canary(config, canary_request())
    wait_until(lambda: len(scripted_store.requests) == 4, "all queries")
    time.sleep(1)
    for n in (1, 2):  # also a second time
        service.kill()
        service.start()
        wait_until(lambda: len(scripted_store.requests) >= 4 + 2 * n, "the slow ones to be asked again", 2)
        time.sleep(0.5)
    gate.set()
    assert service.wait_for(execution)["status"] == "succeeded"
    asked = collections.Counter(query["query"] for _, query, _ in scripted_store.requests)
    assert {query: n for query, n in asked.items() if "cpu" in query} == {
        'avg(cpu{version="v41"})': 1, 'avg(cpu{version="v42"})': 1}


def test_what_kills_the_service_again_and_again_is_given_up(start_serinus, scripted_store):
    """Kills without progress, as if the execution were to blame. It fails and says so."""
    gate = scripted_store.hold_back()
    service = start_serinus(kayenta_yml({"scripted": scripted_store.url}))
    execution = service.start_canary(one_metric_config(CPU), canary_request())
    for n in range(1, MAX_CRASHES + 1):
        wait_until(lambda: len(scripted_store.requests) >= 2 * n, f"queries of run {n}")
        assert service.get(f"/canary/{execution}").json()["complete"] is False
        service.kill()
        service.start()
    body = service.wait_for(execution)
    assert body["status"] == "terminal" and "result" not in body
    assert GIVEN_UP in str(body["exception"])
    gate.set()
    assert service.judge(one_metric_config(CPU), canary_request())["status"] == "succeeded"


# --- kills at random moments ---

@pytest.fixture(scope="module")
def undisturbed(long_prometheus, tmp_path_factory):
    """What the service finds when nobody kills it."""
    run = CrashRun(tmp_path_factory.mktemp("undisturbed"), long_prometheus.url, SEED)
    expected = run.measure()
    assert run.close() == []
    return expected


def kill_and_check(directory, prometheus, undisturbed, seed, n_kills):
    run = CrashRun(directory, prometheus.url, seed)
    try:
        run.run(n_kills)
        problems = run.problems(undisturbed)
    finally:
        run.service.stop()
    history = run.history
    print(f"seed {seed}: {history.kills} kills, {len(history.started)} starts answered after"
          f" {run.n_repeated} repetitions, {len(history.outcomes)} canaries judged, {len(history.given_up())} given up")
    assert not problems, f"SEED={seed}: {len(problems)} problems\n" + "\n".join(problems[:20])
    assert len(history.started) > n_kills / 5 and history.seen
    assert not history.given_up()
    return history


@needs_faketime
def test_kills_at_random_moments_lose_and_change_nothing(tmp_path, long_prometheus, undisturbed):
    kill_and_check(tmp_path, long_prometheus, undisturbed, SEED, 30)


@needs_faketime
def test_the_driver_notices_what_is_not_as_it_was(tmp_path, long_prometheus, undisturbed):
    """A canary, a judgement and a verdict are meddled with while the service is down."""
    run = CrashRun(tmp_path, long_prometheus.url)
    ids = [run.begin(item, item) for item in ("canary v42", "canary v43", "growing")]
    run.collect()
    judgement = judgements(run.history.final[ids[2]])[4]["executionId"]
    run.history = History(started=run.history.started)
    for execution_id in ids[:2]:
        run.history.saw(execution_id, run.end_of(execution_id, False))
    run.kill()
    database = sqlite3.connect(f"{run.service.data_dir}/serinus.db")
    database.execute("PRAGMA foreign_keys = ON")
    for execution_id in (ids[0], judgement):
        assert database.execute("DELETE FROM execution WHERE id = ?", [execution_id]).rowcount == 1
    database.execute("UPDATE execution_body SET json = replace(json, ?, ?)"
                     " WHERE execution = (SELECT seq FROM execution WHERE id = ?)",
                     ['"classification":"Fail"', '"classification":"Pass"', ids[1]])
    database.commit()
    database.close()
    run.start_again()
    run.collect()
    found = run.problems(undisturbed)
    assert f"{ids[0]} (canary v42) was answered and is lost" in found
    assert f"{ids[1]} was seen as ended, and is different now" in found
    assert any(line.startswith(f"{ids[1]}: ") for line in found)
    assert any(line.startswith(f"{ids[2]}: interval 5 of 10 is") for line in found)
    assert any(line.startswith("growing: canaries") for line in found)


@needs_faketime
@pytest.mark.torture
def test_many_kills(tmp_path, long_prometheus, undisturbed):
    """KILLS of them, each KILLS_PER_FOLDER with a new data folder and a new seed."""
    kills = starts = judged = given_up = 0
    while kills < KILLS:
        directory = tmp_path / str(kills)
        history = kill_and_check(directory, long_prometheus, undisturbed, SEED + kills,
                                 min(KILLS_PER_FOLDER, KILLS - kills))
        kills, starts = kills + history.kills, starts + len(history.started)
        judged, given_up = judged + len(history.outcomes), given_up + len(history.given_up())
        print(f"{kills} kills in all, {starts} starts answered, {judged} canaries judged, {given_up} given up",
              flush=True)


# --- stopping ---

def query_by_hand(service):
    """The status of an answer that takes as long as the metric store's. No canary asks the same."""
    return requests.post(service.url + "/fetch/prometheus/query", timeout=20, params={
        "metricSetName": "cpu", "metricName": "cpu", "customFilter": 'version="v42"', "step": 30,
        "start": WINDOW[0], "end": WINDOW[1]}).status_code


def held_up(start_serinus, scripted_store):
    """A service with a canary and a query by hand whose store does not answer: a stop has to wait."""
    gate = scripted_store.hold_back()
    # Its threads are left as they are, on purpose.
    options = os.environ.get("TSAN_OPTIONS", "") + ":report_thread_leaks=0:atexit_sleep_ms=0"
    service = start_serinus(kayenta_yml({"scripted": scripted_store.url}), environment={"TSAN_OPTIONS": options})
    execution = service.start_canary(one_metric_config(CPU), canary_request())

    def ask():
        with contextlib.suppress(requests.RequestException):
            query_by_hand(service)

    client = threading.Thread(target=ask)
    client.start()
    wait_until(lambda: len(scripted_store.requests) == 3, "three queries")
    return gate, service, execution, client


def end_of(process, timeout_s=15):
    started = time.monotonic()
    code = process.wait(timeout_s)
    return code, time.monotonic() - started


def test_an_idle_service_stops_at_once(start_serinus, scripted_store):
    service = start_serinus(kayenta_yml({"scripted": scripted_store.url}))
    assert service.get("/readyz").status_code == 200
    service.process.terminate()
    code, seconds = end_of(service.process)
    assert code == 0 and seconds < 2


@pytest.mark.smoke
def test_a_clean_stop_leaves_running_work_for_the_next_start(start_serinus, scripted_store):
    gate = scripted_store.hold_back()
    service = start_serinus(kayenta_yml({"scripted": scripted_store.url}))
    execution = service.start_canary(one_metric_config(CPU), canary_request())
    wait_until(lambda: len(scripted_store.requests) == 2, "both queries")
    service.process.terminate()
    code, seconds = end_of(service.process)
    assert code == 0 and seconds < 15
    gate.set()
    service.start()
    assert service.wait_for(execution)["status"] == "succeeded"


def test_what_cannot_be_read_any_more_ends(start_serinus, scripted_store):
    gate = scripted_store.hold_back()
    service = start_serinus(kayenta_yml({"scripted": scripted_store.url}))
    execution = service.start_canary(one_metric_config(CPU), canary_request())
    service.process.terminate()
    end_of(service.process)
    gate.set()
    with contextlib.closing(sqlite3.connect(f"{service.data_dir}/serinus.db")) as database:
        database.execute("UPDATE execution_submission SET json = '{'")
        database.commit()
    service.start()
    wait_until(lambda: service.get(f"/canary/{execution}").status_code == 200, "its end", 10)
    ended = service.get(f"/canary/{execution}").json()
    assert (ended["status"], ended["exception"]["details"]["code"]) == ("terminal", "json_syntax")


@pytest.mark.smoke
def test_requests_in_hand_are_answered_before_the_end(start_serinus, scripted_store):
    """Queries by hand that take 1.5 s, and the signal comes after 0.5 s."""
    scripted_store.hold_back(1.5)
    service = start_serinus(kayenta_yml({"scripted": scripted_store.url}))
    statuses = []
    clients = [threading.Thread(target=lambda: statuses.append(query_by_hand(service))) for _ in range(4)]
    for client in clients:
        client.start()
    time.sleep(0.5)
    service.process.terminate()
    for client in clients:
        client.join()
    assert statuses == [200] * 4
    code, seconds = end_of(service.process)
    assert code == 0 and seconds < 15


def test_a_stop_that_cannot_wait_longer_is_no_crash(start_serinus, scripted_store):
    """A query by hand takes longer than a stop waits; what runs is let go all the same."""
    gate, service, execution, client = held_up(start_serinus, scripted_store)
    service.process.terminate()
    code, seconds = end_of(service.process)
    assert code == 0 and 9 < seconds < 15
    client.join()
    with contextlib.closing(sqlite3.connect(f"{service.data_dir}/serinus.db")) as database:
        assert database.execute("SELECT id, lease_nonce FROM execution").fetchall() == [(execution, None)]
    gate.set()


def test_a_stop_under_load_drops_nothing_that_was_asked(start_serinus, prometheus):
    """Clients start canaries as fast as they can. All that is answered is finished by the next start."""
    service = start_serinus(kayenta_yml({"prometheus": prometheus.url}))
    config = service.store_config(demo_config())
    answered, broken, signalled = [], [], []

    def client():
        while not signalled or time.monotonic() < signalled[0] + 2:
            began = time.monotonic()
            try:
                answer = requests.post(f"{service.url}/canary/{config}", json=canary_request("v42"), timeout=20)
            except requests.RequestException as error:
                # The kernel takes connections for a while that nobody will look at any more, and then
                # refuses them: this thread may have waited long between its clock and its connection.
                if not signalled or ("refused" not in repr(error) and began < signalled[0] - 0.05):
                    broken.append(repr(error))
                time.sleep(0.05)
                continue
            if answer.status_code == 200:
                answered.append(answer.json()["canaryExecutionId"])
            elif answer.status_code != 503:
                broken.append(answer.text)

    clients = [threading.Thread(target=client) for _ in range(4)]
    for thread in clients:
        thread.start()
    time.sleep(1)
    signalled.append(time.monotonic())
    service.process.terminate()
    code, seconds = end_of(service.process)
    for thread in clients:
        thread.join()
    assert code == 0 and seconds < 15
    assert not broken, broken[:5]
    service.start()
    assert len(answered) > 5
    assert {service.wait_for(execution)["status"] for execution in answered} == {"succeeded"}


@pytest.mark.smoke
def test_a_second_signal_ends_it_at_once(start_serinus, scripted_store):
    gate, service, execution, client = held_up(start_serinus, scripted_store)
    service.process.terminate()
    time.sleep(0.5)
    assert service.process.poll() is None
    service.process.terminate()
    code, seconds = end_of(service.process)
    assert code == 128 + signal.SIGTERM and seconds < 1
    client.join()
    gate.set()
    service.start()
    assert service.wait_for(execution)["status"] == "succeeded"


def test_a_second_process_on_the_same_data_is_refused(start_serinus, scripted_store):
    service = start_serinus(kayenta_yml({"scripted": scripted_store.url}))
    second = run_cli("serve", "--config", service.settings_path, "--listen", "127.0.0.1:0",
                     "--data-dir", service.data_dir, timeout_s=20)
    assert second.returncode == 75, second.stderr
    assert str(service.pid) in second.stderr
    assert service.get("/readyz").status_code == 200


@pytest.mark.torture
def test_soak(start_serinus, prometheus):
    """Canaries without a pause: memory and file descriptors stay where they were."""
    service = start_serinus(kayenta_yml({"prometheus": prometheus.url}))
    config = service.store_config(demo_config())

    def resident_kib():
        with open(f"/proc/{service.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

    end = time.monotonic() + 60 * float(os.environ.get("TORTURE_MINUTES", "30"))
    count, warm = 0, None
    while time.monotonic() < end:
        service.judge(config, canary_request("v43"))
        count += 1
        if count == 200:
            warm = resident_kib(), len(os.listdir(f"/proc/{service.pid}/fd"))
    assert warm, "too short to say anything"
    print(f"{count} canaries, resident {warm[0]} -> {resident_kib()} KiB")
    assert resident_kib() < warm[0] + (16 << 10)
    assert len(os.listdir(f"/proc/{service.pid}/fd")) <= warm[1] + 4
