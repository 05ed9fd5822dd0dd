/* From pages of JSON to series: the account's pointers say where the series are, what their labels
 * are, and in which shape their points come. Equal labels are one series, on whatever page. */
#include "collectors/http_json.h"

#include "base/instant.h"
#include "base/json.h"
#include "base/limits.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_TIME_MS 9.2e12 /* later ones have no nanoseconds in 64 bits */

struct reading {
    const struct account *account;
    const json_t *reply, *points; /* of the configuration */
    struct arena *arena;          /* of the sets */
    struct arena *scratch;        /* of one page */
    struct reply_series_list list;
    struct strbuf key;
    size_t page;      /* from 1 */
    int64_t shift_ms; /* taken off each time: stamp end */
    struct error *err;
};

static const char *text_of(const json_t *object, const char *key, const char *usual)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : usual;
}

static enum err_code bad(struct reading *r, const char *what, const char *pointer)
{
    return error_because(r->err, ERR_UPSTREAM, "store_bad_response",
                         "http-json %s at '%.200s' (page %zu)", what, pointer, r->page);
}

/* --- labels --- */

struct label {
    const char *name, *value;
};

struct labels {
    struct label items[STORE_MAX_LABELS];
    size_t n_items;
};

static bool add_label(struct reading *r, struct labels *labels, const char *name,
                      const json_t *value)
{
    const char *text = json_scalar_text(value, r->scratch);

    if (value && !text && !json_is_null(value)) {
        bad(r, "label is not text", name);
        return false;
    }
    if (labels->n_items == STORE_MAX_LABELS) {
        bad(r, "series has more than 128 labels", name);
        return false;
    }
    labels->items[labels->n_items++] = (struct label){name, text ? text : ""};
    return true;
}

static enum err_code read_labels(struct reading *r, const struct http_json_node *node,
                                 struct labels *out)
{
    const json_t *config = json_object_get(r->reply, "labels");
    const char *list = json_string_value(json_object_get(config, "list"));
    const char *at = json_string_value(config), *name;
    const json_t *found, *one;
    json_t *value;
    size_t i;

    if (list && json_object_get(config, "name") && json_object_get(config, "value")) {
        found = http_json_resolve(node, list, r->scratch);
        json_array_foreach (found, i, one) {
            const struct http_json_node inner = {.node = one};
            const char *label = json_scalar_text(
                http_json_resolve(&inner, text_of(config, "name", ""), r->scratch), r->scratch);

            if (label &&
                !add_label(r, out, label,
                           http_json_resolve(&inner, text_of(config, "value", ""), r->scratch)))
                return r->err->code;
        }
        return ERR_OK;
    }
    if (at) {
        found = http_json_resolve(node, at, r->scratch);
        json_object_foreach ((json_t *)(uintptr_t)found, name, value)
            if (!add_label(r, out, name, value))
                return r->err->code;
        return ERR_OK;
    }
    json_object_foreach ((json_t *)(uintptr_t)config, name, value) {
        const char *pointer = json_string_value(value);

        if (!add_label(r, out, name, pointer ? http_json_resolve(node, pointer, r->scratch) : NULL))
            return r->err->code;
    }
    return ERR_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct label *)a)->name, ((const struct label *)b)->name);
}

/* The series with these labels, begun now unless it was before. */
static struct reply_series *find_series(struct reading *r, struct labels *labels)
{
    struct reply_series *series;

    qsort(labels->items, labels->n_items, sizeof(*labels->items), by_name);
    r->key.n_bytes = 0;
    strbuf_puts(&r->key, "");
    for (size_t i = 0; i < labels->n_items; i++)
        strbuf_printf(&r->key, "%s\x1f%s\x1e", labels->items[i].name, labels->items[i].value);
    for (size_t i = 0; i < r->list.n_items; i++)
        if (strcmp(r->list.items[i].name, r->key.bytes) == 0)
            return &r->list.items[i];
    series = reply_series_add(&r->list);
    if (!series)
        return NULL;
    series->name = arena_strdup(r->arena, r->key.bytes);
    for (size_t i = 0; i < labels->n_items; i++)
        if (!reply_series_add_tag(&r->list, series, labels->items[i].name,
                                  str_of(labels->items[i].value)))
            return NULL;
    return series;
}

/* --- points --- */

/* Digits of the unit as milliseconds, cut toward minus infinity. */
static bool scaled_time(const json_t *value, const char *unit, int64_t *out_ms)
{
    static const struct {
        const char *name;
        int64_t multiply, divide;
    } units[] = {{"s", MS_PER_S, 1}, {"ms", 1, 1}, {"us", 1, 1000}, {"ns", 1, NS_PER_MS}};
    const char *text = json_string_value(value);
    size_t i = 0;
    double number;

    while (i < ARRAY_LEN(units) && strcmp(units[i].name, unit) != 0)
        i++;
    if (i == ARRAY_LEN(units) || (!json_is_number(value) && !text))
        return false;
    if (json_is_integer(value) ||
        (text && *text && strlen(text) <= 18 && strspn(text, "0123456789") == strlen(text))) {
        int64_t whole = text ? strtoll(text, NULL, 10) : json_integer_value(value);
        int64_t cut = whole / units[i].divide - (whole % units[i].divide < 0);

        if (fabs((double)cut) * (double)units[i].multiply > MAX_TIME_MS)
            return false;
        *out_ms = cut * units[i].multiply;
        return true;
    }
    if (!json_to_double(value, &number))
        return false;
    number = floor(number * (double)units[i].multiply / (double)units[i].divide);
    if (!(fabs(number) <= MAX_TIME_MS))
        return false;
    *out_ms = (int64_t)number;
    return true;
}

static bool read_time(struct reading *r, const json_t *value, int64_t *out_ms)
{
    const char *unit = text_of(r->reply, "timeUnit", "s");
    struct error ignored = {0};
    int64_t unix_ns;

    if (strcmp(unit, "rfc3339") != 0)
        return scaled_time(value, unit, out_ms);
    if (!json_is_string(value) || instant_parse(json_string_value(value), &unix_ns, &ignored))
        return false;
    *out_ms = unix_ns / NS_PER_MS - (unix_ns % NS_PER_MS < 0);
    return true;
}

static bool read_value(const json_t *value, double *out)
{
    static const char *const infinities[] = {"inf",      "+inf",      "-inf",
                                             "infinity", "+infinity", "-infinity"};
    const char *text = json_string_value(value);

    *out = NAN;
    if (!value || json_is_null(value) || (text && (!*text || strcasecmp(text, "nan") == 0)))
        return true;
    for (size_t i = 0; text && i < ARRAY_LEN(infinities); i++) {
        if (strcasecmp(infinities[i], text) == 0) {
            *out = *text == '-' ? -INFINITY : INFINITY;
            return true;
        }
    }
    return (json_is_number(value) || text) && json_to_double(value, out);
}

static enum err_code add_point(struct reading *r, struct reply_series *series, const json_t *time,
                               const json_t *value, const char *pointer)
{
    int64_t time_ms;
    double number;

    if (!read_time(r, time, &time_ms))
        return bad(r, "time is not one", pointer);
    if (!read_value(value, &number))
        return bad(r, "value is not a number", pointer);
    return reply_series_add_point(&r->list, series, time_ms - r->shift_ms, number) ? ERR_OK
                                                                                   : r->err->code;
}

static size_t index_of(const json_t *points, const char *key, size_t usual)
{
    const json_t *value = json_object_get(points, key);
    double number;

    return value && json_to_double(value, &number) && number >= 0 && number < 100 ? (size_t)number
                                                                                  : usual;
}

static enum err_code read_pairs(struct reading *r, const json_t *list, const char *at,
                                struct reply_series *series)
{
    size_t time = index_of(r->points, "time", 0), value = index_of(r->points, "value", 1), i;
    const json_t *point;

    if (!json_is_array(list))
        return bad(r, "points are not an array", at);
    json_array_foreach (list, i, point) {
        if (!json_is_array(point))
            return bad(r, "point is not an array", at);
        if (add_point(r, series, json_array_get(point, time), json_array_get(point, value), at))
            return r->err->code;
    }
    return ERR_OK;
}

static enum err_code read_objects(struct reading *r, const json_t *list, const char *at,
                                  struct reply_series *series)
{
    const char *time = text_of(r->points, "time", ""), *value = text_of(r->points, "value", "");
    const json_t *point;
    size_t i;

    if (!json_is_array(list))
        return bad(r, "points are not an array", at);
    json_array_foreach (list, i, point) {
        const struct http_json_node inner = {.node = point};

        if (!json_is_object(point))
            return bad(r, "point is not an object", at);
        if (add_point(r, series, http_json_resolve(&inner, time, r->scratch),
                      http_json_resolve(&inner, value, r->scratch), at))
            return r->err->code;
    }
    return ERR_OK;
}

static enum err_code read_map(struct reading *r, const json_t *map, const char *at,
                              struct reply_series *series)
{
    const char *pointer = json_string_value(json_object_get(r->points, "value")), *name;
    json_t *value;

    if (!json_is_object(map))
        return bad(r, "points are not an object", at);
    json_object_foreach ((json_t *)(uintptr_t)map, name, value) {
        const struct http_json_node inner = {.node = value};
        json_auto_t *time = json_string(name);

        if (add_point(r, series, time,
                      pointer ? http_json_resolve(&inner, pointer, r->scratch) : value, at))
            return r->err->code;
    }
    return ERR_OK;
}

static enum err_code read_columns(struct reading *r, const struct http_json_node *node,
                                  struct reply_series *series)
{
    const char *time_at = text_of(r->points, "time", ""),
               *value_at = text_of(r->points, "value", "");
    const json_t *times = http_json_resolve(node, time_at, r->scratch);
    const json_t *values = http_json_resolve(node, value_at, r->scratch);

    if (!times || !values)
        return error_because(r->err, ERR_UPSTREAM, "store_bad_response",
                             "http-json points not found at '%.200s'", times ? value_at : time_at);
    if ((!json_is_array(times) && !json_is_null(times)) ||
        (!json_is_array(values) && !json_is_null(values)))
        return bad(r, "column is not an array", time_at);
    if (json_array_size(times) != json_array_size(values))
        return error_because(r->err, ERR_UPSTREAM, "store_bad_response",
                             "http-json columns differ in length: %zu times, %zu values",
                             json_array_size(times), json_array_size(values));
    for (size_t i = 0; i < json_array_size(times); i++)
        if (add_point(r, series, json_array_get(times, i), json_array_get(values, i), value_at))
            return r->err->code;
    return ERR_OK;
}

static bool take_node(const struct http_json_node *node, void *ctx)
{
    struct reading *r = ctx;
    const char *shape = text_of(r->points, "shape", ""), *at = text_of(r->points, "at", "");
    struct labels labels;
    struct reply_series *series;
    const json_t *points;

    labels.n_items = 0;
    if (read_labels(r, node, &labels))
        return false;
    series = find_series(r, &labels);
    if (!series)
        return false;
    if (strcmp(shape, "columns") == 0)
        return read_columns(r, node, series) == ERR_OK;
    points = http_json_resolve(node, at, r->scratch);
    if (!points) {
        error_because(r->err, ERR_UPSTREAM, "store_bad_response",
                      "http-json points not found at '%.200s'", at);
        return false;
    }
    if (json_is_null(points))
        return true;
    if (strcmp(shape, "map") == 0)
        return read_map(r, points, at, series) == ERR_OK;
    if (strcmp(shape, "objects") == 0)
        return read_objects(r, points, at, series) == ERR_OK;
    return read_pairs(r, points, at, series) == ERR_OK;
}

/* --- pages --- */

static bool is_empty(const json_t *value)
{
    return !value || json_is_null(value) || json_is_false(value) ||
           (json_is_string(value) && json_string_length(value) == 0) ||
           (json_is_array(value) && json_array_size(value) == 0) ||
           (json_is_object(value) && json_object_size(value) == 0);
}

/* What the first of reply.error that leads to anything says; NULL: none does. */
static const char *words_at(const json_t *reply, const json_t *root, struct arena *arena)
{
    const struct http_json_node start = {.node = root};
    const json_t *pointer;
    size_t i;

    json_array_foreach (json_object_get(reply, "error"), i, pointer) {
        const char *at = json_string_value(pointer);
        const json_t *found = at ? http_json_resolve(&start, at, arena) : NULL;
        const char *words;

        if (is_empty(found))
            continue;
        words = json_scalar_text(found, arena);
        return words ? words : json_write_arena(found, arena);
    }
    return NULL;
}

/* A store may say that it failed in a reply that says it did not. */
static enum err_code check_errors(struct reading *r, const json_t *root)
{
    const char *words = words_at(r->reply, root, r->scratch);

    if (!words)
        return ERR_OK;
    return error_because(
        r->err, ERR_UPSTREAM, "store_error", "%s",
        collector_shown(r->account, words, strlen(words), STORE_ERROR_BODY_BYTES, r->arena));
}

const char *http_json_error_text(const struct account *account, const struct http_response *reply,
                                 struct arena *arena)
{
    json_t *requests = json_object_get(account->options, "requests"), *request;
    json_t *root = collector_error_json(reply);
    const char *name, *words = NULL;

    if (!root)
        return NULL;
    json_keep(root, arena);
    json_object_foreach (requests, name, request) {
        words = words_at(json_object_get(request, "reply"), root, arena);
        if (words)
            break;
    }
    return words;
}

static enum err_code read_page(struct reading *r, const struct http_response *reply)
{
    struct error why = {0};
    json_t *root = NULL;

    r->page++;
    if (json_read((struct str){reply->body, reply->n_body_bytes}, &json_limits_tree, &root, &why))
        return error_because(r->err, ERR_UPSTREAM, "store_bad_response",
                             "http-json reply is not JSON: %s", why.message);
    json_keep(root, r->scratch);
    if (check_errors(r, root) == ERR_OK &&
        http_json_walk(root, text_of(r->reply, "series", ""), r->scratch, take_node, r, r->err) ==
            ERR_OK)
        return r->err->code; /* take_node() may have stopped it */
    return r->err->code;
}

/* --- sets --- */

static struct metric_set *add_set(struct reading *r, const struct metric_query *query,
                                  const char *text, const struct grid *grid,
                                  struct metric_set_list *out)
{
    struct metric_set *set = metric_set_list_add(out);

    set->name = arena_strdup(r->arena, query->metric_name);
    grid_frame(grid, set);
    tag_map_put(&set->attributes, r->arena, "query", text);
    return set;
}

static enum err_code make_sets(struct reading *r, const struct metric_query *query,
                               const char *text, const struct grid *grid,
                               struct metric_set_list *out)
{
    bool has_grid = strcmp(text_of(r->reply, "grid", "aligned"), "none") != 0;
    enum grid_reduce reduce;
    size_t n_numbers;

    if (!grid_reduce_find(text_of(r->reply, "reduce", NULL), &reduce))
        reduce = GRID_LAST; /* refused when the account was read */
    if (has_grid && r->list.n_items * grid->n_slots > STORE_MAX_POINTS)
        return error_because(r->err, ERR_UPSTREAM, "store_too_many_points",
                             "the reply has more than %u points on its grids", STORE_MAX_POINTS);
    for (size_t i = 0; i < r->list.n_items; i++) {
        struct reply_series *series = &r->list.items[i];
        struct metric_set *set;

        if (series->n_points == 0)
            continue;
        reply_series_sort(series);
        set = add_set(r, query, text, grid, out);
        set->tags = series->tags;
        if (has_grid) {
            set->values = grid_values(grid, series, reduce, r->arena, &n_numbers);
            set->n_values = grid->n_slots;
        } else {
            set->values = reply_series_values(series, r->arena);
            set->n_values = series->n_points;
            set->start_unix_ms = series->points[0].time_ms;
            set->end_unix_ms = series->points[series->n_points - 1].time_ms + grid->step_ms;
        }
    }
    if (out->n_sets == 0)
        add_set(r, query, text, grid, out);
    return ERR_OK;
}

enum err_code http_json_read(const struct account *account, const struct metric_query *query,
                             const struct http_json *chosen, const char *text,
                             const struct http_response *replies, size_t n_replies,
                             struct metric_set_list *out, struct error *err)
{
    const json_t *reply = json_object_get(chosen->request, "reply");
    struct reading r = {
        .account = account,
        .reply = reply,
        .points = json_object_get(reply, "points"),
        .arena = out->arena,
        .scratch = arena_create(),
        .list = {.arena = out->arena, .err = err},
        .err = err,
    };
    struct grid grid;

    if (http_json_window(chosen, &query->scope, &grid, err))
        err->code = ERR_UPSTREAM; /* was fine when it was asked */
    if (strcmp(text_of(reply, "stamp", "start"), "end") == 0)
        r.shift_ms = grid.step_ms;
    for (size_t i = 0; i < n_replies && !err->code; i++) {
        (void)(read_page(&r, &replies[i]) == ERR_OK);
        arena_reset(r.scratch);
    }
    if (!err->code)
        (void)(make_sets(&r, query, text, &grid, out) == ERR_OK);
    reply_series_clear(&r.list);
    strbuf_clear(&r.key);
    arena_free(r.scratch);
    return err->code;
}
