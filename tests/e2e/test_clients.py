"""Whole stories, told through the clients that speak Kayenta's API; see clients/. Each story runs
against the real service and a real Prometheus."""
import threading

import pytest
from clients import argo
from clients.gate import NO_PARENT, Deck, Gate, Spin
from clients.kayentactl import Kayentactl
from clients.orca import FEW_POINTS, NOT_ABOVE_MARGINAL, Orca, Stage
from clients.referee import Referee
from clients.webhook import Webhook
from clients.wire import ClientError, Refused
from conftest import T0, WINDOW, demo_config, kayenta_yml, matrix, one_metric_config, scope, wait_until

START, END = WINDOW
CONTROL = ("v41", "baseline")
NAME = "clients"
N_METRICS = len(demo_config()["metrics"])


@pytest.fixture(scope="module")
def config_id(serinus):
    return serinus.store_config(demo_config(name=NAME, applications=["checkout"]))


class Story:
    """A store that fails, or that answers only when told to, behind a service of its own."""

    def __init__(self, service, store):
        self.service, self.store, self.opened = service, store, threading.Event()
        self.config_id = service.store_config(demo_config(name=NAME, applications=["checkout"]))

    def fail(self):
        self.store.answer = lambda path, query: (
            400, {}, b'{"status":"error","errorType":"bad_data","error":"parse error: unclosed brace"}')

    def hold(self):
        def answer(path, query):
            self.opened.wait(30)
            return 200, {}, matrix(range(61))

        self.store.answer = answer


@pytest.fixture
def story(start_serinus, scripted_store):
    told = Story(start_serinus(kayenta_yml({"prometheus-prod": scripted_store.url})), scripted_store)
    yield told
    told.opened.set()


# --- Orca ---

def stage(canary="v42", **more):
    return Stage(**{"application": "checkout", "config_name": NAME, "experiment": (canary, "canary"),
                    "start": START, "end": END, "metrics_account": "prometheus-prod", **more})


@pytest.mark.smoke
def test_orca_promotes_a_good_release(serinus, config_id):
    orca = Orca(serinus.url)
    assert orca.resolve(NAME, "checkout") == config_id
    outcome = orca.run(stage())
    assert (outcome.status, outcome.scores, outcome.durations) == ("SUCCEEDED", [100], ["PT1H"])
    assert outcome.warnings == [] and outcome.message is None


@pytest.mark.smoke
def test_orca_stops_a_bad_release(serinus, config_id):
    outcome = Orca(serinus.url).run(stage("v43", interval_mins=20))
    assert (outcome.status, outcome.scores, outcome.message) == ("TERMINAL", [0], NOT_ABOVE_MARGINAL)
    assert len(outcome.executions) == 1, "later intervals do not start"
    assert Orca(serinus.url).run(stage("v43", continues=True)).status == "FAILED_CONTINUE"


def test_orca_wants_more_than_marginal_at_the_end(serinus, config_id):
    """v46 creeps: it passes while it is young, and is marginal over the whole hour."""
    assert (Orca(serinus.url).run(stage("v46")).status, Orca(serinus.url).run(stage("v46", passing=80)).status) == (
        "TERMINAL", "SUCCEEDED")
    equal = Orca(serinus.url).run(stage("v46", marginal=80))
    assert (equal.scores, equal.message) == ([80], NOT_ABOVE_MARGINAL), "a score equal to marginal fails"


def test_orca_in_intervals(serinus, config_id):
    waited = []
    orca = Orca(serinus.url, wait=waited.append)
    outcome = orca.run(stage(interval_mins=20))
    assert (outcome.status, outcome.durations, waited) == ("SUCCEEDED", ["PT20M", "PT40M", "PT1H"], [])
    assert outcome.warnings == [FEW_POINTS] * 2, "21 and 41 points"
    # Without an end it waits; the windows begin after the warm-up.
    outcome = orca.run(stage(end=None, lifetime_mins=50, interval_mins=20, warmup_mins=5))
    assert (outcome.status, outcome.durations, waited) == ("SUCCEEDED", ["PT20M", "PT40M"], [20, 20])
    scopes = serinus.get(f"/canary/{outcome.executions[1]}").json()["canaryExecutionRequest"]["scopes"]["default"]
    assert scopes["controlScope"]["start"] == "2026-01-01T01:05:00Z"
    outcome = orca.run(stage(interval_mins=30, lookback_mins=30, baseline_offset_mins=60, end="2026-01-01T02:30:00Z"))
    assert outcome.durations == ["PT30M"] * 3
    scopes = serinus.get(f"/canary/{outcome.executions[2]}").json()["canaryExecutionRequest"]["scopes"]["default"]
    assert [scopes[side]["start"][11:16] for side in ("controlScope", "experimentScope")] == ["01:00", "02:00"]


def test_orca_and_a_store_that_fails(story):
    story.fail()
    outcome = Orca(story.service.url).run(stage())
    assert outcome.status == "TERMINAL" and outcome.scores == []
    assert "parse error: unclosed brace" in outcome.exception["details"]["errors"][0]


@pytest.mark.smoke
def test_orca_cancels(story):
    story.hold()
    outcome = Orca(story.service.url).run(stage(), on_poll=lambda execution, status: status["status"] == "RUNNING")
    assert outcome.status == "TERMINAL"
    assert outcome.exception == {"details": {"errors": ["Canary execution was canceled."]}}
    assert Orca(story.service.url).cancel("01M0ZZZZZZZZZZZZZZZZZZZZZZ") is False


def test_orca_needs_exactly_one_config_of_a_name(serinus, config_id):
    orca = Orca(serinus.url)
    with pytest.raises(ClientError, match="0 canary configs"):
        orca.run(stage(config_name="no-such-config"))
    with pytest.raises(ClientError, match="0 canary configs"):
        orca.run(stage(application="cart"))
    serinus.store_config(demo_config(name="twice", applications=["checkout"]))
    serinus.store_config(demo_config(name="twice", applications=["cart"]))
    assert orca.resolve("twice", "checkout") != orca.resolve("twice", "cart")


# --- Gate, Deck, spin ---

def request_of(canary, start=START, end=END):
    return {"scopes": {"default": {"controlScope": scope("v41", "baseline", start, end),
                                   "experimentScope": scope(canary, "canary", start, end)}},
            "thresholds": {"pass": 95, "marginal": 75}}


def ended(gate, execution):
    wait_until(lambda: gate.result(execution)["complete"].boolean(), execution)
    return execution


@pytest.mark.smoke
def test_deck_from_config_to_report(serinus, prometheus):
    deck = Deck(Gate(serinus.url))
    judges, accounts = deck.edit_form()
    assert judges[0] == "NetflixACAJudge-v1.0" and "RobustRank-v1.0" in judges and "dredd-v1.0" not in judges
    assert accounts["prometheus-prod"] == ("prometheus", ["METRICS_STORE"])
    wait_until(lambda: deck.complete_metric("CPU_"), "the names")
    assert deck.complete_metric("CPU_", "prometheus-prod") == ["cpu_saturation_ratio"]

    config_id = deck.save(demo_config(name="deck", applications=["deck", "cart"]))
    config = deck.load(config_id)
    config["description"] = "changed in the form"
    assert deck.save(config) == config_id and deck.load(config_id)["description"] == "changed in the form"
    execution = ended(deck.gate, deck.gate.start(config_id, request_of("v43"), "deck", parent=NO_PARENT))
    row = deck.run_list("deck")[0]
    assert (row["id"], row["status"], row["config"], row["score"], row["manual"]) == (
        execution, "succeeded", "deck", 0.0, True)
    report = deck.report(execution)
    assert report["score"] == (0.0, "Fail", "Canary Failed: The metric error_ratio was classified as High (Critical)")
    assert report["groups"] == {"Latency": 0.0, "Errors": 0.0, "Traffic": 100.0, "Saturation": 100.0}
    assert len(report["metrics"]) == N_METRICS
    for metric in report["metrics"]:
        for side, points in metric["graph"].items():
            assert len(points) == metric["stats"][side + "Metadata"]["count"] == 61
            assert points[0][0] == 1000 * (T0 + 3600) and points[1][0] - points[0][0] == 60000
    deck.gate.delete(config_id)
    with pytest.raises(Refused, match="404"):
        deck.load(config_id)
    assert deck.report(execution) == report, "a report outlives its config"


def test_deck_lists_by_application(serinus):
    deck = Deck(Gate(serinus.url))
    for name, applications in (("red", ["colours"]), ("blue", ["colours", "sky"]), ("green", ["grass"])):
        deck.save(demo_config(name=name, applications=applications))

    def names(*applications):
        return [row[0] for row in deck.config_list(*applications)]

    assert names("colours") == ["blue", "red"]
    assert names("sky", "grass") == ["blue", "green"]
    assert names("colours", "grass", "nobody") == ["blue", "green", "red"]
    assert set(names()) >= {"blue", "green", "red"}
    repeated = serinus.get("/canaryConfig?application=sky&application=grass").json()
    assert {one["name"] for one in repeated} == {"blue", "green"}


def test_deck_pages_through_runs(serinus, config_id):
    deck = Deck(Gate(serinus.url, storage_account="serinus", configuration_account="serinus"))
    ids = [ended(deck.gate, deck.gate.start(config_id, request_of("v42"), "paged", parent="01PARENT"))
           for _ in range(3)]
    assert [row["id"] for row in deck.run_list("paged")] == ids[::-1]
    assert [row["id"] for row in deck.run_list("paged", limit=2, page=2)] == ids[:1]
    assert [row["id"] for row in deck.run_list("paged", limit=1, statuses="running,succeeded")] == ids[:1:-1]
    assert deck.run_list("paged", statuses="terminal,canceled") == []
    assert not any(row["manual"] for row in deck.run_list("paged"))


def test_deck_shows_what_went_wrong(story):
    story.fail()
    gate = Gate(story.service.url)
    ended(gate, gate.start(story.config_id, request_of("v42"), "checkout"))
    row = Deck(gate).run_list("checkout")[0]
    assert (row["status"], row["score"]) == ("terminal", None)
    assert "parse error: unclosed brace" in row["error"]["errors"][0]


def test_deck_and_refused_configs(serinus):
    """Gate hands the body on; Deck shows its message."""
    deck = Deck(Gate(serinus.url))
    config_id = deck.save(demo_config(name="refused", applications=["refusals"]))
    for change, words in (({"id": ""}, "already exists in the scope of applications"),
                          ({"name": "a b", "id": ""}, "Names must contain only letters"),
                          ({"name": "other", "applications": []}, "at least one application")):
        with pytest.raises(Refused, match=words) as refused:
            deck.save({**deck.load(config_id), **change})
        assert refused.value.status == 400


@pytest.mark.smoke
def test_spin(serinus):
    spin = Spin(Gate(serinus.url))
    config = demo_config(name="spun", applications=["spin"], id="spun-by-hand")
    assert spin.save(config) == "spun-by-hand" == spin.save(config)
    assert [one["name"] for one in spin.list("spin")] == ["spun"]
    for canary, word in (("v42", "Pass"), ("v43", "Fail"), ("v46", "Marginal")):
        assert spin.retro(config, CONTROL, (canary, "canary"), START, END) == word


# --- Referee ---

@pytest.mark.smoke
def test_referee_runs_and_reports(serinus):
    referee = Referee(serinus.url)
    storage, metrics = referee.setup_page()
    assert (storage, metrics) == ("serinus", ["prometheus-prod"])
    config = demo_config(name="")
    del config["applications"]
    scopes = request_of("v46")["scopes"]["default"]
    execution = referee.run_manual_execution(config, scopes, "referee", metrics[0], storage,
                                             {"pass": "95", "marginal": "75"})
    seen, _ = referee.results_page(execution)
    assert set(seen[-1].values()) == {"succeeded"}
    report = referee.canary_report(execution)
    assert (report["score"], report["class"]) == (80.0, "Marginal")
    assert report["thresholds"] == {"pass": 95.0, "marginal": 75.0}
    assert ("memory_working_set", "High", "memory_working_set was classified as High") in report["metrics"]
    assert [path for _, path in referee.http.calls][0] == f"/canary/{execution}" and len(referee.http.calls) == 2


def test_referee_opens_metrics_without_data(serinus, config_id):
    """v47 exports its requests only: the statistics of nothing are numbers all the same."""
    gate = Gate(serinus.url)
    report = Referee(serinus.url).canary_report(ended(gate, gate.start(config_id, request_of("v47"), "referee")))
    assert (report["score"], report["class"]) == (0.0, "Fail")
    assert ("latency_p99", "Nodata", "Missing data for latency_p99") in report["metrics"]


def test_referee_shows_errors(story):
    story.fail()
    gate, referee = Gate(story.service.url), Referee(story.service.url)
    execution = ended(gate, gate.start(story.config_id, request_of("v42"), "referee"))
    _, body = referee.results_page(execution)
    assert body["status"].text() == "terminal"
    assert "parse error" in referee.canary_report(execution)["error"]["errors"][0]


def analysis_body(canary, interval_mins=20, control_offset=0):
    config = demo_config()
    return {"canaryConfig": config, "executionRequest": {
        "scopes": [{"scopeName": "default", "controlScope": "v41", "controlLocation": "baseline",
                    "experimentScope": canary, "experimentLocation": "canary", "startTimeIso": START,
                    "endTimeIso": END, "step": 60, "controlOffsetInMinutes": control_offset}],
        "thresholds": {"pass": 95, "marginal": 75}, "analysisIntervalMins": interval_mins,
        "siteLocal": {"applicationMetadata": [{"name": "build", "value": "42"}]}}}


def analyse(serinus, body):
    answer = serinus.post("/standalone_canary_analysis", body, params={"application": "referee", "user": "me"})
    assert answer.status_code == 200, answer.text
    analysis = answer.json()["canaryAnalysisExecutionId"]
    wait_until(lambda: serinus.get(f"/standalone_canary_analysis/{analysis}").json()["complete"], analysis)
    return analysis


@pytest.mark.smoke
def test_referee_reports_analyses(serinus):
    referee = Referee(serinus.url)
    report = referee.standalone_report(analyse(serinus, analysis_body("v42")))
    assert (report["passed"], report["scores"], len(report["intervals"])) == (True, [100.0] * 3, 3)
    assert [len(one["warnings"]) for one in report["intervals"]] == [1, 1, 0]
    assert [call for call in referee.http.calls if "metricSetPairList" in call[1]], "one for each interval"
    report = referee.standalone_report(analyse(serinus, analysis_body("v43")))
    assert (report["passed"], report["scores"]) == (False, [0.0])
    assert report["intervals"][0]["class"] == "Fail"


def test_referee_follows_an_analysis(story):
    story.hold()
    referee = Referee(story.service.url)
    started = story.service.post("/standalone_canary_analysis", analysis_body("v42"))
    analysis = started.json()["canaryAnalysisExecutionId"]
    wait_until(lambda: story.store.requests, "the first query")
    assert referee.standalone_report(analysis) == {"running": ["RUNNING", "NOT_STARTED", "NOT_STARTED"]}
    story.fail()
    story.opened.set()
    wait_until(lambda: "running" not in referee.standalone_report(analysis), analysis)
    report = referee.standalone_report(analysis)
    assert report["passed"] is False and "parse error" in report["intervals"][-1]["error"]["errors"][0]


# --- Argo Rollouts ---

def provider(url, **more):
    return argo.Kayenta(url, "checkout", NAME, **more)


def scopes_of(canary):
    return argo.scopes((canary, "canary"), START, END)


@pytest.mark.smoke
def test_argo_measures(serinus, config_id):
    assert provider(serinus.url).measure(scopes_of("v42")) == (argo.SUCCESSFUL, "100")
    assert provider(serinus.url).measure(scopes_of("v43")) == (argo.FAILED, "0")
    assert provider(serinus.url).measure(scopes_of("v46")) == (argo.INCONCLUSIVE, "80")
    equal = provider(serinus.url, marginal=80)
    assert equal.measure(scopes_of("v46")) == (argo.INCONCLUSIVE, "80"), "where Orca fails"


def test_argo_cuts_the_score(serinus, config_id):
    """77.5 is not 78 for it."""
    config = demo_config(name="cut", applications=["checkout"])
    config["classifier"]["groupWeights"] = {"Latency": 30, "Errors": 40, "Traffic": 7.5, "Saturation": 22.5}
    serinus.store_config(config)
    cut = argo.Kayenta(serinus.url, "checkout", "cut", passing=78, marginal=77)
    assert cut.measure(scopes_of("v46")) == (argo.INCONCLUSIVE, "77")


@pytest.mark.parametrize("accounts", [
    {"storage_account": "serinus"},
    {"metrics_account": "prometheus-prod", "storage_account": "serinus", "configuration_account": "serinus"},
    {"metrics_account": "prometheus-prod"},
])
def test_argo_names_accounts(serinus, config_id, accounts):
    assert provider(serinus.url, **accounts).measure(scopes_of("v42")) == (argo.SUCCESSFUL, "100")


STORAGE_ONLY = """  aws:
    enabled: true
    accounts:
      - {name: results-only, bucket: b, supportedTypes: [OBJECT_STORE]}
      - {name: configs-only, bucket: b, supportedTypes: [CONFIGURATION_STORE]}
  s3: {enabled: true}
"""


def test_argo_sends_the_storage_account_for_the_configs(start_serinus, prometheus):
    service = start_serinus(kayenta_yml({"prometheus-prod": prometheus.url}, STORAGE_ONLY))
    service.store_config(demo_config(name=NAME))
    for accounts in ({"storage_account": "results-only"},
                     {"storage_account": "results-only", "configuration_account": "configs-only"}, {}):
        assert provider(service.url, **accounts).measure(scopes_of("v42")) == (argo.SUCCESSFUL, "100")


def test_argo_and_runs_without_a_score(story):
    story.fail()
    assert provider(story.service.url).measure(scopes_of("v42")) == (argo.ERROR, "Missing Score")
    story.hold()
    cancelled = provider(story.service.url).measure(scopes_of("v42"), on_poll=Orca(story.service.url).cancel)
    assert cancelled == (argo.ERROR, "Missing Score")


def test_argo_and_what_is_not_there(serinus, config_id):
    phase, why = argo.Kayenta(serinus.url, "checkout", "no-such-config").measure(scopes_of("v42"))
    assert (phase, why) == (argo.ERROR, "Canary Config Name is not found")
    phase, why = provider(serinus.url, metrics_account="nobody").measure(scopes_of("v42"))
    assert phase == argo.ERROR and "Unable to resolve account nobody." in why


def test_argo_escapes_nothing(serinus):
    """Names go into the URL as they are."""
    for application in ("shop/checkout", "shop:checkout", "shop@eu;a=b", "shop's", "check(out)!"):
        serinus.store_config(demo_config(name="raw", applications=[application]))
        measured = argo.Kayenta(serinus.url, application, "raw").measure(scopes_of("v42"))
        assert measured == (argo.SUCCESSFUL, "100"), application


@pytest.mark.smoke
def test_argo_web(serinus, config_id, story):
    gate = Gate(serinus.url)
    score, word = "{$.result.judgeResult.score.score}", "{$.result.judgeResult.score.classification}"
    url = {canary: f"{serinus.url}/canary/{ended(gate, gate.start(config_id, request_of(canary), 'web'))}"
           for canary in ("v42", "v43", "v46")}
    conditions = {"success": lambda result: result >= 95, "failure": lambda result: result < 75}
    assert [argo.web(url[canary], score, **conditions) for canary in ("v42", "v43", "v46")] == [
        (argo.SUCCESSFUL, 100.0), (argo.FAILED, 0.0), (argo.INCONCLUSIVE, 80.0)]
    assert argo.web(url["v46"], word, lambda result: result == "Pass") == (argo.INCONCLUSIVE, "Marginal")
    assert argo.web(url["v46"], "{$.status}", lambda result: result == "succeeded") == (argo.SUCCESSFUL, "succeeded")
    analysis = analyse(serinus, analysis_body("v43"))
    assert argo.web(f"{serinus.url}/standalone_canary_analysis/{analysis}",
                    "{$.canaryAnalysisExecutionResult.didPassThresholds}",
                    lambda result: result is True, lambda result: result is False) == (argo.FAILED, False)
    story.fail()
    failed = ended(Gate(story.service.url), Gate(story.service.url).start(story.config_id, request_of("v42"), "web"))
    assert argo.web(f"{story.service.url}/canary/{failed}", score, **conditions) == (argo.ERROR, "result is not found")


# --- generic HTTP stages ---

@pytest.mark.smoke
def test_webhook_stage(serinus, config_id, story):
    """Start, then poll what the Location header says, knowing nothing of canaries."""
    outcome, shown = Webhook().run(f"{serinus.url}/canary/{config_id}?application=hook", request_of("v43"))
    assert outcome == "SUCCEEDED" and shown["result"]["judgeResult"]["score"]["score"] == 0.0
    by_verdict = Webhook("$.executionStatus", success=["SUCCEEDED"], canceled=["CANCELED"], terminal=["TERMINAL"])
    assert by_verdict.run(f"{serinus.url}/standalone_canary_analysis", analysis_body("v43"))[0] == "TERMINAL"
    assert by_verdict.run(f"{serinus.url}/standalone_canary_analysis", analysis_body("v42"))[0] == "SUCCEEDED"
    story.fail()
    assert Webhook().run(f"{story.service.url}/canary/{story.config_id}", request_of("v42"))[0] == "TERMINAL"


def test_where_a_run_is_from_outside(start_serinus):
    service = start_serinus(kayenta_yml({"p": "http://127.0.0.1:1"},
                                        "http: {external_url: 'https://canaries.example.com/judge/'}\n"))
    answer = service.post("/canary", {"canaryConfig": demo_config(), "executionRequest": request_of("v42")})
    assert answer.headers["Location"] == (
        "https://canaries.example.com/judge/canary/" + answer.json()["canaryExecutionId"])


# --- kayentactl ---

def body_of(canary, **more):
    return Kayentactl.body(demo_config(), CONTROL, (canary, "canary"), START, END,
                           **{"interval_mins": 60, **more})


@pytest.mark.smoke
@pytest.mark.parametrize("canary, code, passed, scores", [
    ("v42", 0, True, [100.0]), ("v43", 1, False, [0.0]), ("v46", 0, False, [80.0])])
def test_kayentactl(serinus, canary, code, passed, scores):
    """Marginal is exit code 0: it asks whether the analysis ran."""
    ctl = Kayentactl(serinus.url)
    # The control's window is an hour earlier: the default of --control-offset.
    assert ctl.run(body_of(canary)) == code
    assert (ctl.printed[0]["didPassThresholds"], ctl.printed[0]["scores"]) == (passed, scores)
    assert len(ctl.printed[0]["results"][0]) == N_METRICS


BY_VERSION = {"metricName": "cpu_saturation_ratio", "customInlineTemplate": 'version="${scope}"'}


def test_locations_may_be_empty(serinus):
    """Argo and kayentactl send "" for what the user left out; a config that has no use for it runs."""
    config = one_metric_config(BY_VERSION)
    body = Kayentactl.body(config, ("v41", ""), ("v42", ""), START, END, interval_mins=60)
    assert Kayentactl(serinus.url).run(body) == 0
    serinus.store_config({**config, "name": "nowhere"})
    measured = argo.Kayenta(serinus.url, "checkout", "nowhere").measure(
        argo.scopes(("v42", ""), START, END, control=("v41", "")))
    assert measured == (argo.SUCCESSFUL, "100")


def test_kayentactl_in_intervals(serinus):
    ctl = Kayentactl(serinus.url)
    assert ("prometheus-prod", "prometheus", ["METRICS_STORE"]) in ctl.accounts()
    assert ctl.run(body_of("v42", interval_mins=20, lookback_mins=20), metrics_account="prometheus-prod",
                   storage_account="serinus") == 0
    assert len(ctl.printed[0]["scores"]) == 3 and min(ctl.printed[0]["scores"]) > 75
    assert ctl.printed[0]["hasWarnings"] is True, "21 points in each"


def test_kayentactl_says_why(serinus, story):
    ctl = Kayentactl(serinus.url)
    assert ctl.run(body_of("v42"), metrics_account="nobody") == 1
    assert ctl.printed == [(400, "Unable to resolve account nobody.")]
    story.fail()
    ctl = Kayentactl(story.service.url)
    assert ctl.run(body_of("v42")) == 1
    assert (ctl.printed[0]["status"], ctl.printed[0]["didPassThresholds"]) == ("terminal", False)
    story.hold()
    analysis = ctl.start(body_of("v42"))
    assert Orca(story.service.url).cancel(analysis)
    assert ctl.report(ctl.wait(analysis)) == 1 and ctl.printed[-1]["executionStatus"] == "CANCELED"
