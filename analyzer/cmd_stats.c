/* serinus stats --batch: single statistics on raw samples, a JSON line in, a JSON line out. */
#include "analyzer/batch_answer.h"
#include "analyzer/cli.h"
#include "analyzer/stats_kind.h"
#include "base/json.h"
#include "judge/mann_whitney.h"
#include "judge/sort.h"

#include <math.h>
#include <string.h>

#define CONFIDENCE_DEFAULT 0.98 /* the judge's */

static enum err_code read_sample(const json_t *inputs, const char *key, struct arena *arena,
                                 double **sorted, size_t *n, struct error *err)
{
    const json_t *list = json_object_get(inputs, key);
    const json_t *value;
    double *values;
    size_t i;

    if (!json_is_array(list))
        return error_set(err, ERR_INVALID, "inputs.%s must be a list of numbers", key);
    *n = json_array_size(list);
    values = arena_array(arena, double, *n);
    json_array_foreach (list, i, value)
        if (!json_to_double(value, &values[i]) || isnan(values[i]))
            return error_set(err, ERR_INVALID, "inputs.%s[%zu] is not a number", key, i);
    *sorted = arena_array(arena, double, *n);
    sort_doubles(values, *n, *sorted, arena);
    return ERR_OK;
}

static enum err_code mann_whitney(const json_t *inputs, const json_t *params, struct arena *arena,
                                  json_t **out, struct error *err)
{
    const json_t *conf = json_object_get(params, "conf");
    double confidence = CONFIDENCE_DEFAULT;
    struct mann_whitney shift;
    double *x, *y;
    size_t n, m;

    if (conf && !json_to_double(conf, &confidence))
        return error_set(err, ERR_INVALID, "params.conf must be a number");
    if (read_sample(inputs, "x", arena, &x, &n, err) ||
        read_sample(inputs, "y", arena, &y, &m, err) ||
        mann_whitney_interval(x, n, y, m, confidence, arena, &shift, err))
        return err->code;
    *out = json_object();
    json_object_set_new(*out, "lower", json_number_or_null(shift.lower));
    json_object_set_new(*out, "upper", json_number_or_null(shift.upper));
    json_object_set_new(*out, "estimate", json_number_or_null(shift.estimate));
    return ERR_OK;
}

static const struct stats_kind own_kinds[] = {{"mannwhitney", mann_whitney}, {0}};
static const struct stats_kind *const tables[] = {own_kinds, stats_ranks_kinds, stats_counts_kinds};

static const struct stats_kind *find_kind(const char *name)
{
    for (size_t t = 0; t < ARRAY_LEN(tables); t++)
        for (const struct stats_kind *kind = tables[t]; kind->name; kind++)
            if (strcmp(kind->name, name) == 0)
                return kind;
    return NULL;
}

static enum err_code unknown_kind(const char *name, struct arena *arena, struct error *err)
{
    const char *list = "";

    for (size_t t = 0; t < ARRAY_LEN(tables); t++)
        for (const struct stats_kind *kind = tables[t]; kind->name; kind++)
            list = arena_printf(arena, "%s%s%s", list, *list ? ", " : "", kind->name);
    return error_set(err, ERR_UNSUPPORTED, "unknown kind %s%.64s%s; there is: %s", name ? "\"" : "",
                     name ? name : "(none)", name ? "\"" : "", list);
}

static enum err_code compute(const json_t *request, struct arena *arena, json_t **out,
                             struct error *err)
{
    const char *name = json_string_value(json_object_get(request, "kind"));
    const struct stats_kind *kind = name ? find_kind(name) : NULL;

    if (!kind)
        return unknown_kind(name, arena, err);
    return kind->compute(json_object_get(request, "inputs"), json_object_get(request, "params"),
                         arena, out, err);
}

static bool answer(struct str line, struct strbuf *out, void *ctx)
{
    struct arena *arena = arena_create();
    struct error err = {0};
    json_t *request = NULL;
    json_t *result = NULL;
    bool is_ok;

    (void)ctx;
    is_ok = json_read(line, &json_limits_document, &request, &err) == ERR_OK &&
            compute(request, arena, &result, &err) == ERR_OK;
    batch_answer_take(request, result, &err, out);
    json_decref(request);
    arena_free(arena);
    return is_ok;
}

static int run_stats(const struct cli_command *self, int argc, char **argv)
{
    return cli_batch_only(self, argc, argv, answer);
}

const struct cli_command command_stats = {
    .name = "stats",
    .summary = "compute single statistics",
    .examples = "  serinus stats --batch < requests.jsonl > answers.jsonl\n\n"
                "  {\"id\":1,\"kind\":\"mannwhitney\",\"inputs\":{\"x\":[..],\"y\":[..]},"
                "\"params\":{\"conf\":0.98}}\n"
                "  {\"id\":1,\"result\":{\"lower\":..,\"upper\":..,\"estimate\":..}}\n",
    .options = cli_batch_options,
    .run = run_stats,
};
