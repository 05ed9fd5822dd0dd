"""Referee, Armory's stand-alone user interface: the calls of each page in their order, what it reads
from the answers, and what brings a page down."""
import math
import re
import time

from clients.wire import ClientError, Http, is_2xx

ID = re.compile(r"^\w+$")


class Referee:
    def __init__(self, base_url, poll_s=0.02):
        self.http = Http(base_url, 10, is_2xx)
        self.poll_s = poll_s

    def _page(self, execution):
        """The router's pattern; another id shows an empty page."""
        if not ID.match(execution):
            raise ClientError(f"no page for the id {execution}")
        self.http.calls.clear()

    # --- manual executions ---

    def setup_page(self):
        """(storage account that is preselected, metrics accounts)."""
        storage, metrics = None, []
        for one in self.http.json("GET", "/credentials").items():
            kinds = [kind.text() for kind in one["supportedTypes"].items()]
            one["type"].text()
            if "OBJECT_STORE" in kinds and storage is None:
                storage = one["name"].text()
            if "METRICS_STORE" in kinds:
                metrics.append(one["name"].text())
        return storage, metrics

    def run_manual_execution(self, config, scopes, application, metrics_account, storage_account, thresholds):
        return self.http.json("POST", "/canary", {
            "application": application, "metricsAccountName": metrics_account, "storageAccountName": storage_account},
            {"canaryConfig": config, "executionRequest": {
                "scopes": {"default": scopes}, "thresholds": thresholds, "siteLocal": {}}})["canaryExecutionId"].text()

    def results_page(self, execution):
        """(stages as they were seen, the complete body)."""
        self._page(execution)
        self.http.json("GET", "/credentials")
        seen = []
        while True:
            body = self.http.json("GET", f"/canary/{execution}")
            seen.append({name: status.text() for name, status in body["stageStatus"].members().items()})
            if body["complete"].boolean():
                break
            time.sleep(self.poll_s)
        body["config"].object()
        body["canaryExecutionRequest"].object()
        if body["status"].text() == "terminal":
            body["exception"].object()
        elif body["status"].text() == "succeeded":
            body["result"].object()
        return seen, body

    # --- reports ---

    def canary_report(self, execution):
        self._page(execution)
        body = self.http.json("GET", f"/canary/{execution}")
        config = body.maybe("config") or self.http.json("GET", f"/canaryConfig/{body['canaryConfigId'].text()}")
        request = body["canaryExecutionRequest"]
        thresholds = {name: request["thresholds"][name].number() for name in ("pass", "marginal")}
        window = request["scopes"]["default"]["controlScope"]
        window["start"].instant()
        window["end"].instant()
        for name in ("startTimeIso", "endTimeIso"):
            body[name].instant()
        if body["status"].text() == "terminal":
            return {"error": body["exception"]["details"].object()}
        pairs = self.http.json("GET", f"/metricSetPairList/{body['metricSetPairListId'].text()}")
        return {"thresholds": thresholds, **self.judgement(config, body["result"], pairs)}

    def standalone_report(self, analysis):
        self._page(analysis)
        body = self.http.json("GET", f"/standalone_canary_analysis/{analysis}")
        body["application"].text()
        body["user"].text()
        body["metricsAccountName"].text()
        body["storageAccountName"].text()
        config = body.maybe("canaryConfig") or self.http.json(
            "GET", f"/canaryConfig/{body['canaryConfigId'].text()}")
        runs = [one for one in body["stageStatus"].items() if one["type"].text() == "runCanary"]
        for run in runs:
            run["name"].text()
            if run["status"].text() in ("SUCCEEDED", "TERMINAL"):
                run["executionId"].text()
        body["startTimeIso"].instant()
        request = body["canaryAnalysisExecutionRequest"]
        request["scopes"].items()[0]["controlScope"].text()
        for name in ("pass", "marginal"):
            request["thresholds"][name].number()
        for name in ("lifetimeDurationMins", "analysisIntervalMins", "beginAfterMins"):
            if request.maybe(name):
                request[name].integer()
        if not body["complete"].boolean():
            return {"running": [run["status"].text() for run in runs]}
        body["endTimeIso"].instant()
        result = body["canaryAnalysisExecutionResult"]
        return {"passed": result["didPassThresholds"].boolean(), "message": result["canaryScoreMessage"].text(),
                "scores": [score.number() for score in result["canaryScores"].items()],
                "intervals": [self.interval(config, one) for one in result["canaryExecutionResults"].items()]}

    def interval(self, config, one):
        one["executionId"].text()
        out = {"from": one["judgementStartTimeIso"].instant(), "to": one["judgementEndTimeIso"].instant(),
               "warnings": [warning.text() for warning in one["warnings"].items()]}
        if one["executionStatus"].text() == "TERMINAL" and one.maybe("exception"):
            return {**out, "error": one["exception"]["details"].object()}
        pairs = self.http.json("GET", f"/metricSetPairList/{one['metricSetPairListId'].text()}")
        return {**out, **self.judgement(config, one["result"], pairs)}

    def judgement(self, config, result, pairs):
        """A report's table, with the traps of the page."""
        judged = result["judgeResult"]
        metrics = {metric["name"].text(): metric for metric in config["metrics"].items()}
        scores = {group["name"].text(): group["score"].number() for group in judged["groupScores"].items()}
        results = judged["results"].items()
        for group in config["classifier"]["groupWeights"].members():
            if group not in scores or not any(group in one["groups"].value for one in results):
                raise ClientError(f"the group {group} has a weight and no score or no result")
        by_id = {pair["id"].text(): pair for pair in pairs.items()}
        opened = []
        for one in results:
            if one["name"].text() not in metrics:
                raise ClientError(f"{one['name'].value} is not a metric of the config")
            opened.append(self.open_metric(one, by_id[one["id"].text()]))
        return {"score": judged["score"]["score"].number(), "class": judged["score"]["classification"].text(),
                "groups": scores, "metrics": opened}

    @staticmethod
    def open_metric(one, pair):
        for side in ("controlMetadata", "experimentMetadata"):
            for name in ("mean", "min", "max", "std"):
                if not math.isfinite(one[side]["stats"][name].number()):
                    raise ClientError(f"{one.path}: {name} cannot be shown")
        for side in ("control", "experiment"):
            pair["scopes"][side]["startTimeMillis"].integer()
            pair["scopes"][side]["stepMillis"].integer()
            for value in pair["values"][side].items():
                if value.value != "NaN":
                    value.number()
        reason = one.maybe("classificationReason")
        return one["name"].value, one["classification"].text(), reason and reason.text()
