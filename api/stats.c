#include "api/stats.h"

#include "base/arena.h"
#include "base/instant.h"
#include "base/limits.h"
#include "base/version.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define MAX_FDS_LOOKED_AT 8192u /* far more than the limits on connections and fetches allow */

static const double buckets_s[] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};

static const struct {
    const char *reason, *limit;
} limits[] = {
    {"overloaded", "http.in_flight"},
    {"too_many_subscribers", "http.event_streams"},
    {"deadline", "http.request_deadline"},
    {"target_too_long", "http.target_bytes"},
    {"headers_too_large", "http.header_bytes"},
    {"too_many_parameters", "http.query_params"},
    {"body_too_large", "http.body_bytes"},
    {"json_too_deep", "json.depth"},
    {"json_too_large", "json.values"},
    {"queue_full", "queue.pending"},
    {"disk_low", "disk.reserve"},
    {"store_busy", "db.busy"},
};
_Static_assert(ARRAY_LEN(limits) == STATS_LIMITS, "one counter for each limit");

/* One (route, status) that has occurred. */
struct answered {
    struct answered *next;
    unsigned status;
    uint64_t n_in_bucket[ARRAY_LEN(buckets_s)]; /* not cumulative */
    uint64_t n;
    double sum_s;
};

struct stats_table {
    const struct route *routes;
    size_t n_routes;
    pthread_mutex_t lock;     /* guards the lists */
    struct answered *lists[]; /* by route; the last is for requests without a route */
};

void stats_init(struct stats *stats, const struct route *routes, size_t n_routes)
{
    struct stats_table *table =
        mem_alloc(1, sizeof(*table) + (n_routes + 1) * sizeof(struct answered *));

    table->routes = routes;
    table->n_routes = n_routes;
    pthread_mutex_init(&table->lock, NULL);
    stats->table = table;
}

void stats_clear(struct stats *stats)
{
    struct stats_table *table = stats->table;

    if (!table)
        return;
    for (size_t i = 0; i <= table->n_routes; i++) {
        for (struct answered *a = table->lists[i], *next; a; a = next) {
            next = a->next;
            free(a);
        }
    }
    pthread_mutex_destroy(&table->lock);
    free(table);
    stats->table = NULL;
}

void stats_record(struct stats *stats, const struct route *route, unsigned status,
                  int64_t duration_ns)
{
    struct stats_table *table = stats->table;
    size_t i = route ? (size_t)(route - table->routes) : table->n_routes, bucket = 0;
    double duration_s = (double)duration_ns / (double)NS_PER_S;
    struct answered *a;

    pthread_mutex_lock(&table->lock);
    for (a = table->lists[i]; a && a->status != status; a = a->next)
        ;
    if (!a) {
        a = mem_alloc(1, sizeof(*a));
        a->status = status;
        a->next = table->lists[i];
        table->lists[i] = a;
    }
    while (bucket < ARRAY_LEN(buckets_s) && duration_s > buckets_s[bucket])
        bucket++;
    if (bucket < ARRAY_LEN(buckets_s))
        a->n_in_bucket[bucket]++;
    a->n++;
    a->sum_s += duration_s;
    pthread_mutex_unlock(&table->lock);
}

void stats_record_refusal(struct stats *stats, const char *reason)
{
    for (size_t i = 0; i < STATS_LIMITS; i++)
        if (strcmp(limits[i].reason, reason) == 0)
            atomic_fetch_add(&stats->n_refused[i], 1);
}

static void print_head(struct strbuf *out, const char *name, const char *type, const char *help)
{
    strbuf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static const char *method_label(const struct route *route)
{
    switch (route->method) {
    case METHOD_GET:
        return "GET";
    case METHOD_POST:
        return "POST";
    case METHOD_PUT:
        return "PUT";
    case METHOD_DELETE:
        return "DELETE";
    default:
        return "other";
    }
}

static void print_labels(struct strbuf *out, const struct stats_table *table, size_t i,
                         unsigned status)
{
    const struct route *route = i < table->n_routes ? &table->routes[i] : NULL;

    strbuf_printf(out, "method=\"%s\",route=\"%s\",code=\"%u\"",
                  route ? method_label(route) : "other", route ? route->pattern : "none", status);
}

static void print_histogram(struct strbuf *out, const struct stats_table *table, size_t i,
                            const struct answered *a)
{
    static const char name[] = "serinus_http_request_duration_seconds";
    uint64_t n = 0;

    for (size_t b = 0; b < ARRAY_LEN(buckets_s); b++) {
        n += a->n_in_bucket[b];
        strbuf_printf(out, "%s_bucket{", name);
        print_labels(out, table, i, a->status);
        strbuf_printf(out, ",le=\"%g\"} %" PRIu64 "\n", buckets_s[b], n);
    }
    strbuf_printf(out, "%s_bucket{", name);
    print_labels(out, table, i, a->status);
    strbuf_printf(out, ",le=\"+Inf\"} %" PRIu64 "\n%s_sum{", a->n, name);
    print_labels(out, table, i, a->status);
    strbuf_printf(out, "} %.9g\n%s_count{", a->sum_s, name);
    print_labels(out, table, i, a->status);
    strbuf_printf(out, "} %" PRIu64 "\n", a->n);
}

static void print_requests(struct strbuf *out, struct stats_table *table)
{
    pthread_mutex_lock(&table->lock);
    print_head(out, "serinus_http_requests_total", "counter", "HTTP requests answered.");
    for (size_t i = 0; i <= table->n_routes; i++) {
        for (const struct answered *a = table->lists[i]; a; a = a->next) {
            strbuf_puts(out, "serinus_http_requests_total{");
            print_labels(out, table, i, a->status);
            strbuf_printf(out, "} %" PRIu64 "\n", a->n);
        }
    }
    print_head(out, "serinus_http_request_duration_seconds", "histogram",
               "From the complete request head to the last byte of the answer.");
    for (size_t i = 0; i <= table->n_routes; i++)
        for (const struct answered *a = table->lists[i]; a; a = a->next)
            print_histogram(out, table, i, a);
    pthread_mutex_unlock(&table->lock);
}

static void print_gauge(struct strbuf *out, const char *name, const char *help, double value)
{
    print_head(out, name, "gauge", help);
    strbuf_printf(out, "%s %.17g\n", name, value);
}

static void print_counter(struct strbuf *out, const char *name, const char *help, double value)
{
    print_head(out, name, "counter", help);
    strbuf_printf(out, "%s %.17g\n", name, value);
}

/* Memory and start time from /proc/self, which stays readable when the process is not dumpable. */
static void print_proc(struct strbuf *out)
{
    unsigned long resident_pages = 0;
    unsigned long long start_ticks = 0;
    struct timespec wall, boot;
    char line[1024];
    FILE *file = fopen("/proc/self/statm", "re");

    if (file) {
        if (fscanf(file, "%*u %lu", &resident_pages) == 1)
            print_gauge(out, "process_resident_memory_bytes", "Resident memory.",
                        (double)resident_pages * (double)sysconf(_SC_PAGESIZE));
        fclose(file);
    }
    file = fopen("/proc/self/stat", "re");
    if (!file)
        return;
    if (fgets(line, sizeof(line), file)) {
        const char *at = strrchr(line, ')'); /* the command name may hold blanks */

        if (at && sscanf(at + 1,
                         " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
                         "%*d %llu",
                         &start_ticks) == 1) {
            clock_gettime(CLOCK_REALTIME, &wall);
            clock_gettime(CLOCK_BOOTTIME, &boot);
            print_gauge(out, "process_start_time_seconds", "Start, in seconds since 1970.",
                        (double)(wall.tv_sec - boot.tv_sec) +
                            (double)start_ticks / (double)sysconf(_SC_CLK_TCK));
        }
    }
    fclose(file);
}

/* poll() marks descriptors that are not open, which needs no access to /proc/self/fd. */
static void print_fds(struct arena *arena, struct strbuf *out)
{
    struct rlimit limit;
    struct pollfd *fds;
    size_t n_open = 0;
    nfds_t n;

    if (getrlimit(RLIMIT_NOFILE, &limit))
        return;
    print_gauge(out, "process_max_fds", "Limit on open file descriptors.", (double)limit.rlim_cur);
    n = limit.rlim_cur < MAX_FDS_LOOKED_AT ? limit.rlim_cur : MAX_FDS_LOOKED_AT;
    fds = arena_array(arena, struct pollfd, n);
    for (nfds_t i = 0; i < n; i++)
        fds[i].fd = (int)i;
    if (poll(fds, n, 0) < 0)
        return;
    for (nfds_t i = 0; i < n; i++)
        n_open += !(fds[i].revents & POLLNVAL);
    print_gauge(out, "process_open_fds", "Open file descriptors.", (double)n_open);
}

void stats_print(struct stats *stats, struct arena *arena, struct strbuf *out)
{
    struct timespec cpu;

    print_head(out, "serinus_build_info", "gauge", "What is running; always 1.");
    strbuf_printf(out, "serinus_build_info{version=\"%s\",compiler=\"%s\"} 1\n", SERINUS_VERSION,
                  __VERSION__);
    print_requests(out, stats->table);
    print_gauge(out, "serinus_http_requests_in_flight", "Requests being worked on.",
                (double)atomic_load(&stats->n_in_flight));
    print_gauge(out, "serinus_http_connections", "Open connections.",
                (double)atomic_load(&stats->n_connections));
    print_gauge(out, "serinus_sse_subscribers", "Clients that follow events.",
                (double)atomic_load(&stats->n_streams));
    print_head(out, "serinus_limit_refusals_total", "counter", "Requests refused, by limit.");
    for (size_t i = 0; i < STATS_LIMITS; i++)
        strbuf_printf(out, "serinus_limit_refusals_total{limit=\"%s\"} %" PRIuFAST64 "\n",
                      limits[i].limit, atomic_load(&stats->n_refused[i]));
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    print_counter(out, "process_cpu_seconds_total", "CPU time used.",
                  (double)cpu.tv_sec + (double)cpu.tv_nsec / (double)NS_PER_S);
    print_proc(out);
    print_fds(arena, out);
}
