"""What was answered with an id survives `kill -9`."""
import os
import random
import sqlite3
import threading
import time

import pytest
import requests
from conftest import canary_request, demo_config, kayenta_yml, matrix, one_metric_config

CPU = {"metricName": "cpu", "customInlineTemplate": 'version="${scope}"'}


@pytest.mark.smoke
def test_an_accepted_execution_is_finished_after_kill(start_serinus, scripted_store):
    """The store holds its answers back, so that the kill comes in the middle of the fetch."""
    gate = threading.Event()

    def answer(path, query):
        gate.wait(10)
        return 200, {}, matrix(range(61))

    scripted_store.answer = answer
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


def test_kills_at_random_moments_lose_nothing(start_serinus, prometheus):
    kill_again_and_again(start_serinus, prometheus, 12, seed=1)


@pytest.mark.torture
def test_many_kills(start_serinus, prometheus):
    end = time.monotonic() + 60 * float(os.environ.get("TORTURE_MINUTES", "30"))
    seed = 2
    while time.monotonic() < end:
        kill_again_and_again(start_serinus, prometheus, 20, seed)
        seed += 1


def kill_again_and_again(start_serinus, prometheus, n_kills, seed):
    rng = random.Random(seed)
    service = start_serinus(kayenta_yml({"prometheus": prometheus.url}))
    config = service.store_config(demo_config())
    answered = []
    for _ in range(n_kills):
        started = time.monotonic()
        moment = rng.uniform(0.0, 0.15)
        timer = threading.Timer(moment, service.process.kill)
        timer.start()
        while time.monotonic() - started < 5:
            try:
                answer = service.post(f"/canary/{config}", canary_request(rng.choice(["v42", "v43"])))
                if answer.status_code == 200:
                    answered.append(answer.json()["canaryExecutionId"])
            except requests.RequestException:
                break
        timer.join()
        service.kill()
        service.start()
    assert answered, f"seed {seed}: no request was answered before a kill"
    for execution in answered:
        body = service.wait_for(execution)
        assert body["status"] == "succeeded", f"seed {seed}: {body}"
    assert service.stop() == 0
    database = sqlite3.connect(f"file:{service.data_dir}/serinus.db?mode=ro", uri=True)
    assert database.execute("pragma integrity_check").fetchone() == ("ok",)
    database.close()


def test_a_clean_stop_leaves_running_work_for_the_next_start(start_serinus, scripted_store):
    gate = threading.Event()

    def answer(path, query):
        gate.wait(20)
        return 200, {}, matrix(range(61))

    scripted_store.answer = answer
    service = start_serinus(kayenta_yml({"scripted": scripted_store.url}))
    execution = service.start_canary(one_metric_config(CPU), canary_request())
    started = time.monotonic()
    assert service.stop() == 0
    assert time.monotonic() - started < 15
    gate.set()
    service.start()
    assert service.wait_for(execution)["status"] == "succeeded"


def test_a_second_process_on_the_same_data_is_refused(start_serinus, scripted_store):
    from conftest import run_cli

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
