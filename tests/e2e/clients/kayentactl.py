"""Armory's kayentactl: one stand-alone analysis from the command line, with the unusual body that its
Go structs make."""
import time

from clients.wire import ClientError, Http, Refused, parse

STATUSES = {"NOT_STARTED", "RUNNING", "SUCCEEDED", "TERMINAL", "CANCELED"}


class Kayentactl:
    def __init__(self, base_url, poll_s=0.02):
        self.http = Http(base_url, 30, lambda status: status < 400)
        self.poll_s = poll_s
        self.printed = []

    def accounts(self):
        return [(one["name"].text(), one["type"].text(), [kind.text() for kind in one["supportedTypes"].items()])
                for one in self.http.json("GET", "/credentials").items()]

    @staticmethod
    def body(config, control, experiment, start, end, interval_mins, lookback_mins=0, passing="95", marginal="75"):
        """The applications' key is wrong in the structs, so that they are lost and a null is sent."""
        config = {name: value for name, value in config.items() if name != "applications"}
        config.update(id="", createdTimestamp=0, updatedTimestamp=0, canaryConfig=None)
        return {"canaryConfig": config, "executionRequest": {
            "scopes": [{"scopeName": "default", "controlScope": control[0], "controlLocation": control[1],
                        "experimentScope": experiment[0], "experimentLocation": experiment[1],
                        "startTimeIso": start, "endTimeIso": end, "step": 0, "controlOffsetInMinutes": 60,
                        "extendedScopeParams": None}],
            "thresholds": {"pass": passing, "marginal": marginal},
            "lifetimeDurationMins": 0, "beginAfterMins": 0, "lookbackMins": lookback_mins,
            "analysisIntervalMins": interval_mins, "siteLocal": {}}}

    def start(self, body, metrics_account=None, storage_account=None):
        answer = self.http.json("POST", "/standalone_canary_analysis", {
            "metricsAccountName": metrics_account, "storageAccountName": storage_account}, body)
        return answer["canaryAnalysisExecutionId"].text()

    def wait(self, analysis):
        while True:
            body = self.http.json("GET", f"/standalone_canary_analysis/{analysis}")
            for stage in body["stageStatus"].items():
                stage["name"].text()
                stage["type"].text()
                if stage["status"].text() not in STATUSES:
                    raise ClientError(f"{stage.path}: {stage.value}")
            if body["complete"].boolean():
                return body
            time.sleep(self.poll_s)

    def report(self, body):
        """What it prints, and its exit code: 0 when the analysis ran, whatever it found."""
        shown = {"status": body["status"].text(), "executionStatus": body["executionStatus"].text(),
                 "pipelineId": body["pipelineId"].text()}
        result = body.maybe("canaryAnalysisExecutionResult")
        if result:
            shown["didPassThresholds"] = result["didPassThresholds"].boolean()
            shown["hasWarnings"] = result["hasWarnings"].boolean()
            shown["message"] = result["canaryScoreMessage"].text()
            shown["scores"] = [score.number() for score in result["canaryScores"].items()]
            shown["results"] = []
            for one in result["canaryExecutionResults"].items():
                if not one.maybe("result"):
                    continue
                judged = one["result"]["judgeResult"]
                shown["results"].append([(metric["name"].text(), metric["classification"].text())
                                         for metric in judged["results"].items()])
                for group in judged["groupScores"].items():
                    group["name"].text()
                    group["score"].number()
        self.printed.append(shown)
        return 0 if shown["status"] == "succeeded" else 1

    def run(self, body, **accounts):
        """The exit code."""
        try:
            return self.report(self.wait(self.start(body, **accounts)))
        except Refused as why:
            self.printed.append((why.status, parse(why.text)["message"]))
            return 1
