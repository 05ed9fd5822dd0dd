#!/usr/bin/python3
"""Three hours in the life of a made-up service, as OpenMetrics text for `promtool tsdb
create-blocks-from openmetrics`. The demo, the end-to-end tests and the recorded bundles share it.

    scripts/demo_history.py --start 1767225600 --hours 3 > history.om

The service is `checkout`. Three clusters run it, told apart by the labels `cluster` and `version`:

    production v41   what users see
    baseline   v41   the same version, started together with the canary
    canary     v42 ... v48   one release each, see RELEASES

With --payments a second service, `payments`, runs beside it: baseline v7, canaries v8 and v9, see
PAYMENTS.

Everything is drawn from generators seeded by the series' own labels, so the same start time gives
the same bytes.
"""
import argparse
import io
import math
import random
import sys

SCRAPE_S = 15
REQUESTS_PER_S = 40.0
BUCKETS_S = [0.01, 0.025, 0.05, 0.075, 0.1, 0.125, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5]

# What a release does to the service. Factors are against v41; `creep` ones grow from 1 over the
# whole history to what is given; `spikes` is the share of scrapes in which a gauge jumps;
# `silent` means that the release exports nothing but its request counters.
RELEASES = {
    "v41": {},
    "v42": {},
    "v43": {"latency": 1.45, "errors": 8.0},
    "v44": {"latency": 1.35},
    "v45": {"errors": 4.0},
    "v46": {"creep_memory": 1.7, "creep_cpu": 1.35},
    "v47": {"silent": True},
    "v48": {"spikes": 0.03},
}
SERVERS = [("production", "v41"), ("baseline", "v41")] + [
    ("canary", version) for version in RELEASES if version != "v41"
]

# The service whose releases two judges see differently. How long a payment waits, and how many wait,
# swings slowly and by itself: a minute resembles the one before. Of PAYMENTS_PER_S payments very few
# fail, in v9 half as many again.
PAYMENTS_PER_S = 12000.0
FAILING = 2e-5
PAYMENTS = {"v7": ("baseline", 1.0), "v8": ("canary", 1.0), "v9": ("canary", 1.5)}
MEMORY_PER_MIN = 0.7  # correlation of one minute with the next
PAYMENTS_DRAW = "2"  # of draws 0 to 39 the first in which v8 looks worse to who takes minutes for independent


def labels(cluster, version, app="checkout", **more):
    pairs = {"app": app, "cluster": cluster, "version": version, **more}
    return "{" + ",".join(f'{name}="{value}"' for name, value in pairs.items()) + "}"


def generator(*seed):
    return random.Random("/".join(seed))


def requests_per_scrape(rng, i):
    """Traffic in one scrape interval: a slow wave that all clusters share, and Poisson-like noise."""
    expected = REQUESTS_PER_S * SCRAPE_S * (1 + 0.1 * math.sin(i / 60))
    return max(1.0, rng.gauss(expected, math.sqrt(expected)))


def bucket_shares(median_s, sigma):
    """Share of requests in each bucket for log-normal response times, the last one unbounded."""
    below = [0.5 * (1 + math.erf(math.log(le / median_s) / (sigma * math.sqrt(2)))) for le in BUCKETS_S]
    return [b - a for a, b in zip([0.0] + below, below + [1.0])]


def write_latency(out, servers, start, n):
    out.write("# TYPE http_request_duration_seconds histogram\n")
    for cluster, version in servers:
        if RELEASES[version].get("silent"):
            continue
        rng = generator("latency", cluster, version)
        median = 0.08 * RELEASES[version].get("latency", 1.0)
        counts = [0] * (len(BUCKETS_S) + 1)
        total = 0.0
        bounds = [labels(cluster, version, le=str(le)) for le in BUCKETS_S + ["+Inf"]]
        bare = labels(cluster, version)
        for i in range(n):
            # The whole distribution wanders a little from scrape to scrape.
            shares = bucket_shares(median * math.exp(rng.gauss(0, 0.04)), 0.5)
            requests = requests_per_scrape(rng, i)
            for b, share in enumerate(shares):
                expected = requests * share
                counts[b] += max(0, round(rng.gauss(expected, math.sqrt(expected))))
            total += requests * median * math.exp(0.125)
            t = start + i * SCRAPE_S
            running = 0
            for b, bound in enumerate(bounds):
                running += counts[b]
                out.write(f"http_request_duration_seconds_bucket{bound} {running} {t}\n")
            out.write(f"http_request_duration_seconds_count{bare} {running} {t}\n")
            out.write(f"http_request_duration_seconds_sum{bare} {total:.3f} {t}\n")


def write_requests(out, servers, start, n):
    out.write("# TYPE http_requests counter\n")
    for cluster, version in servers:
        release = RELEASES[version]
        rng = generator("requests", cluster, version)
        failing = 0.004 * release.get("errors", 1.0)
        ok, failed = 0, 0
        rows = []
        for i in range(n):
            requests = requests_per_scrape(rng, i)
            expected = requests * failing
            errors = max(0, round(rng.gauss(expected, math.sqrt(expected))))
            failed += errors
            ok += max(0, round(requests) - errors)
            rows.append((start + i * SCRAPE_S, ok, failed))
        for column, code in ((1, "200"), (2, "500")):
            series = labels(cluster, version, code=code)
            for row in rows:
                out.write(f"http_requests_total{series} {row[column]} {row[0]}\n")


def write_gauge(out, servers, start, n, name, level, noise, creep, digits):
    out.write(f"# TYPE {name} gauge\n")
    for cluster, version in servers:
        release = RELEASES[version]
        if release.get("silent"):
            continue
        rng = generator(name, cluster, version)
        series = labels(cluster, version)
        end_factor = release.get(creep, 1.0)
        for i in range(n):
            value = level * (1 + (end_factor - 1) * i / n) * (1 + 0.03 * math.sin(i / 60))
            value *= max(0.05, rng.gauss(1, noise))
            if rng.random() < release.get("spikes", 0.0):
                value *= rng.uniform(1.5, 2.5)
            out.write(f"{name}{series} {value:.{digits}f} {start + i * SCRAPE_S}\n")


def poisson(rng, expected):
    """By counting how many exponential waits fit in; for small numbers."""
    count, left = 0, expected - rng.expovariate(1)
    while left > 0:
        count, left = count + 1, left - rng.expovariate(1)
    return count


def write_swinging_gauge(out, start, n, name, level, spread):
    """Noise with a memory, stationary from its first value on."""
    memory = MEMORY_PER_MIN ** (SCRAPE_S / 60)
    out.write(f"# TYPE {name} gauge\n")
    for version, (cluster, _) in PAYMENTS.items():
        rng = generator(name, cluster, version, PAYMENTS_DRAW)
        series = labels(cluster, version, app="payments")
        swing = rng.gauss(0, 1)
        for i in range(n):
            swing = memory * swing + math.sqrt(1 - memory * memory) * rng.gauss(0, 1)
            out.write(f"{name}{series} {level + spread * swing:.6g} {start + i * SCRAPE_S}\n")


def write_payments(out, start, hours):
    n = int(hours * 3600 / SCRAPE_S) + 1
    write_swinging_gauge(out, start, n, "payment_wait_seconds", 0.12, 0.012)
    write_swinging_gauge(out, start, n, "payments_waiting", 1440, 144)
    out.write("# TYPE payments counter\n")
    for version, (cluster, factor) in PAYMENTS.items():
        rng = generator("payments", cluster, version, PAYMENTS_DRAW)
        ok, failed = 0, 0
        rows = []
        for i in range(n):
            expected = PAYMENTS_PER_S * SCRAPE_S
            ok += round(rng.gauss(expected, math.sqrt(expected)))
            failed += poisson(rng, expected * FAILING * factor)
            rows.append((ok, failed, start + i * SCRAPE_S))
        for column, outcome in enumerate(("ok", "failed")):
            series = labels(cluster, version, app="payments", outcome=outcome)
            for row in rows:
                out.write(f"payments_total{series} {row[column]} {row[2]}\n")


def write_history(out, start, hours, servers=None, more=""):
    """Write the text to `out`. `more` is OpenMetrics text (no `# EOF`) to put in before the end."""
    servers = servers or SERVERS
    n = int(hours * 3600 / SCRAPE_S) + 1
    write_latency(out, servers, start, n)
    write_requests(out, servers, start, n)
    write_gauge(out, servers, start, n, "cpu_saturation_ratio", 0.45, 0.05, "creep_cpu", 4)
    write_gauge(out, servers, start, n, "memory_working_set_bytes", 6.2e8, 0.02, "creep_memory", 0)
    out.write(more)
    out.write("# EOF\n")


def main():
    parser = argparse.ArgumentParser(description="OpenMetrics text of a made-up service")
    parser.add_argument("--start", type=int, required=True, help="Unix time of the first scrape")
    parser.add_argument("--hours", type=float, default=3)
    parser.add_argument("--payments", action="store_true", help="the service payments as well")
    parser.add_argument("--releases", default="", help="canary versions, comma separated; default all")
    args = parser.parse_args()
    servers = SERVERS
    if args.releases:
        wanted = args.releases.split(",")
        servers = SERVERS[:2] + [("canary", version) for version in wanted]
    payments = io.StringIO()
    if args.payments:
        write_payments(payments, args.start, args.hours)
    write_history(sys.stdout, args.start, args.hours, servers, payments.getvalue())


if __name__ == "__main__":
    main()
