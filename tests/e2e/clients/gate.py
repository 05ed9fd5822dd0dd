"""Spinnaker's front: Gate hands requests on, renaming a parameter or two; Deck, the user interface,
and the spin CLI speak to Gate only."""
import time

from clients.wire import ClientError, Http, Refused, is_2xx

NO_PARENT = "no-parent-pipeline-execution"
METRIC_CLASSES = {"Pass", "High", "Low", "Nodata", "NodataFailMetric", "Error"}
SCORE_CLASSES = {"Pass", "Marginal", "Fail", "Nodata", "Error"}
ACCOUNT_TYPES = {"METRICS_STORE", "OBJECT_STORE", "CONFIGURATION_STORE"}


class Gate:
    """Deck's calls on the left of the table, the service's on the right."""

    def __init__(self, base_url, configuration_account=None, storage_account=None):
        self.http = Http(base_url, 30, is_2xx)
        self.configuration_account, self.storage_account = configuration_account, storage_account

    def _configs(self, **params):
        return {"configurationAccountName": self.configuration_account, **params}

    def configs(self, *applications):
        """Repeats come out as one, joined by commas."""
        return self.http.json("GET", "/canaryConfig", self._configs(application=",".join(applications) or None))

    def config(self, config_id):
        return self.http.json("GET", f"/canaryConfig/{config_id}", self._configs())

    def create(self, config):
        return self.http.json("POST", "/canaryConfig", self._configs(), config)["canaryConfigId"].text()

    def update(self, config_id, config):
        return self.http.json("PUT", f"/canaryConfig/{config_id}", self._configs(), config)["canaryConfigId"].text()

    def delete(self, config_id):
        self.http.call("DELETE", f"/canaryConfig/{config_id}", self._configs())  # the body is not looked at

    def judges(self):
        return self.http.json("GET", "/judges")

    def credentials(self):
        return self.http.json("GET", "/credentials")

    def metric_names(self, text=None, metrics_account=None):
        return self.http.json("GET", "/metadata/metricsService",
                              {"filter": text, "metricsAccountName": metrics_account})

    def start(self, config_id, request, application, metrics_account=None, parent=None):
        return self.http.json("POST", f"/canary/{config_id}", {
            "application": application, "parentPipelineExecutionId": parent, "metricsAccountName": metrics_account,
            "storageAccountName": self.storage_account, "configurationAccountName": self.configuration_account},
            request)["canaryExecutionId"].text()

    def start_ad_hoc(self, config, request, application, metrics_account=None, parent=None):
        return self.http.json("POST", "/canary", {
            "application": application, "parentPipelineExecutionId": parent, "metricsAccountName": metrics_account,
            "storageAccountName": self.storage_account},
            {"canaryConfig": config, "executionRequest": request})["canaryExecutionId"].text()

    def result(self, execution):
        return self.http.json("GET", f"/canary/{execution}", {"storageAccountName": self.storage_account})

    def executions(self, application, limit, page=None, statuses=None):
        return self.http.json("GET", "/canary/executions", {
            "application": application, "limit": limit, "page": page, "statuses": statuses,
            "storageAccountName": self.storage_account})

    def pairs(self, pair_list_id):
        """Deck says storageAccountName here, the service accountName."""
        return self.http.json("GET", f"/metricSetPairList/{pair_list_id}", {"accountName": self.storage_account})


class Deck:
    def __init__(self, gate):
        self.gate = gate

    def config_list(self, *applications):
        return sorted((one["name"].text(), one["id"].text(), tuple(sorted(
            name.text() for name in one["applications"].items()))) for one in self.gate.configs(*applications).items())

    def edit_form(self):
        """The judges and accounts that can be chosen."""
        accounts = {}
        for one in self.gate.credentials().items():
            kinds = [kind.text() for kind in one["supportedTypes"].items()]
            if set(kinds) - ACCOUNT_TYPES:
                raise ClientError(f"{one.path}: {kinds}")
            for places in ("locations", "recommendedLocations"):
                if one.maybe(places):
                    [place.text() for place in one[places].items()]
            if one.maybe("metricsStoreType"):
                one["metricsStoreType"].text()
            accounts[one["name"].text()] = (one["type"].text(), kinds)
        judges = [one["name"].text() for one in self.gate.judges().items() if one["visible"].boolean()]
        return judges, accounts

    def complete_metric(self, text, metrics_account=None):
        return [one["name"].text() for one in self.gate.metric_names(text, metrics_account).items()]

    def save(self, config):
        """New without an id, changed with one. The form sends back all that it was given."""
        return self.gate.update(config["id"], config) if config.get("id") else self.gate.create(config)

    def load(self, config_id):
        return self.gate.config(config_id).object()

    def run_list(self, application, limit=20, **more):
        rows = []
        for one in self.gate.executions(application, limit, **more).items():
            started, ended, parent = (one.maybe(name) for name in
                                      ("startTimeIso", "endTimeIso", "parentPipelineExecutionId"))
            result, exception = one.maybe("result"), one.maybe("exception")
            rows.append({
                "id": one["pipelineId"].text(), "status": one["status"].text(), "config": one["config"]["name"].text(),
                "started": started and started.instant(), "ended": ended and ended.instant(),
                "manual": parent is None or parent.text() == NO_PARENT,
                "accounts": (one["metricsAccountName"].text(), one["storageAccountName"].text()),
                "score": result and result["judgeResult"]["score"]["score"].number(),
                "error": exception and exception["details"].object()})
        return rows

    def report(self, execution):
        """The report page: scores by group, metrics by name, one pair's graph for each."""
        body = self.gate.result(execution)
        body["config"].object()["isDeckOwn"] = True  # it writes into the config
        judged = body["result"]["judgeResult"]
        if judged["score"]["classification"].text() not in SCORE_CLASSES:
            raise ClientError(f"{judged['score'].value}")
        score = (judged["score"]["score"].number(), judged["score"]["classification"].text(),
                 judged["score"]["classificationReason"].text())
        groups = {group["name"].text(): group["score"].number() for group in judged["groupScores"].items()}
        graphs = {pair["id"].text(): self.graph(pair) for pair in
                  self.gate.pairs(body["metricSetPairListId"].text()).items()}
        metrics = sorted((self.metric(one, groups, graphs) for one in judged["results"].items()),
                         key=lambda metric: metric["name"])
        return {"score": score, "groups": groups, "metrics": metrics}

    @staticmethod
    def metric(one, groups, graphs):
        if one["classification"].text() not in METRIC_CLASSES:
            raise ClientError(f"{one.path}: {one['classification'].value}")
        for group in one["groups"].items():
            if group.text() not in groups:
                raise ClientError(f"{one.path} is in the group {group.value} that has no score")
        stats = {}
        for side in ("controlMetadata", "experimentMetadata"):
            of_side = one[side]["stats"]
            stats[side] = {name: of_side[name].number() for name in ("count", "mean", "min", "max")}
        if one["id"].text() not in graphs:
            raise ClientError(f"{one.path} has no pair")
        return {"name": one["name"].text(), "tags": one["tags"].object(), "stats": stats,
                "class": one["classification"].text(), "ratio": one["resultMetadata"].maybe("ratio").value,
                "graph": graphs[one["id"].text()]}

    @staticmethod
    def graph(pair):
        """Points of time and value; "NaN" leaves a gap."""
        out = {}
        pair["tags"].object()
        for side in ("control", "experiment"):
            scope = pair["scopes"][side]
            scope["startTimeIso"].instant()
            start, step = scope["startTimeMillis"].integer(), scope["stepMillis"].integer()
            pair["attributes"][side].object()
            out[side] = [(start + i * step, None if value.value == "NaN" else value.number())
                         for i, value in enumerate(pair["values"][side].items())]
        return out


class Spin:
    """The spin CLI: `canary canary-config` and its `retro`."""

    def __init__(self, gate, poll_s=0.1):
        self.gate, self.poll_s = gate, poll_s

    def list(self, application=None):
        return [one.object() for one in self.gate.configs(*[application] if application else []).items()]

    def save(self, config):
        """An update when the config is there, else a new one."""
        try:
            self.gate.config(config["id"])
        except Refused as why:
            if why.status != 404:
                raise
            return self.gate.create(config)
        return self.gate.update(config["id"], config)

    def retro(self, config, control, experiment, start, end):
        """Gives up after ten looks."""
        def side(scope):
            return {"scope": scope[0], "location": scope[1], "start": start, "end": end, "step": 60,
                    "extendedScopeParams": {}}

        execution = self.gate.start_ad_hoc(config, {
            "scopes": {"default": {"controlScope": side(control), "experimentScope": side(experiment)}},
            "thresholds": {"pass": 95, "marginal": 75}}, "spin")
        for _ in range(10):
            body = self.gate.result(execution)
            if body["complete"].boolean():
                return body["result"]["judgeResult"]["score"]["classification"].text()
            time.sleep(self.poll_s)
        raise ClientError("Canary execution incomplete after polling")
