#include "analyzer/backtest_stored.h"

#include "analyzer/bundle.h"
#include "analyzer/cli_input.h"
#include "analyzer/judgement.h"
#include "analyzer/settings.h"
#include "analyzer/store_admin.h"
#include "analyzer/verdict_table.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/json.h"

#include <math.h>
#include <string.h>

#define SINCE_DEFAULT "30d"
#define MAX_EXECUTIONS 10000u

static const char *const verdicts[] = {"pass", "marginal", "fail", "nodata"};
#define N_VERDICTS ARRAY_LEN(verdicts)

/* One judge against the record. */
struct agreement {
    size_t counts[N_VERDICTS][N_VERDICTS]; /* recorded, now */
};

struct rejudging {
    const struct cli_command *self;
    const struct cli_args *args;
    const struct judge_type *judges[BACKTEST_MAX_JUDGES];
    size_t n_judges;
    struct agreement agreements[BACKTEST_MAX_JUDGES];
    json_t *executions;
};

int backtest_judges_named(const struct cli_command *self, const struct cli_args *args,
                          const struct judge_type **out, size_t *n_out)
{
    static const char *const defaults[] = {JUDGE_DEFAULT_NAME, "RobustRank-v1.0"};
    size_t n_named = cli_count(args, "judge");

    *n_out = n_named ? n_named : ARRAY_LEN(defaults);
    if (n_named > BACKTEST_MAX_JUDGES)
        return cli_fail(self, EXIT_USAGE, "--judge: at most %u", BACKTEST_MAX_JUDGES);
    for (size_t i = 0; i < *n_out; i++) {
        const char *name = n_named ? cli_value_at(args, "judge", i) : defaults[i];

        out[i] = judge_find(name);
        if (!out[i])
            return cli_fail(self, EXIT_USAGE, "--judge: there is no judge \"%.60s\"", name);
    }
    return EXIT_PASS;
}

bool backtest_is_of_stored(const struct cli_args *args)
{
    return cli_n_positionals(args) || cli_count(args, "execution") || cli_has(args, "store");
}

/* --- one execution --- */

static size_t place_of(const char *verdict)
{
    for (size_t i = 0; i < N_VERDICTS; i++)
        if (verdict && strcmp(verdict, verdicts[i]) == 0)
            return i;
    return N_VERDICTS;
}

/* {"verdict", "score"} of a recorded result in Kayenta's form; NULL: there is none. */
static json_t *recorded_json(const json_t *result)
{
    static const char *const words[] = {"Pass", "Marginal", "Fail", "Nodata"};
    const json_t *score = json_object_get(result, "score");
    const char *word = json_string_value(json_object_get(score, "classification"));

    for (size_t i = 0; word && i < ARRAY_LEN(words); i++)
        if (strcmp(word, words[i]) == 0)
            return json_pack("{sssf}", "verdict", verdicts[i], "score",
                             json_number_value(json_object_get(score, "score")));
    return NULL;
}

static json_t *judged_json(const struct judge_result *result)
{
    json_t *flagged = json_array();

    for (size_t i = 0; i < result->n_results; i++)
        if (result->results[i].classification == CLASS_HIGH ||
            result->results[i].classification == CLASS_LOW)
            json_array_append_new(flagged, json_string(result->results[i].pair->name));
    return json_pack("{sssfso}", "verdict", verdicts[result->verdict], "score", result->score,
                     "flagged", flagged);
}

static json_t *judge_by(const struct bundle *bundle, const struct judgement *mixed,
                        const json_t *thresholds, const struct judge_type *type,
                        struct arena *arena)
{
    json_t *config = json_keep(json_copy((json_t *)bundle->config), arena);
    json_t *judge = json_deep_copy(json_object_get(bundle->config, "judge"));
    const char *own = json_string_value(json_object_get(judge, "name"));
    struct judgement judgement = *mixed;
    struct error err = {0};
    char text[sizeof(err.context) + sizeof(err.message) + 2];

    if (!judge)
        judge = json_object();
    if (!own || strcmp(own, type->name) != 0) /* a method is one judge's own */
        json_object_del(json_object_get(judge, "judgeConfigurations"), "method");
    json_object_set_new(judge, "name", json_string(type->name));
    json_object_set_new(config, "judge", judge);
    if (judgement_judge(config, thresholds, arena, &judgement, &err))
        return json_pack("{ss}", "error", error_text(&err, text, sizeof(text)));
    return judged_json(&judgement.result);
}

static enum err_code judge_again(struct rejudging *all, const char *id, const struct bundle *bundle,
                                 struct arena *arena, struct error *err)
{
    struct judgement mixed = {0};
    json_t *recorded, *list, *thresholds;

    if (cli_thresholds(all->self, all->args, json_object_get(bundle->request, "thresholds"),
                       bundle->config, &thresholds, err))
        return err->code;
    json_keep(thresholds, arena);
    if (bundle_mix(id, bundle, arena, &mixed, err))
        return err->code;
    recorded = recorded_json(bundle->result);
    list = json_array();
    for (size_t j = 0; j < all->n_judges; j++) {
        json_t *now = judge_by(bundle, &mixed, thresholds, all->judges[j], arena);
        size_t was_at = place_of(json_string_value(json_object_get(recorded, "verdict")));
        size_t is_at = place_of(json_string_value(json_object_get(now, "verdict")));

        if (was_at < N_VERDICTS && is_at < N_VERDICTS)
            all->agreements[j].counts[was_at][is_at]++;
        json_array_append_new(list, now);
    }
    json_array_append_new(all->executions,
                          json_pack("{sssoso}", "execution", id, "recorded",
                                    recorded ? recorded : json_null(), "judges", list));
    return ERR_OK;
}

static enum err_code judge_bundle(struct rejudging *all, const char *path, struct arena *arena,
                                  struct error *err)
{
    struct bundle bundle = {0};
    json_t *document = NULL;

    if (cli_read_document(path, &document, err) == ERR_OK &&
        (bundle_decode(document, arena, &bundle, err) ||
         judge_again(all, path, &bundle, arena, err)))
        error_context(err, "bundle \"%s\"", path);
    json_decref(document);
    return err->code;
}

static enum err_code judge_execution(struct rejudging *all, struct store *store,
                                     const struct stored_execution *stored, struct arena *arena,
                                     struct error *err)
{
    struct bundle bundle = {0};
    struct stored_series series;
    json_t *submission, *body;

    if (json_read(stored->submission, &json_limits_document, &submission, err))
        return err->code;
    json_keep(submission, arena);
    if (json_read(stored->body, &json_limits_document, &body, err))
        return err->code;
    json_keep(body, arena);
    bundle.config = json_object_get(submission, "config");
    bundle.request = json_object_get(submission, "canaryExecutionRequest");
    bundle.result = json_object_get(json_object_get(body, "result"), "judgeResult");
    if (store_series_get(store, SERIES_METRIC_SET_PAIRS, stored->account,
                         json_string_value(json_object_get(submission, "metricSetPairListId")),
                         arena, &series, err) ||
        metric_pairs_decode(series.payload, arena, &bundle.pairs, &bundle.n_pairs, err))
        return err->code;
    return judge_again(all, stored->id, &bundle, arena, err);
}

/* --- all of them --- */

static enum err_code judge_named(struct rejudging *all, struct store *store, struct error *err)
{
    for (size_t i = 0; i < cli_count(all->args, "execution") && !err->code; i++) {
        const char *id = cli_value_at(all->args, "execution", i);
        struct arena *arena = arena_create();
        struct stored_execution stored;

        if (store_execution_get(store, id, arena, &stored, err) == ERR_OK) {
            if (stored.kind != EXECUTION_CANARY || stored.state != EXECUTION_SUCCEEDED)
                error_set(err, ERR_INVALID, "it is no canary that came to a verdict");
            else
                (void)(judge_execution(all, store, &stored, arena, err) == ERR_OK);
        }
        if (err->code)
            error_context(err, "execution \"%.64s\"", id);
        arena_free(arena);
    }
    return err->code;
}

static enum err_code judge_since(struct rejudging *all, struct store *store, struct error *err)
{
    const char *since =
        cli_value(all->args, "since") ? cli_value(all->args, "since") : SINCE_DEFAULT;
    const char *until = cli_value(all->args, "until");
    struct execution_filter filter = {.kinds = 1u << EXECUTION_CANARY,
                                      .states = 1u << EXECUTION_SUCCEEDED,
                                      .limit = MAX_EXECUTIONS,
                                      .is_brief = true};
    struct arena *arena = arena_create();
    int64_t since_s, until_unix_ns = clock_wall_ns();
    struct stored_execution *list;
    size_t n = 0;

    if (duration_parse(since, &since_s, err)) {
        error_context(err, "--since");
    } else if (until && instant_parse_relative(until, until_unix_ns, &until_unix_ns, err)) {
        error_context(err, "--until");
    } else {
        filter.created_before_unix_ms = until_unix_ns / NS_PER_MS + 1;
        filter.created_from_unix_ms = until_unix_ns / NS_PER_MS - since_s * MS_PER_S;
        (void)(store_execution_list(store, &filter, arena, &list, &n, err) == ERR_OK);
    }
    if (n == MAX_EXECUTIONS && !err->code)
        error_set(err, ERR_LIMIT, "there are %u executions or more; take a shorter --since",
                  MAX_EXECUTIONS);
    for (size_t i = 0; i < n && !err->code; i++) {
        struct arena *own = arena_create();
        struct stored_execution stored;

        if (store_execution_get(store, list[i].id, own, &stored, err) ||
            judge_execution(all, store, &stored, own, err))
            error_context(err, "execution \"%.64s\"", list[i].id);
        arena_free(own);
    }
    arena_free(arena);
    return err->code;
}

static enum err_code judge_store(struct rejudging *all, struct error *err)
{
    size_t n = cli_count(all->args, "settings");
    struct arena *arena = arena_create();
    const char **paths = arena_array(arena, const char *, n);
    const char *data_dir = cli_value(all->args, "data-dir");
    struct settings *settings = NULL;
    struct store *store = NULL;

    for (size_t i = 0; i < n; i++)
        paths[i] = cli_value_at(all->args, "settings", i);
    if (!data_dir && settings_load(paths, n, &settings, err) == ERR_OK)
        data_dir = settings->data_dir;
    if (!err->code && store_look(data_dir, NULL, &store, err) == ERR_OK &&
        judge_named(all, store, err) == ERR_OK && cli_has(all->args, "store"))
        (void)(judge_since(all, store, err) == ERR_OK);
    store_close(store);
    settings_free(settings);
    arena_free(arena);
    return err->code;
}

/* --- agreement --- */

/* Of n in agreement in the share p, of which e were to be expected by chance. */
static json_t *agreement_json(const struct agreement *agreement, const char *judge)
{
    size_t n = 0, n_same = 0;
    double by_chance = 0;

    for (size_t a = 0; a < N_VERDICTS; a++)
        for (size_t b = 0; b < N_VERDICTS; b++)
            n += agreement->counts[a][b];
    for (size_t a = 0; a < N_VERDICTS; a++) {
        size_t was = 0, is = 0;

        n_same += agreement->counts[a][a];
        for (size_t b = 0; b < N_VERDICTS; b++) {
            was += agreement->counts[a][b];
            is += agreement->counts[b][a];
        }
        by_chance += n ? (double)was * (double)is / ((double)n * (double)n) : 0;
    }
    return json_pack("{sssIsIso}", "judge", judge, "executions", (json_int_t)n, "same",
                     (json_int_t)n_same, "kappa",
                     n && by_chance < 1
                         ? json_real(((double)n_same / (double)n - by_chance) / (1 - by_chance))
                         : json_null());
}

static json_t *report_json(const struct rejudging *all)
{
    json_t *judges = json_array(), *agreements = json_array();

    for (size_t j = 0; j < all->n_judges; j++) {
        json_array_append_new(judges, json_string(all->judges[j]->name));
        json_array_append_new(agreements,
                              agreement_json(&all->agreements[j], all->judges[j]->name));
    }
    return json_pack("{sssosOso}", "schema", "serinus.rejudged/v1", "judges", judges, "executions",
                     all->executions, "agreement", agreements);
}

static void put_verdict(struct strbuf *out, const json_t *verdict)
{
    const char *word = json_string_value(json_object_get(verdict, "verdict"));
    const json_t *metric;
    size_t i;

    if (!word) {
        const char *error = json_string_value(json_object_get(verdict, "error"));

        cli_put_shown(out, error ? error : "nothing was recorded");
        return;
    }
    strbuf_printf(out, "%-9s%7.2f", word, json_number_value(json_object_get(verdict, "score")));
    json_array_foreach (json_object_get(verdict, "flagged"), i, metric) {
        strbuf_puts(out, i ? ", " : "  ");
        cli_put_shown(out, json_string_value(metric));
    }
}

static void report_text(const json_t *report, struct strbuf *out)
{
    const json_t *judges = json_object_get(report, "judges"), *one, *verdict;
    size_t i, j;

    json_array_foreach (json_object_get(report, "executions"), i, one) {
        cli_put_shown(out, json_string_value(json_object_get(one, "execution")));
        strbuf_printf(out, "\n  %-22s", "recorded");
        put_verdict(out, json_object_get(one, "recorded"));
        json_array_foreach (json_object_get(one, "judges"), j, verdict) {
            strbuf_printf(out, "\n  %-22s", json_string_value(json_array_get(judges, j)));
            put_verdict(out, verdict);
        }
        strbuf_puts(out, "\n");
    }
    strbuf_printf(out, "\n%-24s%12s%12s%12s\n", "AGREES WITH THE RECORD", "EXECUTIONS", "SAME",
                  "KAPPA");
    json_array_foreach (json_object_get(report, "agreement"), i, one) {
        const json_t *kappa = json_object_get(one, "kappa");

        strbuf_printf(out, "  %-22s%12lld%12lld", json_string_value(json_object_get(one, "judge")),
                      (long long)json_integer_value(json_object_get(one, "executions")),
                      (long long)json_integer_value(json_object_get(one, "same")));
        if (json_is_real(kappa))
            strbuf_printf(out, "%12.2f\n", json_real_value(kappa));
        else
            strbuf_printf(out, "%12s\n", "-");
    }
}

int backtest_stored(const struct cli_command *self, const struct cli_args *args)
{
    struct rejudging all = {.self = self, .args = args, .executions = json_array()};
    struct error err = {0};
    int exit_code = backtest_judges_named(self, args, all.judges, &all.n_judges);

    for (size_t i = 0; i < cli_n_positionals(args) && !exit_code && !err.code; i++) {
        struct arena *arena = arena_create();

        (void)(judge_bundle(&all, cli_positional(args, i), arena, &err) == ERR_OK);
        arena_free(arena);
    }
    if (!exit_code && !err.code && (cli_count(args, "execution") || cli_has(args, "store")))
        (void)(judge_store(&all, &err) == ERR_OK);
    if (err.code)
        exit_code = cli_fail_with(self, &err);
    if (!exit_code) {
        json_t *report = report_json(&all);

        exit_code = cli_write_report(self, args, report, report_text);
        json_decref(report);
    }
    json_decref(all.executions);
    return exit_code;
}
