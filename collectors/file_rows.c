/* Samples come in any order; series are told apart by the labels that are left once those fixed by
 * the selector are gone. In the end each series is sorted by time, made into rates where that is
 * asked for, and put on the window's grid. */
#include "collectors/file_reply.h"

#include "base/instant.h"
#include "base/limits.h"
#include "base/number.h"
#include "collectors/collector.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_LINE_BYTES (64u * KIB)

struct file_point {
    int64_t time_ms;
    double value;
    size_t line;
};

struct file_series {
    const char *key; /* all its tags */
    struct tag_map tags;
    struct file_point *points; /* owned */
    size_t n_points, capacity;
};

/* --- sides --- */

static bool is_listed(const json_t *names, const char *name)
{
    const json_t *one;
    size_t i;

    if (json_is_string(names))
        return strcmp(json_string_value(names), name) == 0;
    json_array_foreach (names, i, one)
        if (json_is_string(one) && strcmp(json_string_value(one), name) == 0)
            return true;
    return false;
}

const char *file_side(const struct file_question *question, const char *name)
{
    if (strcmp(name, "control") == 0 ||
        is_listed(json_object_get(question->sides, "baseline"), name))
        return "baseline";
    if (strcmp(name, "experiment") == 0 ||
        is_listed(json_object_get(question->sides, "canary"), name))
        return "canary";
    return name;
}

/* --- lines --- */

enum err_code file_line_error(size_t line, struct error *err, const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return error_because(err, ERR_UPSTREAM, "store_bad_response", "line %zu: %s", line, text);
}

static bool is_utf8(struct str text)
{
    for (size_t n; text.n_bytes > 0; text.bytes += n, text.n_bytes -= n) {
        n = str_utf8_length(text.bytes, text.n_bytes);
        if (n == 0 || *text.bytes == '\0')
            return false;
    }
    return true;
}

bool file_line_next(struct file_lines *lines, struct str *out, struct error *err)
{
    const char *end;

    if (lines->rest.n_bytes == 0)
        return false;
    end = memchr(lines->rest.bytes, '\n', lines->rest.n_bytes);
    *out = (struct str){lines->rest.bytes,
                        end ? (size_t)(end - lines->rest.bytes) : lines->rest.n_bytes};
    lines->rest.bytes += out->n_bytes + (end != NULL);
    lines->rest.n_bytes -= out->n_bytes + (end != NULL);
    lines->number++;
    if (out->n_bytes > MAX_LINE_BYTES) {
        file_line_error(lines->number, err, "longer than 64 KiB");
        return false;
    }
    if (!is_utf8(*out)) {
        file_line_error(lines->number, err, "not UTF-8");
        return false;
    }
    if (out->n_bytes && out->bytes[out->n_bytes - 1] == '\r')
        out->n_bytes--;
    return true;
}

bool file_number(struct str text, double *out)
{
    static const struct {
        const char *text;
        double value;
    } words[] = {{"nan", NAN},
                 {"inf", INFINITY},
                 {"+inf", INFINITY},
                 {"-inf", -INFINITY},
                 {"infinity", INFINITY},
                 {"+infinity", INFINITY},
                 {"-infinity", -INFINITY}};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strlen(words[i].text) == text.n_bytes &&
            strncasecmp(words[i].text, text.bytes, text.n_bytes) == 0) {
            *out = words[i].value;
            return true;
        }
    }
    return number_parse(text.bytes, text.n_bytes, out);
}

/* --- taking samples --- */

static bool is_tag(const struct file_question *question, const char *key)
{
    return !file_selector_fixes(&question->selector, key) &&
           !(question->side_label && strcmp(question->side_label, key) == 0);
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct file_label *)a)->key, ((const struct file_label *)b)->key);
}

/* All tags as one text; 0x1f and 0x1e stand in no label that anybody means. */
static void write_key(struct file_rows *rows, const struct file_sample *sample)
{
    rows->key.n_bytes = 0;
    strbuf_puts(&rows->key, "");
    if (sample->n_labels)
        qsort(sample->labels, sample->n_labels, sizeof(*sample->labels), by_key);
    for (size_t i = 0; i < sample->n_labels; i++)
        if (is_tag(rows->question, sample->labels[i].key))
            strbuf_printf(&rows->key, "%s\x1f%s\x1e", sample->labels[i].key,
                          sample->labels[i].value);
}

static enum err_code add_series(struct file_rows *rows, const struct file_sample *sample)
{
    struct file_series *series;

    if (rows->n_series == STORE_MAX_SERIES)
        return error_because(rows->err, ERR_UPSTREAM, "store_too_many_series",
                             "the file has more than %u series that the query is about",
                             STORE_MAX_SERIES);
    if (rows->n_series == rows->capacity) {
        rows->capacity = rows->capacity ? rows->capacity * 2 : 8;
        rows->series = mem_realloc(rows->series, rows->capacity, sizeof(*rows->series));
    }
    rows->last = rows->n_series++;
    series = &rows->series[rows->last];
    *series = (struct file_series){.key = arena_strdup(rows->arena, rows->key.bytes)};
    for (size_t i = 0; i < sample->n_labels; i++)
        if (is_tag(rows->question, sample->labels[i].key))
            tag_map_put(&series->tags, rows->arena, sample->labels[i].key, sample->labels[i].value);
    return ERR_OK;
}

static enum err_code find_series(struct file_rows *rows, const struct file_sample *sample)
{
    write_key(rows, sample);
    if (rows->n_series && strcmp(rows->series[rows->last].key, rows->key.bytes) == 0)
        return ERR_OK;
    for (size_t i = 0; i < rows->n_series; i++) {
        if (strcmp(rows->series[i].key, rows->key.bytes) == 0) {
            rows->last = i;
            return ERR_OK;
        }
    }
    return add_series(rows, sample);
}

enum err_code file_rows_take(struct file_rows *rows, const struct file_sample *sample)
{
    const struct file_question *question = rows->question;
    struct file_series *series;

    if (question->names) {
        json_object_set_new(question->names, sample->name, json_true());
        return ERR_OK;
    }
    if (strcmp(sample->name, question->selector.name) != 0 ||
        !file_selector_matches(&question->selector, sample->labels, sample->n_labels))
        return ERR_OK;
    if (sample->n_labels > STORE_MAX_LABELS)
        return file_line_error(sample->line, rows->err, "more than %u labels", STORE_MAX_LABELS);
    if (find_series(rows, sample))
        return rows->err->code;
    series = &rows->series[rows->last];
    if (rows->n_points == STORE_MAX_POINTS)
        return error_because(rows->err, ERR_UPSTREAM, "store_too_many_points",
                             "the file has more than %u points that the query is about",
                             STORE_MAX_POINTS);
    if (series->n_points == series->capacity) {
        series->capacity = series->capacity ? series->capacity * 2 : 64;
        series->points = mem_realloc(series->points, series->capacity, sizeof(*series->points));
    }
    series->points[series->n_points++] =
        (struct file_point){sample->time_ms, sample->value, sample->line};
    rows->n_points++;
    return ERR_OK;
}

/* --- making sets --- */

static int by_time(const void *a, const void *b)
{
    const struct file_point *left = a, *right = b;
    int order = (left->time_ms > right->time_ms) - (left->time_ms < right->time_ms);

    return order ? order : (left->line > right->line) - (left->line < right->line);
}

static enum err_code sort_points(struct file_series *series, struct error *err)
{
    qsort(series->points, series->n_points, sizeof(*series->points), by_time);
    for (size_t i = 1; i < series->n_points; i++)
        if (series->points[i].time_ms == series->points[i - 1].time_ms)
            return file_line_error(series->points[i].line, err,
                                   "same time, metric, side and labels as line %zu",
                                   series->points[i - 1].line);
    return ERR_OK;
}

/* What a counter has grown by between neighbours, at the time of the later one. A smaller value
 * means that it began anew; NaN on either side says nothing. */
static double growth(const struct file_point *point, enum file_transform transform)
{
    double increase =
        point->value < point[-1].value ? point->value : point->value - point[-1].value;

    if (isnan(point->value) || isnan(point[-1].value))
        return NAN;
    return transform == FILE_RATE
               ? increase * MS_PER_S / (double)(point->time_ms - point[-1].time_ms)
               : increase;
}

static struct reply_series transformed(const struct file_series *series,
                                       enum file_transform transform, struct arena *arena)
{
    struct reply_series out = {.points = arena_array(arena, struct reply_point, series->n_points)};

    for (size_t i = 0; i < series->n_points; i++) {
        const struct file_point *point = &series->points[i];

        if (transform == FILE_AS_IS)
            out.points[out.n_points++] = (struct reply_point){point->time_ms, point->value};
        else if (i > 0)
            out.points[out.n_points++] =
                (struct reply_point){point->time_ms, growth(point, transform)};
    }
    return out;
}

/* The window that the points themselves have; that of the scope when there are none. */
static enum err_code choose_grid(const struct file_rows *rows, struct grid *out)
{
    const struct scope *scope = &rows->question->query->scope;
    struct scope window = *scope;
    int64_t first_ms = INT64_MAX, last_ms = INT64_MIN, step_ns = scope->step_s * NS_PER_S;

    for (size_t i = 0; i < rows->n_series; i++) {
        const struct file_series *series = &rows->series[i];

        if (series->points[0].time_ms < first_ms)
            first_ms = series->points[0].time_ms;
        if (series->points[series->n_points - 1].time_ms > last_ms)
            last_ms = series->points[series->n_points - 1].time_ms;
    }
    if (rows->question->is_window_of_data && rows->n_series) {
        window.start_unix_ns = first_ms * NS_PER_MS;
        window.start_unix_ns -= (window.start_unix_ns % step_ns + step_ns) % step_ns;
        window.end_unix_ns = last_ms * NS_PER_MS;
        window.end_unix_ns -= (window.end_unix_ns % step_ns + step_ns) % step_ns;
        window.end_unix_ns += step_ns;
    }
    if (grid_of_scope(&window, scope->step_s, true, out, rows->err)) {
        if (rows->question->is_window_of_data)
            rows->err->code = ERR_UPSTREAM; /* the file is to blame, not the request */
        return rows->err->code;
    }
    return ERR_OK;
}

static void add_set(const struct file_question *question, const struct grid *grid,
                    const struct tag_map *tags, double *values, size_t n_values,
                    struct metric_set_list *out)
{
    struct metric_set *set = metric_set_list_add(out);

    set->name = arena_strdup(out->arena, question->query->metric_name);
    if (tags)
        set->tags = *tags;
    grid_frame(grid, set);
    set->values = values;
    set->n_values = n_values;
    tag_map_put(&set->attributes, out->arena, "query", question->text);
}

enum err_code file_rows_finish(struct file_rows *rows, struct metric_set_list *out)
{
    const struct file_question *question = rows->question;
    struct grid grid;
    struct arena *scratch;

    for (size_t i = 0; i < rows->n_series; i++)
        if (sort_points(&rows->series[i], rows->err))
            return rows->err->code;
    if (choose_grid(rows, &grid))
        return rows->err->code;
    if (rows->n_series * grid.n_slots > STORE_MAX_POINTS)
        return error_because(rows->err, ERR_UPSTREAM, "store_too_many_points",
                             "the series have more than %u points in the window", STORE_MAX_POINTS);
    scratch = arena_create();
    for (size_t i = 0; i < rows->n_series; i++) {
        struct reply_series points = transformed(&rows->series[i], question->transform, scratch);
        size_t n_numbers;
        double *values = grid_values(&grid, &points, question->reduce, out->arena, &n_numbers);

        if (n_numbers)
            add_set(question, &grid, &rows->series[i].tags, values, grid.n_slots, out);
        arena_reset(scratch);
    }
    arena_free(scratch);
    if (out->n_sets == 0)
        add_set(question, &grid, NULL, NULL, 0, out);
    return ERR_OK;
}

void file_rows_clear(struct file_rows *rows)
{
    for (size_t i = 0; i < rows->n_series; i++)
        free(rows->series[i].points);
    free(rows->series);
    strbuf_clear(&rows->key);
    rows->series = NULL;
    rows->n_series = rows->capacity = 0;
}
