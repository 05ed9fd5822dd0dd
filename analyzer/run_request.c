#include "analyzer/run_request.h"

#include "analyzer/cli_input.h"
#include "base/instant.h"
#include "base/json.h"

#include <string.h>

#define STEP_DEFAULT_S 60

/* The window of one side, and where it comes from. */
struct window {
    bool has_start, has_end;
    int64_t start_unix_ns, end_unix_ns;
};

static enum err_code flag_time(const struct cli_args *args, const char *name, int64_t now_unix_ns,
                               bool *has, int64_t *out_unix_ns, struct error *err)
{
    const char *text = cli_value(args, name);

    *has = text != NULL;
    if (text && instant_parse_relative(text, now_unix_ns, out_unix_ns, err))
        error_context(err, "--%s", name);
    return err->code;
}

static enum err_code flag_duration(const struct cli_args *args, const char *name, int64_t otherwise,
                                   int64_t *out_s, struct error *err)
{
    const char *text = cli_value(args, name);

    *out_s = otherwise;
    if (text && duration_parse(text, out_s, err))
        error_context(err, "--%s", name);
    return err->code;
}

/* `serinus backtest` and `plan` say --since DUR --until TIME for --last and --end. */
static const char *flag_given(const struct cli_args *args, const char *name, const char *other_name)
{
    return cli_value(args, name) ? name : other_name;
}

/* --start/--end, or --last back from --end, which is now unless given. An end of "now" is cut down
 * to a whole step, so that the last point is one the store has. */
static enum err_code flag_window(const struct cli_args *args, int64_t now_unix_ns, int64_t step_s,
                                 const char *default_last, struct window *out, struct error *err)
{
    int64_t last_s;

    if (flag_time(args, "start", now_unix_ns, &out->has_start, &out->start_unix_ns, err) ||
        flag_time(args, flag_given(args, "end", "until"), now_unix_ns, &out->has_end,
                  &out->end_unix_ns, err) ||
        flag_duration(args, flag_given(args, "last", "since"), 0, &last_s, err))
        return err->code;
    if (out->has_start && last_s)
        return error_because(err, ERR_INVALID, "usage", "--start and --last exclude each other");
    if (!out->has_start && !last_s && default_last && duration_parse(default_last, &last_s, err))
        return err->code;
    if (!out->has_end && (out->has_start || last_s)) {
        int64_t now_s = now_unix_ns / NS_PER_S;

        out->has_end = true;
        out->end_unix_ns = (now_s - now_s % (step_s ? step_s : 1)) * NS_PER_S;
    }
    if (last_s) {
        out->has_start = true;
        out->start_unix_ns = out->end_unix_ns - last_s * NS_PER_S;
    }
    return ERR_OK;
}

static json_t *member_object(json_t *parent, const char *key)
{
    json_t *member = json_object_get(parent, key);

    if (!json_is_object(member)) {
        member = json_object();
        json_object_set_new(parent, key, member);
    }
    return member;
}

static void set_instant(json_t *scope, const char *key, int64_t unix_ns)
{
    char text[INSTANT_TEXT_BYTES];

    json_object_set_new(scope, key, json_string(instant_text(unix_ns, text)));
}

static enum err_code set_params(json_t *scope, const struct cli_args *args, struct error *err)
{
    for (size_t i = 0; i < cli_count(args, "param"); i++) {
        const char *param = cli_value_at(args, "param", i);
        const char *equals = strchr(param, '=');
        json_t *params = member_object(scope, "extendedScopeParams");

        if (!equals || equals == param)
            return error_because(err, ERR_INVALID, "usage",
                                 "--param must be KEY=VALUE, not \"%.60s\"", param);
        json_object_setn_new(params, param, (size_t)(equals - param), json_string(equals + 1));
    }
    return ERR_OK;
}

static enum err_code set_side(json_t *scope, const struct cli_args *args, const char *side,
                              const struct window *window, int64_t offset_s, struct error *err)
{
    bool is_baseline = strcmp(side, "baseline") == 0;
    const char *location = cli_value(args, is_baseline ? "baseline-location" : "canary-location");
    const char *name = cli_value(args, side);

    if (!name && !cli_value(args, "request")) { /* one scope */
        name = cli_value(args, "baseline");
        location = location ? location : cli_value(args, "baseline-location");
    }
    json_set_text(scope, "scope", name);
    json_set_text(scope, "location", location ? location : cli_value(args, "location"));
    if (window->has_start)
        set_instant(scope, "start", window->start_unix_ns - offset_s * NS_PER_S);
    if (window->has_end)
        set_instant(scope, "end", window->end_unix_ns - offset_s * NS_PER_S);
    return set_params(scope, args, err);
}

static enum err_code set_pair(json_t *pair, const struct cli_args *args,
                              const struct window *window, int64_t step_s, int64_t offset_s,
                              struct error *err)
{
    static const char *const members[] = {"controlScope", "experimentScope"};

    if (set_side(member_object(pair, members[0]), args, "baseline", window, offset_s, err) ||
        set_side(member_object(pair, members[1]), args, "canary", window, 0, err))
        return err->code;
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        json_t *scope = json_object_get(pair, members[i]);

        if (cli_value(args, "step") || !json_object_get(scope, "step"))
            json_object_set_new(scope, "step", json_integer(step_s));
    }
    return ERR_OK;
}

/* A pair of scopes for every name the metrics use. */
static enum err_code set_scopes(json_t *request, const struct cli_args *args, const json_t *config,
                                const struct window *window, int64_t step_s, struct error *err)
{
    json_t *scopes = member_object(request, "scopes");
    int64_t offset_s;
    json_t *metric;
    size_t i;

    if (flag_duration(args, "baseline-offset", 0, &offset_s, err))
        return err->code;
    json_array_foreach (json_object_get(config, "metrics"), i, metric) {
        const char *name = json_string_value(json_object_get(metric, "scopeName"));

        if (name && set_pair(member_object(scopes, name), args, window, step_s, offset_s, err))
            return err->code;
    }
    return ERR_OK;
}

enum err_code run_request_build(const struct cli_args *args, const json_t *config,
                                int64_t now_unix_ns, const struct run_request_rules *rules,
                                json_t **out, struct error *err)
{
    const char *file = cli_value(args, "request");
    struct window window = {0};
    json_t *request;
    int64_t step_s;

    if (!file && rules->may_be_one_scope && !cli_value(args, "baseline"))
        return error_because(err, ERR_INVALID, "usage",
                             "name the scope with --baseline SCOPE, a second one that ran the same "
                             "version with --canary SCOPE, or give a --request FILE");
    if (!file && !rules->may_be_one_scope &&
        (!cli_value(args, "baseline") || !cli_value(args, "canary")))
        return error_because(err, ERR_INVALID, "usage",
                             "name both sides with --baseline SCOPE and --canary SCOPE, or give a "
                             "--request FILE");
    if (flag_duration(args, "step", STEP_DEFAULT_S, &step_s, err) ||
        flag_window(args, now_unix_ns, step_s, file ? NULL : rules->default_last, &window, err))
        return err->code;
    if (!file && !window.has_start)
        return error_because(err, ERR_INVALID, "usage",
                             "name the window with --last DUR, or --start and --end");
    if (!file)
        request = json_object();
    else if (cli_read_document(file, &request, err))
        return err->code;
    if (set_scopes(request, args, config, &window, step_s, err)) {
        json_decref(request);
        return err->code;
    }
    *out = request;
    return ERR_OK;
}
