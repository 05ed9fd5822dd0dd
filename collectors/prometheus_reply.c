/* A reply is read as a stream of JSON events, whatever its size: no tree is built, and what is not
 * needed costs a comparison.
 *
 *   {"status":"success","data":{"resultType":"matrix","result":[
 *     {"metric":{"__name__":"up","code":"500"},"values":[[1767225600,"0.5"],[1767225660.25,"NaN"]]}
 *   ]},"warnings":["..."]}
 *
 * Each open container has a place; the place and the member's key say what a value means. Members
 * may come in any order, so a series is put together when its object ends, and the whole is judged
 * when the text ends. A long window comes as several replies whose series are joined by labels. */
#include "collectors/prometheus_reply.h"

#include "base/instant.h"
#include "base/limits.h"
#include "base/number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#define MAX_TIME_S 1e11 /* year 5138; as milliseconds it still fits 64 bits many times over */
#define FNV_OFFSET 14695981039346656037u
#define FNV_PRIME 1099511628211u

enum place { ROOT, DATA, RESULT, SERIES, LABELS, VALUES, SAMPLE, NOTES, HISTOGRAMS, OTHER };

struct sample {
    double time_s, value;
};

struct series {
    struct tag_map tags;     /* without __name__ */
    const char *metric_name; /* __name__, or NULL; two series may differ in nothing else */
    uint64_t hash;           /* of both */
    size_t last_reply;       /* the reply it was last seen in */
    struct sample *samples;  /* owned */
    size_t n_samples, capacity;
    bool is_unsorted;
};

struct reader {
    const struct account *account;
    const struct metric_query *query;
    struct arena *arena;
    struct error *err;
    size_t n_grid; /* points on the grid of the window */
    size_t n_points_max;

    /* of all replies */
    struct series *series; /* owned */
    size_t n_series, capacity;
    size_t n_samples;
    struct strbuf notes; /* warnings and infos */
    size_t n_reply;

    /* of this reply */
    const char *status, *error_type, *error_text;
    bool has_result, is_matrix, is_partial;
    enum place places[JSON_MAX_DEPTH];
    size_t depth;
    char key[64];      /* of the member being read; longer ones are none of ours */
    const char *label; /* the same inside LABELS, whole */
    struct series now; /* the series being read */
    bool has_values;
    size_t n_elements; /* of the sample being read */
    struct sample sample;
    bool is_null; /* the sample has no value */
};

/* --- errors --- */

static int bad(struct reader *r, const char *what)
{
    error_because(r->err, ERR_UPSTREAM, "store_bad_response",
                  "the reply is not what a range query is answered with: %s", what);
    return 0;
}

static int too_many(struct reader *r, const char *reason, const char *what, size_t limit)
{
    error_because(r->err, ERR_UPSTREAM, reason, "the reply has more than %zu %s", limit, what);
    return 0;
}

/* --- one series --- */

static void hash_text(uint64_t *hash, const char *text)
{
    for (; *text; text++)
        *hash = (*hash ^ (unsigned char)*text) * FNV_PRIME;
    *hash *= FNV_PRIME; /* the end counts too: "ab","c" is not "a","bc" */
}

static uint64_t series_hash(const struct series *series)
{
    uint64_t hash = FNV_OFFSET;

    hash_text(&hash, series->metric_name ? series->metric_name : "");
    for (size_t i = 0; i < series->tags.n_items; i++) {
        hash_text(&hash, series->tags.items[i].key);
        hash_text(&hash, series->tags.items[i].value);
    }
    return hash;
}

static bool is_same_series(const struct series *a, const struct series *b)
{
    return a->hash == b->hash && (a->metric_name == NULL) == (b->metric_name == NULL) &&
           (!a->metric_name || strcmp(a->metric_name, b->metric_name) == 0) &&
           tag_map_equal(&a->tags, &b->tags);
}

static int add_sample(struct reader *r, struct series *series, struct sample sample)
{
    if (series->n_samples == r->n_points_max)
        return too_many(r, "store_too_many_points", "points in one series", r->n_points_max);
    if (series->n_samples == series->capacity) {
        /* Most series are complete: the first allocation is the last. */
        size_t first = r->n_grid < 16 ? 16 : r->n_grid < 4096 ? r->n_grid : 4096;

        series->capacity = series->capacity ? series->capacity * 2 : first;
        series->samples = mem_realloc(series->samples, series->capacity, sizeof(sample));
    }
    if (series->n_samples && sample.time_s < series->samples[series->n_samples - 1].time_s)
        series->is_unsorted = true;
    series->samples[series->n_samples++] = sample;
    return 1;
}

static int join(struct reader *r, struct series *whole)
{
    if (whole->last_reply == r->n_reply)
        return bad(r, "two series have the same labels");
    whole->last_reply = r->n_reply;
    for (size_t i = 0; i < r->now.n_samples; i++)
        if (!add_sample(r, whole, r->now.samples[i]))
            return 0;
    free(r->now.samples);
    r->now = (struct series){0};
    return 1;
}

static int end_series(struct reader *r)
{
    if (!r->has_values)
        return bad(r, "a series has no \"values\"");
    r->now.hash = series_hash(&r->now);
    r->now.last_reply = r->n_reply;
    for (size_t i = 0; i < r->n_series; i++)
        if (is_same_series(&r->series[i], &r->now))
            return join(r, &r->series[i]);
    if (r->n_series == STORE_MAX_SERIES)
        return too_many(r, "store_too_many_series", "series", STORE_MAX_SERIES);
    if (r->n_series == r->capacity) {
        r->capacity = r->capacity ? r->capacity * 2 : 8;
        r->series = mem_realloc(r->series, r->capacity, sizeof(*r->series));
    }
    r->series[r->n_series++] = r->now;
    r->now = (struct series){0};
    return 1;
}

static int add_label(struct reader *r, const char *text, size_t n_bytes)
{
    if (n_bytes > STORE_MAX_LABEL_BYTES)
        return bad(r, "a label is larger than 4 KiB");
    if (memchr(text, '\0', n_bytes))
        return bad(r, "a label holds a NUL character");
    if (strcmp(r->label, "__name__") == 0) {
        if (r->now.metric_name)
            return bad(r, "a label comes twice");
        r->now.metric_name = arena_strndup(r->arena, text, n_bytes);
        return 1;
    }
    if (tag_map_get(&r->now.tags, r->label))
        return bad(r, "a label comes twice");
    if (r->now.tags.n_items == STORE_MAX_LABELS)
        return bad(r, "a series has more than 128 labels");
    tag_map_put(&r->now.tags, r->arena, r->label, arena_strndup(r->arena, text, n_bytes));
    return 1;
}

static int end_sample(struct reader *r)
{
    if (r->n_elements != 2)
        return bad(r, "a sample is not a pair of time and value");
    if (r->is_null)
        return 1;
    if (++r->n_samples > STORE_MAX_POINTS)
        return too_many(r, "store_too_many_points", "points", STORE_MAX_POINTS);
    return add_sample(r, &r->now, r->sample);
}

/* --- events --- */

enum kind { TEXT, NUMBER, TRUTH, NOTHING };

static int sample_element(struct reader *r, enum kind kind, const char *text, size_t n_bytes)
{
    switch (r->n_elements++) {
    case 0:
        if (kind != NUMBER || !number_parse(text, n_bytes, &r->sample.time_s) ||
            !(fabs(r->sample.time_s) <= MAX_TIME_S))
            return bad(r, "the time of a sample is not a number of seconds");
        return 1;
    case 1:
        r->is_null = kind == NOTHING;
        if (!r->is_null && (kind == TRUTH || !number_parse(text, n_bytes, &r->sample.value)))
            return bad(r, "the value of a sample is not a number");
        return 1;
    default:
        return bad(r, "a sample is not a pair of time and value");
    }
}

static void root_member(struct reader *r, enum kind kind, const char *text, size_t n_bytes)
{
    const struct {
        const char *key;
        const char **out;
    } texts[] = {{"status", &r->status}, {"errorType", &r->error_type}, {"error", &r->error_text}};

    for (size_t i = 0; kind == TEXT && i < ARRAY_LEN(texts); i++)
        if (strcmp(r->key, texts[i].key) == 0)
            *texts[i].out = arena_strndup(r->arena, text, n_bytes);
    if (kind == TRUTH && (strcmp(r->key, "isPartial") == 0 || strcmp(r->key, "partial") == 0))
        r->is_partial = n_bytes == strlen("true");
}

static int scalar(struct reader *r, enum kind kind, const char *text, size_t n_bytes)
{
    switch (r->depth ? r->places[r->depth - 1] : RESULT) {
    case SAMPLE:
        return sample_element(r, kind, text, n_bytes);
    case LABELS:
        return kind == TEXT ? add_label(r, text, n_bytes) : bad(r, "a label is not text");
    case ROOT:
        root_member(r, kind, text, n_bytes);
        return 1;
    case DATA:
        if (strcmp(r->key, "resultType") == 0)
            r->is_matrix = kind == TEXT && str_is((struct str){text, n_bytes}, "matrix");
        return 1;
    case NOTES:
        if (kind == TEXT) {
            if (r->notes.n_bytes)
                strbuf_puts(&r->notes, "; ");
            strbuf_append(&r->notes, text, n_bytes);
        }
        return 1;
    case SERIES:
    case OTHER:
        return 1;
    default:
        return bad(r, "a number, a text or null stands where an object or a list should");
    }
}

static int on_text(void *ctx, const unsigned char *text, size_t n_bytes)
{
    return scalar(ctx, TEXT, (const char *)text, n_bytes);
}

static int on_number(void *ctx, const char *text, size_t n_bytes)
{
    return scalar(ctx, NUMBER, text, n_bytes);
}

static int on_truth(void *ctx, int is_true)
{
    return scalar(ctx, TRUTH, is_true ? "true" : "false", is_true ? 4 : 5);
}

static int on_null(void *ctx)
{
    return scalar(ctx, NOTHING, "", 0);
}

static int on_key(void *ctx, const unsigned char *key, size_t n_bytes)
{
    struct reader *r = ctx;

    if (r->places[r->depth - 1] == LABELS) {
        if (n_bytes > STORE_MAX_LABEL_BYTES || memchr(key, '\0', n_bytes))
            return bad(r, "a label's name is larger than 4 KiB or holds a NUL character");
        r->label = arena_strndup(r->arena, (const char *)key, n_bytes);
        return 1;
    }
    r->key[0] = '\0';
    if (n_bytes < sizeof(r->key)) {
        memcpy(r->key, key, n_bytes);
        r->key[n_bytes] = '\0';
    }
    return 1;
}

/* What opens here, from what it opens in. Returns false where it may not open. */
static bool open_place(struct reader *r, bool is_array, enum place *out)
{
    static const struct {
        enum place parent;
        const char *key; /* NULL: an element of an array */
        bool is_array;
        enum place place;
    } known[] = {
        {ROOT, "data", false, DATA},      {ROOT, "warnings", true, NOTES},
        {ROOT, "infos", true, NOTES},     {DATA, "result", true, RESULT},
        {RESULT, NULL, false, SERIES},    {SERIES, "metric", false, LABELS},
        {SERIES, "values", true, VALUES}, {SERIES, "histograms", true, HISTOGRAMS},
    };
    enum place parent = r->places[r->depth - 1];

    if (parent == VALUES) { /* by far the most frequent */
        *out = SAMPLE;
        return is_array;
    }
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (known[i].parent == parent && (!known[i].key || strcmp(known[i].key, r->key) == 0)) {
            *out = known[i].place;
            return known[i].is_array == is_array;
        }
    }
    *out = OTHER;
    return parent == ROOT || parent == DATA || parent == SERIES || parent == OTHER;
}

static int open_container(struct reader *r, bool is_array)
{
    enum place place = ROOT;

    if (r->depth == 0 && is_array)
        return bad(r, "it is a list");
    if (r->depth == JSON_MAX_DEPTH)
        return bad(r, "it is nested too deep");
    if (r->depth && r->places[r->depth - 1] == HISTOGRAMS) {
        error_because(r->err, ERR_UPSTREAM, "store_bad_response",
                      "query returns native histograms; wrap it in histogram_quantile(), "
                      "histogram_count(), histogram_sum() or histogram_avg()");
        return 0;
    }
    if (r->depth && !open_place(r, is_array, &place))
        return bad(r, "an object stands where a list should, or the other way round");
    switch (place) {
    case RESULT:
        if (r->has_result)
            return bad(r, "it has two results");
        r->has_result = true;
        break;
    case SERIES:
        r->has_values = false;
        break;
    case VALUES:
        r->has_values = true;
        break;
    case SAMPLE:
        r->n_elements = 0;
        break;
    default:
        break;
    }
    r->places[r->depth++] = place;
    return 1;
}

static int close_container(struct reader *r)
{
    switch (r->places[--r->depth]) {
    case SAMPLE:
        return end_sample(r);
    case SERIES:
        return end_series(r);
    default:
        return 1;
    }
}

static int on_map(void *ctx)
{
    return open_container(ctx, false);
}

static int on_array(void *ctx)
{
    return open_container(ctx, true);
}

static int on_end(void *ctx)
{
    return close_container(ctx);
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_truth,
    .yajl_number = on_number,
    .yajl_string = on_text,
    .yajl_start_map = on_map,
    .yajl_map_key = on_key,
    .yajl_end_map = on_end,
    .yajl_start_array = on_array,
    .yajl_end_array = on_end,
};

/* --- one reply --- */

static enum err_code check_status(struct reader *r)
{
    const char *partial = json_string_value(json_object_get(r->account->options, "partial"));

    if (r->status && strcmp(r->status, "error") == 0) {
        const char *words =
            arena_printf(r->arena, "%s: %s", r->error_type ? r->error_type : "error",
                         r->error_text ? r->error_text : "no reason given");

        return error_because(
            r->err, ERR_UPSTREAM, "store_error", "the query failed: %s",
            collector_shown(r->account, words, strlen(words), STORE_ERROR_BODY_BYTES, r->arena));
    }
    if (!r->status || strcmp(r->status, "success") != 0)
        bad(r, "its \"status\" is not \"success\"");
    else if (!r->has_result)
        bad(r, "it has no \"data.result\" list");
    else if (!r->is_matrix)
        bad(r, "its \"resultType\" is not \"matrix\"");
    else if (r->is_partial && !(partial && strcmp(partial, "keep") == 0))
        return error_because(r->err, ERR_UPSTREAM, "store_error",
                             "the store could give a part of the data only; the account option "
                             "\"partial: keep\" would take it");
    return r->err->code;
}

static enum err_code read_reply(struct reader *r, const struct http_response *reply)
{
    const unsigned char *body = (const unsigned char *)reply->body;
    yajl_handle parser = yajl_alloc(&callbacks, NULL, r);
    yajl_status status;

    r->status = r->error_type = r->error_text = NULL;
    r->has_result = r->is_partial = false;
    r->is_matrix = true; /* until it says otherwise */
    r->depth = 0;
    status = yajl_parse(parser, body, reply->n_body_bytes);
    if (status == yajl_status_ok)
        status = yajl_complete_parse(parser);
    if (status == yajl_status_error) {
        unsigned char *text = yajl_get_error(parser, 0, body, reply->n_body_bytes);

        error_because(r->err, ERR_UPSTREAM, "store_bad_response", "the reply is not JSON: %.*s",
                      (int)strcspn((const char *)text, "\n"), text);
        yajl_free_error(parser, text);
    }
    yajl_free(parser);
    return r->err->code ? r->err->code : check_status(r);
}

/* --- metric sets --- */

static int by_time(const void *a, const void *b)
{
    const struct sample *left = a;
    const struct sample *right = b;

    return (left->time_s > right->time_s) - (left->time_s < right->time_s);
}

static int64_t to_ms(double time_s)
{
    return (int64_t)trunc(time_s * MS_PER_S);
}

/* As Kayenta has it: the values in a row, the step taken from the first two. */
static void fill_as_is(const struct series *series, struct arena *arena, struct metric_set *set)
{
    const struct sample *samples = series->samples;

    if (series->n_samples == 0)
        return; /* the window of the placeholder stands */
    set->n_values = series->n_samples;
    set->values = arena_array(arena, double, set->n_values);
    for (size_t i = 0; i < set->n_values; i++)
        set->values[i] = samples[i].value;
    set->start_unix_ms = to_ms(samples[0].time_s);
    set->step_ms = 0;
    if (series->n_samples > 1) /* whole seconds */
        set->step_ms = (to_ms(samples[1].time_s) - set->start_unix_ms) / MS_PER_S * MS_PER_S;
    set->end_unix_ms = set->start_unix_ms + (int64_t)set->n_values * set->step_ms;
}

/* Each sample in its slot of the grid that was asked for; NaN where there is none. */
static void fill_grid(const struct reader *r, const struct series *series, struct arena *arena,
                      struct metric_set *set)
{
    double start_ms = (double)r->query->scope.start_unix_ns / (double)NS_PER_MS;

    set->n_values = r->n_grid;
    set->values = arena_array(arena, double, r->n_grid);
    for (size_t i = 0; i < r->n_grid; i++)
        set->values[i] = NAN;
    for (size_t i = 0; i < series->n_samples; i++) {
        double slot =
            round((series->samples[i].time_s * MS_PER_S - start_ms) / (double)set->step_ms);

        if (slot >= 0 && slot < (double)r->n_grid)
            set->values[(size_t)slot] = series->samples[i].value;
    }
    set->end_unix_ms = set->start_unix_ms + (int64_t)r->n_grid * set->step_ms;
}

static enum err_code make_sets(struct reader *r, const char *text, struct metric_set_list *out)
{
    struct metric_set_list one = {.arena = out->arena};
    struct metric_set *model; /* what all have in common; one copy of the query, it can be long */

    if (r->account->strict_series && r->n_series && r->n_grid > STORE_MAX_POINTS / r->n_series) {
        too_many(r, "store_too_many_points", "points on the grid of strictSeries",
                 STORE_MAX_POINTS);
        return r->err->code;
    }
    model = collector_placeholder(r->query, text, &one);
    if (r->notes.n_bytes)
        tag_map_put(&model->attributes, out->arena, "warnings",
                    collector_shown(r->account, r->notes.bytes, r->notes.n_bytes,
                                    r->notes.max_bytes, r->arena));
    if (r->n_series == 0)
        *metric_set_list_add(out) = *model;
    for (size_t i = 0; i < r->n_series; i++) {
        struct series *series = &r->series[i];
        struct metric_set *set = metric_set_list_add(out);

        *set = *model;
        for (size_t k = 0; k < series->tags.n_items; k++)
            tag_map_put(&set->tags, out->arena, series->tags.items[k].key,
                        series->tags.items[k].value);
        if (series->is_unsorted) /* glibc's qsort is a merge sort at these sizes: stable */
            qsort(series->samples, series->n_samples, sizeof(*series->samples), by_time);
        if (r->account->strict_series)
            fill_grid(r, series, out->arena, set);
        else
            fill_as_is(series, out->arena, set);
        free(series->samples); /* now, or a large reply would be there three times */
        series->samples = NULL;
    }
    return ERR_OK;
}

enum err_code prometheus_reply_read(const struct account *account, const struct metric_query *query,
                                    const char *text, const struct http_response *replies,
                                    size_t n_replies, struct metric_set_list *out,
                                    struct error *err)
{
    const struct scope *scope = &query->scope;
    struct reader r = {
        .account = account,
        .query = query,
        .arena = arena_create(),
        .err = err,
        .n_points_max = STORE_MAX_POINTS_PER_SERIES,
        .notes.max_bytes = STORE_ERROR_BODY_BYTES,
    };
    enum err_code rc = ERR_OK;

    r.n_grid =
        (size_t)((scope->end_unix_ns - scope->start_unix_ns) / (scope->step_s * NS_PER_S)) + 1;
    if (r.n_grid > r.n_points_max) /* a window of 50,000 steps has one point more */
        r.n_points_max = r.n_grid;
    for (r.n_reply = 0; rc == ERR_OK && r.n_reply < n_replies; r.n_reply++)
        rc = read_reply(&r, &replies[r.n_reply]);
    if (rc == ERR_OK)
        rc = make_sets(&r, text, out);
    for (size_t i = 0; i < r.n_series; i++)
        free(r.series[i].samples);
    free(r.now.samples);
    free(r.series);
    strbuf_clear(&r.notes);
    arena_free(r.arena);
    return rc;
}
