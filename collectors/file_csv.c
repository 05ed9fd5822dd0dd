/* RFC 4180 with a header line that names the columns: time, metric, side, value, and optionally
 * tags (k=v;k2=v2); every further column is a label. Lines are read one by one, so a quoted field
 * does not hold a line break. */
#include "collectors/file_reply.h"

#include "base/instant.h"
#include "base/limits.h"

#include <math.h>
#include <string.h>

#define MAX_COLUMNS 256u
#define SECONDS_BELOW 1e11 /* a larger number is milliseconds */
#define BOM "\xef\xbb\xbf"

enum column { TIME, METRIC, SIDE, VALUE, TAGS, N_KNOWN };

static const char *const known[N_KNOWN] = {"time", "metric", "side", "value", "tags"};

struct table {
    const char *names[MAX_COLUMNS];
    size_t n_columns;
    size_t at[N_KNOWN]; /* MAX_COLUMNS: not there */
};

/* Split one line into fields, unquoted, in `arena`. */
static enum err_code split(struct str line, size_t number, struct arena *arena,
                           const char *fields[MAX_COLUMNS], size_t *n_fields, struct error *err)
{
    const char *in = line.bytes, *end = line.bytes + line.n_bytes;
    char *out = arena_alloc(arena, line.n_bytes + MAX_COLUMNS + 1, 1);

    *n_fields = 0;
    for (;;) {
        bool is_quoted = in < end && *in == '"';

        if (*n_fields == MAX_COLUMNS)
            return file_line_error(number, err, "more than %u fields", MAX_COLUMNS);
        fields[(*n_fields)++] = out;
        in += is_quoted;
        while (in < end && (is_quoted || *in != ',')) {
            if (is_quoted && *in == '"') {
                if (in + 1 < end && in[1] == '"') {
                    in++;
                } else {
                    is_quoted = false;
                    in++;
                    break;
                }
            }
            *out++ = *in++;
        }
        if (is_quoted)
            return file_line_error(number, err, "a quoted field does not end on its line");
        *out++ = '\0';
        if (in == end)
            return ERR_OK;
        if (*in++ != ',')
            return file_line_error(number, err, "text behind a quoted field");
    }
}

static enum err_code read_header(struct table *table, size_t number, struct error *err)
{
    for (size_t k = 0; k < N_KNOWN; k++) {
        table->at[k] = MAX_COLUMNS;
        for (size_t i = 0; i < table->n_columns; i++)
            if (strcmp(table->names[i], known[k]) == 0)
                table->at[k] = i;
        if (table->at[k] == MAX_COLUMNS && k != TAGS)
            return file_line_error(number, err, "column '%s' is missing", known[k]);
    }
    return ERR_OK;
}

static enum err_code read_time(const char *text, size_t line, int64_t *out_ms, struct error *err)
{
    struct error ignored = {0};
    int64_t unix_ns;
    double number;

    if (instant_parse(text, &unix_ns, &ignored) == ERR_OK) {
        *out_ms = unix_ns / NS_PER_MS - (unix_ns % NS_PER_MS < 0);
        return ERR_OK;
    }
    if (!file_number(str_of(text), &number) || !isfinite(number))
        return file_line_error(line, err, "time '%.100s' is neither RFC 3339 nor a number", text);
    if (fabs(number) < SECONDS_BELOW)
        number *= MS_PER_S;
    if (fabs(number) > FILE_MAX_TIME_MS)
        return file_line_error(line, err, "time '%.100s' is beyond the year 2260", text);
    *out_ms = (int64_t)floor(number);
    return ERR_OK;
}

static void add_label(struct file_sample *sample, const char *key, const char *value)
{
    if (*value)
        sample->labels[sample->n_labels++] = (struct file_label){key, value};
}

static enum err_code read_tags(char *text, struct file_sample *sample, size_t max_labels,
                               struct error *err)
{
    while (*text) {
        size_t n = strcspn(text, ";");
        bool is_last = text[n] == '\0';
        char *equals;

        text[n] = '\0';
        equals = strchr(text, '=');
        if (!equals)
            return file_line_error(sample->line, err, "tag '%.100s' has no '='", text);
        if (sample->n_labels == max_labels)
            return file_line_error(sample->line, err, "more than %u labels", STORE_MAX_LABELS);
        *equals = '\0';
        add_label(sample, text, equals + 1);
        text += is_last ? n : n + 1;
    }
    return ERR_OK;
}

static bool is_known_column(const struct table *table, size_t column)
{
    for (size_t k = 0; k < N_KNOWN; k++)
        if (table->at[k] == column)
            return true;
    return false;
}

static enum err_code read_row(struct file_rows *rows, const struct table *table,
                              const char *const *fields, size_t line, struct arena *scratch)
{
    const struct file_question *question = rows->question;
    struct file_label labels[MAX_COLUMNS + STORE_MAX_LABELS];
    struct file_sample sample = {.line = line, .name = fields[table->at[METRIC]], .labels = labels};
    const char *value = fields[table->at[VALUE]];

    if (read_time(fields[table->at[TIME]], line, &sample.time_ms, rows->err))
        return rows->err->code;
    sample.value = NAN;
    if (*value && !file_number(str_of(value), &sample.value))
        return file_line_error(line, rows->err, "value '%.100s' is not a number", value);
    for (size_t i = 0; i < table->n_columns; i++)
        if (!is_known_column(table, i))
            add_label(&sample, table->names[i], fields[i]);
    if (table->at[TAGS] != MAX_COLUMNS && read_tags(arena_strdup(scratch, fields[table->at[TAGS]]),
                                                    &sample, ARRAY_LEN(labels), rows->err))
        return rows->err->code;
    for (size_t i = 0; i < sample.n_labels; i++)
        for (size_t k = i + 1; k < sample.n_labels; k++)
            if (strcmp(labels[i].key, labels[k].key) == 0)
                return file_line_error(line, rows->err, "label '%.100s' comes twice",
                                       labels[i].key);
    if (!question->names && strcmp(file_side(question, fields[table->at[SIDE]]),
                                   file_side(question, question->side)) != 0)
        return ERR_OK;
    return file_rows_take(rows, &sample);
}

enum err_code file_csv_read(struct file_rows *rows, struct str content)
{
    struct file_lines lines = {.rest = content};
    struct table table = {0};
    struct arena *scratch = arena_create();
    const char *fields[MAX_COLUMNS];
    size_t n_fields;
    struct str line;

    if (content.n_bytes >= strlen(BOM) && memcmp(content.bytes, BOM, strlen(BOM)) == 0) {
        lines.rest.bytes += strlen(BOM);
        lines.rest.n_bytes -= strlen(BOM);
    }
    while (!rows->err->code && file_line_next(&lines, &line, rows->err)) {
        bool is_header = table.n_columns == 0;

        if (line.n_bytes == 0 || *line.bytes == '#')
            continue;
        if (split(line, lines.number, is_header ? rows->arena : scratch, fields, &n_fields,
                  rows->err))
            break;
        if (is_header) {
            memcpy(table.names, fields, sizeof(fields));
            table.n_columns = n_fields;
            (void)(read_header(&table, lines.number, rows->err) == ERR_OK);
        } else if (n_fields != table.n_columns) {
            file_line_error(lines.number, rows->err, "%zu fields, header has %zu", n_fields,
                            table.n_columns);
        } else {
            (void)(read_row(rows, &table, fields, lines.number, scratch) == ERR_OK);
            arena_reset(scratch);
        }
    }
    arena_free(scratch);
    if (!rows->err->code && table.n_columns == 0)
        file_line_error(1, rows->err, "column 'time' is missing");
    return rows->err->code;
}
