"""What canaries that run at once, or one after the other, do to their metric stores and to each other."""
import json
import re
import time

import pytest
from conftest import ScriptedStore, canary_request, kayenta_yml, matrix, one_metric_config, wait_until

OPEN_S = 15  # how long a store that stopped answering is spared before it is asked again


@pytest.fixture
def second_store():
    store = ScriptedStore()
    yield store
    store.close()


def config(n_metrics=1, application="checkout", prefix="m"):
    """Each metric is two queries, one for each side."""
    one = one_metric_config({})["metrics"][0]
    return {**one_metric_config({}), "applications": [application], "metrics": [
        {**one, "name": f"m{i}",
         "query": {"type": "prometheus", "customInlineTemplate": f"PromQL:{prefix}{i}{{v='${{scope}}'}}"}}
        for i in range(n_metrics)]}


def account(store, **more):
    return {"endpoint": {"baseUrl": store.url}, **more}


def counter(service, name):
    return int(re.search(rf"^serinus_fetch_{name} (\d+)$", service.get("/metrics").text, re.M).group(1))


def succeeded(body):
    assert body["status"] == "succeeded", body.get("exception")
    return body["result"]["judgeResult"]["score"]["score"]


def test_two_canaries_that_ask_the_same_share_their_requests(start_serinus, scripted_store):
    gate = scripted_store.hold_back()
    service = start_serinus(kayenta_yml({"a": scripted_store.url}))
    started = [service.start_canary(config(3, application), canary_request()) for application in ("checkout", "basket")]
    wait_until(lambda: counter(service, "shared_total") == 6, "the second to join the questions of the first")
    wait_until(lambda: len(scripted_store.requests) == 6, "the requests of the first")
    gate.set()
    scores = [succeeded(service.wait_for(execution)) for execution in started]
    assert scores == [100, 100]
    assert len(scripted_store.requests) == 6 == counter(service, "requests_total")


@pytest.mark.parametrize("keeps", [False, True], ids=["as it is", "keepReplies"])
def test_replies_about_the_past_are_kept_where_the_account_says_so(start_serinus, scripted_store, keeps):
    scripted_store.answer = lambda path, query: (200, {}, matrix(range(61)))
    service = start_serinus(kayenta_yml({"a": account(scripted_store, **({"keepReplies": True} if keeps else {}))}))
    bodies = [service.judge(config(2), canary_request()) for _ in range(2)]
    assert [succeeded(body) for body in bodies] == [100, 100]
    assert len(scripted_store.requests) == (4 if keeps else 8)
    assert counter(service, "cached_total") == (4 if keeps else 0)
    assert (counter(service, "cache_bytes") > 0) == keeps
    # What the store says now is what counts where nothing is kept, and its trouble is not hidden.
    scripted_store.answer = lambda path, query: (400, {}, b'{"error":"no"}')
    assert service.judge(config(2), canary_request())["status"] == ("succeeded" if keeps else "terminal")


def test_a_reply_with_a_warning_is_not_kept(start_serinus, scripted_store):
    """A partial response, say: the next one may be whole."""
    whole = matrix(range(61))
    partial = json.dumps({**json.loads(whole), "warnings": ["a replica did not answer"]}).encode()
    scripted_store.answer = lambda path, query: (200, {}, partial)
    service = start_serinus(kayenta_yml({"a": account(scripted_store, keepReplies=True)}))
    succeeded(service.judge(config(), canary_request()))
    scripted_store.answer = lambda path, query: (200, {}, whole)
    for _ in range(2):
        succeeded(service.judge(config(), canary_request()))
    assert len(scripted_store.requests) == 4 and counter(service, "cached_total") == 2


def test_a_store_that_hangs_slows_no_canary_of_another_account(start_serinus, scripted_store, second_store):
    """Promise P7."""
    scripted_store.answer = lambda path, query: (200, {}, matrix(range(61)))
    gate = second_store.hold_back(60)
    service = start_serinus(kayenta_yml({"fine": scripted_store.url,
                                         "hole": account(second_store, maxConcurrentRequests=200)}))

    def time_s():
        started = time.monotonic()
        succeeded(service.judge(config(20), canary_request(), metricsAccountName="fine"))
        return time.monotonic() - started

    alone_s = min(time_s() for _ in range(3))
    # Not of the same metrics: what asks the same would be one request.
    hanging = [service.start_canary(config(20, prefix=f"other{i}_"), canary_request(), metricsAccountName="hole")
               for i in range(10)]
    wait_until(lambda: counter(service, "in_flight") >= 40 <= counter(service, "waiting"), "many requests that hang")
    beside_s = min(time_s() for _ in range(3))
    assert beside_s < 2 * alone_s + 1  # and not the minute of those that hang
    assert not any(service.get(f"/canary/{execution}").json()["complete"] for execution in hanging)
    gate.set()
    for execution in hanging:
        succeeded(service.wait_for(execution))


def test_a_store_that_is_back_is_asked_again(start_serinus, scripted_store):
    scripted_store.answer = lambda path, query: (503, {}, b"")
    service = start_serinus(kayenta_yml({"a": account(scripted_store, retry={"attempts": 1})}))
    failed = service.judge(config(5), canary_request())
    assert failed["status"] == "terminal"
    wait_until(lambda: '"metric store stopped answering"' in service.log_text(), "word of it")
    opened = time.monotonic()

    # While it is spared it is not asked, even if it is back: a canary fails at once, and says why.
    scripted_store.answer = lambda path, query: (200, {}, matrix(range(61)))
    n_asked = len(scripted_store.requests)
    spared = service.judge(config(), canary_request())
    assert spared["status"] == "terminal"
    assert "the metric store was not asked, because its last" in spared["exception"]["details"]["error"]
    assert len(scripted_store.requests) == n_asked

    def judged():
        body = service.judge(config(), canary_request())
        return body if body["status"] == "succeeded" else None

    succeeded(wait_until(judged, "a canary that gets through", OPEN_S + 5, pause_s=0.2))
    assert time.monotonic() - opened > OPEN_S - 2
    assert '"metric store answered again"' in service.log_text()
    # Nobody had asked in between: one query found out, and both of the canary that got through were sent.
    assert len(scripted_store.requests) <= n_asked + 3
