/* serinus accounts: can the metric stores be reached, and do they take our credentials? One cheap
 * request an account, tried once, all at the same time; what a failure means is said in words that
 * name the key to change. */
#include "analyzer/cli.h"
#include "analyzer/cli_input.h"
#include "analyzer/settings.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/limits.h"
#include "collectors/collector.h"
#include "collectors/fetch.h"

#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define TIMEOUT_DEFAULT_S 10
#define PROBE_WINDOW_S 300
#define PROBE_STEP_S 60
#define MAX_VERSION_BYTES 60u
#define MAX_DETAIL_BYTES 600u

enum http_status {
    STATUS_UNAUTHORIZED = 401,
    STATUS_FORBIDDEN = 403,
    STATUS_NOT_FOUND = 404,
    STATUS_PROXY_SIGN_IN = 407
};

static const struct cli_option options[] = {
    {"config", 'c', "FILE", "settings; may repeat. Without it, what serinus serve would find"},
    {"account", 0, "NAME", "this account alone; repeatable"},
    {"output", 'o', "FORMAT", "table or json; default table"},
    {"timeout", 0, "DUR", "how long a store may take to answer; default 10s"},
    {0},
};

enum answer { NO, YES, UNKNOWN };
static const char *const answer_words[] = {"no", "yes", "-"};

/* One account and what came of asking it. */
struct probe {
    const struct settings_account *shown;
    struct account account; /* a copy that is tried once */
    const struct collector_type *collector;
    struct http_request request, version_request;
    struct fetch_transfer transfer, version_transfer;
    bool is_sent, is_version_sent;

    enum answer is_usable, is_reached, is_signed_in;
    const char *version; /* NULL: not said */
    const char *detail;  /* what is wrong, and what to change; or "" */
};

struct check {
    const struct cli_command *self;
    struct arena *arena;
    struct probe *probes;
    size_t n_probes;
    sem_t ended;
    int64_t deadline_mono_ms;
};

/* --- asking --- */

/* A window that has just passed; the collector reads no more of the query than that. */
static enum err_code build_probe(struct probe *probe, struct arena *arena, struct error *err)
{
    int64_t now_unix_ns = clock_wall_ns();
    struct metric_query query = {
        .metric_name = "probe",
        .config = json_keep(json_object(), arena),
        .scope = {.scope = "probe",
                  .has_start = true,
                  .has_end = true,
                  .start_unix_ns = now_unix_ns - PROBE_WINDOW_S * NS_PER_S,
                  .end_unix_ns = now_unix_ns,
                  .step_s = PROBE_STEP_S},
    };
    struct http_request_list list = {0};

    if (collector_build(probe->collector, &probe->account, &query, probe->collector->probe_text,
                        arena, &list, err))
        return err->code;
    probe->request = list.requests[0];
    return ERR_OK;
}

/* What the account says may be asked, of a store that it describes. */
static bool build_own_probe(struct probe *probe, struct arena *arena, struct error *err)
{
    const char *path = json_string_value(json_object_get(probe->account.options, "probe"));

    if (!path)
        return false;
    probe->request.method = "GET";
    probe->request.url = arena_printf(arena, "%s/%s", probe->account.base_url, path);
    return collector_complete(&probe->account, arena, &probe->request, err) == ERR_OK;
}

/* False: there is nothing to ask, or err is set. */
static bool build_request(struct probe *probe, struct arena *arena, struct error *err)
{
    const struct collector_type *collector = probe->collector;
    json_t *known = NULL;
    bool is_built = false;

    if (collector->metadata)
        is_built = collector_build_metadata(collector, &probe->account, arena, &probe->request,
                                            err) == ERR_OK;
    else if (collector->probe_text)
        is_built = build_probe(probe, arena, err) == ERR_OK;
    else if (collector->completion)
        is_built = collector_build_completion(collector, &probe->account, "", arena,
                                              &probe->request, &known, err) == ERR_OK &&
                   !known;
    else
        is_built = build_own_probe(probe, arena, err);
    json_decref(known);
    return is_built;
}

static bool build_version_request(struct probe *probe, struct arena *arena)
{
    struct http_request *request = &probe->version_request;
    struct error err = {0};

    if (!probe->collector->version_path)
        return false;
    request->method = "GET";
    request->url =
        arena_printf(arena, "%s%s", probe->account.base_url, probe->collector->version_path);
    return account_sign(&probe->account, arena, request, &err) == ERR_OK;
}

static void transfer_done(struct fetch_transfer *transfer)
{
    sem_post(transfer->ctx);
}

static void send_request(struct check *check, struct fetch *fetch, const struct account *account,
                         const struct http_request *request, struct fetch_transfer *transfer)
{
    *transfer = (struct fetch_transfer){
        .account = account,
        .request = request,
        .deadline_mono_ms = check->deadline_mono_ms,
        .done = transfer_done,
        .ctx = &check->ended,
    };
    fetch_submit(fetch, transfer);
}

/* --- what the answer means --- */

/* `what`, and the store's own words, without secrets and control characters. */
static const char *explain(const struct probe *probe, const char *what, const struct error *err,
                           struct arena *arena)
{
    const char *text = arena_printf(arena, "%s (%s)", what, err->message);

    return collector_shown(&probe->account, text, strlen(text), MAX_DETAIL_BYTES, arena);
}

/* A sign-in page is a success to HTTP. */
static bool is_web_page(const struct http_response *reply)
{
    const char *type = http_response_header(reply, "Content-Type");
    const char *body = reply->body ? reply->body : "";

    body += strspn(body, " \t\r\n");
    return (type && strncasecmp(type, "text/html", strlen("text/html")) == 0) ||
           strncasecmp(body, "<!doctype html", strlen("<!doctype html")) == 0 ||
           strncasecmp(body, "<html", strlen("<html")) == 0;
}

static const char *what_without_answer(const struct probe *probe, const struct error *err,
                                       struct arena *arena)
{
    const char *reason = error_reason(err), *message = err->message;

    if (probe->collector->reads_files)
        return "the file or folder cannot be read; correct path";
    if (strcmp(reason, "store_auth_failed") == 0)
        return "no token is given for the credential; correct the account's oauth2, googleAuth or "
               "key file";
    if (strcmp(reason, "store_tls") == 0)
        return "TLS failed; correct tls.caFile (a private CA), tls.serverName or the client "
               "certificate tls.certFile, or the scheme of endpoint.baseUrl";
    if (strcmp(reason, "store_redirect") == 0)
        return "the address sends us elsewhere, perhaps to a sign-in page; put the address of the "
               "store's own API into endpoint.baseUrl";
    if (strcmp(reason, "store_address_refused") == 0)
        return "this address is never asked; correct endpoint.baseUrl";
    if (err->code == ERR_SETTINGS)
        return "the account cannot be used as it is configured";
    if (strcasestr(message, "resolve"))
        return arena_printf(arena, "no such host; correct the name in endpoint.baseUrl, %s",
                            probe->account.base_url);
    if (err->code == ERR_TIMEOUT)
        return "no answer in time; is a firewall between, or is --timeout too short?";
    return arena_printf(arena,
                        "nothing answers there; correct host and port in endpoint.baseUrl, "
                        "%s, or start the store",
                        probe->account.base_url);
}

static const char *what_of_status(const struct probe *probe, long status)
{
    switch (status) {
    case STATUS_UNAUTHORIZED:
        return "the credential is not taken; correct the account's username and password, token "
               "or key";
    case STATUS_FORBIDDEN:
        return "the credential may not read here; give it the right to query, or use another";
    case STATUS_PROXY_SIGN_IN:
        return "the proxy wants a sign-in; correct proxy";
    case STATUS_NOT_FOUND:
        return "no such path; endpoint.baseUrl must be where the store's API begins";
    default:
        return status >= 500 ? "the store itself is in trouble; look at its own log"
               : probe->collector->reads_files ? "the file cannot be used"
                                               : "the store refuses the question";
    }
}

static void read_answer(struct probe *probe, struct arena *arena)
{
    const struct http_response *reply = &probe->transfer.response;
    struct error err = probe->transfer.error;
    bool is_refused = reply->status == STATUS_UNAUTHORIZED || reply->status == STATUS_FORBIDDEN ||
                      reply->status == STATUS_PROXY_SIGN_IN;
    json_t *list = NULL;

    probe->is_usable = probe->is_signed_in = NO;
    if (err.code && !reply->status) {
        probe->is_reached = strcmp(error_reason(&err), "store_redirect") == 0 ? YES : NO;
        probe->is_signed_in = strcmp(error_reason(&err), "store_auth_failed") == 0 ? NO : UNKNOWN;
        probe->detail = explain(probe, what_without_answer(probe, &err, arena), &err, arena);
        return;
    }
    probe->is_reached = YES;
    if (err.code || collector_check_reply(probe->collector, &probe->account, &probe->request, reply,
                                          arena, &err)) {
        probe->is_signed_in = is_refused ? NO : UNKNOWN;
        probe->detail = explain(probe,
                                strcmp(error_reason(&err), "store_redirect") == 0
                                    ? what_without_answer(probe, &err, arena)
                                    : what_of_status(probe, reply->status),
                                &err, arena);
        return;
    }
    if (is_web_page(reply)) {
        probe->is_signed_in = UNKNOWN;
        probe->detail = "a web page answers, perhaps a sign-in page, and not the store's API; "
                        "correct endpoint.baseUrl, or go past the proxy that is before it";
        return;
    }
    if (probe->collector->metadata &&
        probe->collector->metadata->parse(&probe->account, reply, &list, &err)) {
        probe->is_signed_in = UNKNOWN;
        probe->detail = explain(
            probe, "the answer is not this store's; correct type or endpoint.baseUrl", &err, arena);
        return;
    }
    json_decref(list);
    probe->is_usable = probe->is_signed_in = YES;
    probe->detail = "";
}

static void read_version(struct probe *probe, struct arena *arena)
{
    const struct http_response *reply = &probe->version_transfer.response;
    const char *header = probe->is_sent
                             ? http_response_header(&probe->transfer.response, "X-Influxdb-Version")
                             : NULL;
    const char *text = header;
    struct error err = {0};
    json_t *json = NULL;
    struct strbuf wrapped = {0};

    if (!text && probe->is_version_sent && !probe->version_transfer.error.code &&
        reply->status / 100 == 2 && reply->n_body_bytes < MAX_DETAIL_BYTES * 16) {
        strbuf_printf(&wrapped, "[%s]", reply->body); /* the answer may be a bare text */
        if (json_read(strbuf_view(&wrapped), &json_limits_reply, &json, &err) == ERR_OK) {
            const json_t *answer = json_array_get(json, 0);
            const json_t *data = json_object_get(answer, "data");

            text = json_is_string(answer)
                       ? json_string_value(answer)
                       : json_string_value(json_object_get(data ? data : answer, "version"));
        }
        strbuf_clear(&wrapped);
    }
    if (text && *text)
        probe->version =
            collector_shown(&probe->account, text, strlen(text), MAX_VERSION_BYTES, arena);
    json_decref(json);
}

/* --- all accounts --- */

static void prepare(struct check *check, struct fetch *fetch, struct probe *probe)
{
    const struct account *account = probe->shown->metrics;
    struct error err = {0};

    probe->is_usable = probe->is_reached = probe->is_signed_in = UNKNOWN;
    probe->detail = "";
    if (!(probe->shown->roles & ROLE_METRICS)) {
        probe->detail = "holds objects; not a metric store";
        return;
    }
    probe->collector = account ? collector_find(account->type) : NULL;
    if (!probe->collector) {
        probe->is_usable = NO;
        probe->detail = "this build cannot query stores of this type";
        return;
    }
    probe->account = *account;
    probe->account.retry.attempts = 1;
    if (build_request(probe, check->arena, &err)) {
        probe->is_sent = true;
        probe->is_version_sent = build_version_request(probe, check->arena);
        send_request(check, fetch, &probe->account, &probe->request, &probe->transfer);
        if (probe->is_version_sent)
            send_request(check, fetch, &probe->account, &probe->version_request,
                         &probe->version_transfer);
    } else if (err.code) {
        probe->is_usable = NO;
        probe->detail =
            explain(probe, "the account cannot be used as it is configured", &err, check->arena);
    } else {
        probe->detail =
            "no question is known that costs nothing; say in the account's probe what path "
            "may be asked, or try serinus fetch";
    }
}

static enum err_code ask_all(struct check *check, struct error *err)
{
    struct fetch *fetch = NULL;
    size_t n_sent = 0;

    if (fetch_create(NULL, &fetch, err))
        return err->code;
    sem_init(&check->ended, 0, 0);
    for (size_t i = 0; i < check->n_probes; i++) {
        prepare(check, fetch, &check->probes[i]);
        n_sent += (size_t)check->probes[i].is_sent + (size_t)check->probes[i].is_version_sent;
    }
    while (n_sent)
        if (sem_wait(&check->ended) == 0)
            n_sent--;
    for (size_t i = 0; i < check->n_probes; i++) {
        struct probe *probe = &check->probes[i];

        if (probe->is_sent)
            read_answer(probe, check->arena);
        if (probe->is_usable == YES)
            read_version(probe, check->arena);
        fetch_transfer_clear(&probe->transfer);
        fetch_transfer_clear(&probe->version_transfer);
    }
    fetch_free(fetch);
    sem_destroy(&check->ended);
    return ERR_OK;
}

/* --- showing it --- */

static int print_table(const struct check *check)
{
    size_t name_width = strlen("ACCOUNT"), type_width = strlen("TYPE");
    struct strbuf out = {0};
    int exit_code;

    for (size_t i = 0; i < check->n_probes; i++) {
        const struct settings_account *shown = check->probes[i].shown;

        name_width = strlen(shown->name) > name_width ? strlen(shown->name) : name_width;
        type_width = strlen(shown->type) > type_width ? strlen(shown->type) : type_width;
    }
    strbuf_printf(&out, "%-*s  %-*s  USABLE  REACHED  SIGN-IN  %-10s %8s  %s\n", (int)name_width,
                  "ACCOUNT", (int)type_width, "TYPE", "VERSION", "LATENCY", "DETAIL");
    for (size_t i = 0; i < check->n_probes; i++) {
        const struct probe *probe = &check->probes[i];
        char latency[32] = "-";

        if (probe->is_reached == YES)
            snprintf(latency, sizeof(latency), "%lld ms", (long long)probe->transfer.duration_ms);
        strbuf_printf(&out, "%-*s  %-*s  %-6s  %-7s  %-7s  %-10s %8s  %s\n", (int)name_width,
                      probe->shown->name, (int)type_width, probe->shown->type,
                      answer_words[probe->is_usable], answer_words[probe->is_reached],
                      answer_words[probe->is_signed_in], probe->version ? probe->version : "-",
                      latency, probe->detail);
    }
    exit_code = cli_write_text(check->self, strbuf_view(&out), NULL);
    strbuf_clear(&out);
    return exit_code;
}

static json_t *answer_json(enum answer answer)
{
    return answer == UNKNOWN ? json_null() : json_boolean(answer == YES);
}

static int print_json(const struct check *check)
{
    json_t *list = json_array();
    int exit_code;

    for (size_t i = 0; i < check->n_probes; i++) {
        const struct probe *probe = &check->probes[i];
        json_t *one = json_object();

        json_set_text(one, "name", probe->shown->name);
        json_set_text(one, "type", probe->shown->type);
        json_object_set_new(one, "usable", answer_json(probe->is_usable));
        json_object_set_new(one, "reached", answer_json(probe->is_reached));
        json_object_set_new(one, "signedIn", answer_json(probe->is_signed_in));
        json_set_text(one, "version", probe->version);
        if (probe->is_reached == YES)
            json_object_set_new(one, "latencyMillis", json_integer(probe->transfer.duration_ms));
        if (*probe->detail)
            json_set_text(one, "detail", probe->detail);
        json_array_append_new(list, one);
    }
    exit_code = cli_write_json(check->self, list, NULL);
    json_decref(list);
    return exit_code;
}

static bool is_wanted(const struct cli_args *args, const char *name)
{
    for (size_t i = 0; i < cli_count(args, "account"); i++)
        if (strcmp(cli_value_at(args, "account", i), name) == 0)
            return true;
    return cli_count(args, "account") == 0;
}

static int check_accounts(struct check *check, const struct cli_args *args,
                          const struct settings *settings)
{
    const char *output = cli_value(args, "output");
    bool is_usable = true;
    struct error err = {0};
    int exit_code;

    check->probes = arena_array(check->arena, struct probe, settings->n_accounts);
    for (size_t i = 0; i < settings->n_accounts; i++)
        if (is_wanted(args, settings->accounts[i].name))
            check->probes[check->n_probes++].shown = &settings->accounts[i];
    if (cli_count(args, "account") > check->n_probes)
        return cli_fail(check->self, EXIT_USAGE, "--account: the settings have no such account");
    if (ask_all(check, &err))
        return cli_fail_with(check->self, &err);
    for (size_t i = 0; i < check->n_probes; i++)
        is_usable = is_usable && check->probes[i].is_usable != NO;
    exit_code = output && strcmp(output, "json") == 0 ? print_json(check) : print_table(check);
    return exit_code || is_usable ? exit_code : EXIT_UNAVAILABLE;
}

static int check_args(const struct cli_command *self, const struct cli_args *args)
{
    const char *output = cli_value(args, "output"), *what = cli_positional(args, 0);

    if (what && (strcmp(what, "check") != 0 || cli_n_positionals(args) > 1))
        return cli_fail(self, EXIT_USAGE, "unexpected argument \"%.60s\"",
                        cli_positional(args, cli_n_positionals(args) - 1));
    if (output && strcmp(output, "table") != 0 && strcmp(output, "json") != 0)
        return cli_fail(self, EXIT_USAGE, "-o must be table or json, not \"%.40s\"", output);
    return EXIT_PASS;
}

static int accounts_command(const struct cli_command *self, int argc, char **argv)
{
    struct check check = {.self = self, .arena = arena_create()};
    struct settings_options wanted = {.is_search = true};
    struct settings *settings = NULL;
    int64_t timeout_s = TIMEOUT_DEFAULT_S;
    struct error err = {0};
    const struct cli_args *args;
    const char *timeout, **paths;
    int exit_code;

    args = cli_parse(self, argc, argv, check.arena, &exit_code);
    if (!args)
        goto out;
    exit_code = check_args(self, args);
    if (exit_code)
        goto out;
    timeout = cli_value(args, "timeout");
    wanted.n_paths = cli_count(args, "config");
    paths = arena_array(check.arena, const char *, wanted.n_paths);
    for (size_t i = 0; i < wanted.n_paths; i++)
        paths[i] = cli_value_at(args, "config", i);
    wanted.paths = paths;
    if (timeout && duration_parse(timeout, &timeout_s, &err)) {
        error_context(&err, "--timeout");
        exit_code = cli_fail_with(self, &err);
    } else if (settings_load_with(&wanted, &settings, &err)) {
        exit_code = cli_fail_with(self, &err);
    } else {
        check.deadline_mono_ms = clock_mono_ms() + timeout_s * MS_PER_S;
        exit_code = check_accounts(&check, args, settings);
    }
out:
    settings_free(settings);
    arena_free(check.arena);
    return exit_code;
}

const struct cli_command command_accounts = {
    .name = "accounts",
    .summary = "check the metric accounts: reachable, signed in, and what to change if not",
    .examples = "  serinus accounts\n"
                "  serinus accounts check -c kayenta.yml -o json\n\n"
                "exit codes: 0 all usable, 69 one is not, 78 the settings are wrong\n",
    .options = options,
    .run = accounts_command,
};
