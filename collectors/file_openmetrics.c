/* OpenMetrics 1.0 text: name{label="value"} value timestamp, comments, and "# EOF" at the end. The
 * timestamp must be there: a file without one holds no series. With is_in_ms it is the older text
 * format of Prometheus, whose times are milliseconds and which has no end mark. */
#include "collectors/file_reply.h"

#include "base/instant.h"
#include "base/limits.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

struct cursor {
    const char *at, *end;
    size_t line;
    struct arena *arena; /* of one line */
    struct error *err;
};

static enum err_code no_sample(const struct cursor *c)
{
    return file_line_error(c->line, c->err, "not a sample");
}

static void skip_spaces(struct cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t'))
        c->at++;
}

static bool take(struct cursor *c, char wanted)
{
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

static const char *read_name(struct cursor *c)
{
    const char *start = c->at;

    while (c->at < c->end &&
           (isalnum((unsigned char)*c->at) || *c->at == '_' || *c->at == ':' || *c->at == '.'))
        c->at++;
    return c->at > start ? arena_strndup(c->arena, start, (size_t)(c->at - start)) : NULL;
}

/* {label="value",...}, from behind the brace; {"name",...} gives the sample's name. */
static enum err_code read_labels(struct cursor *c, struct file_sample *sample)
{
    size_t capacity = 0;

    for (skip_spaces(c); !take(c, '}'); skip_spaces(c)) {
        bool is_quoted = take(c, '"');
        const char *key = is_quoted ? file_quoted_read(&c->at, c->end, c->arena) : read_name(c);
        const char *value;

        if (!key)
            return no_sample(c);
        skip_spaces(c);
        if (take(c, '=')) {
            skip_spaces(c);
            value = take(c, '"') ? file_quoted_read(&c->at, c->end, c->arena) : NULL;
            if (!value)
                return no_sample(c);
            if (sample->n_labels == STORE_MAX_LABELS)
                return file_line_error(c->line, c->err, "more than %u labels", STORE_MAX_LABELS);
            for (size_t i = 0; i < sample->n_labels; i++)
                if (strcmp(sample->labels[i].key, key) == 0)
                    return file_line_error(c->line, c->err, "label '%.100s' comes twice", key);
            sample->labels = arena_grow(c->arena, sample->labels, sample->n_labels, &capacity,
                                        sizeof(*sample->labels));
            if (*value)
                sample->labels[sample->n_labels++] = (struct file_label){key, value};
        } else if (is_quoted && !sample->name) {
            sample->name = key;
        } else {
            return no_sample(c);
        }
        skip_spaces(c);
        if (!take(c, ',') && (c->at == c->end || *c->at != '}'))
            return no_sample(c);
    }
    return ERR_OK;
}

static struct str read_word(struct cursor *c)
{
    const char *start;

    skip_spaces(c);
    start = c->at;
    while (c->at < c->end && *c->at != ' ' && *c->at != '\t')
        c->at++;
    return (struct str){start, (size_t)(c->at - start)};
}

static enum err_code read_sample(struct cursor *c, bool is_in_ms, struct file_sample *sample)
{
    struct str value, time;
    double number;

    *sample = (struct file_sample){.line = c->line};
    sample->name = read_name(c);
    skip_spaces(c);
    if (take(c, '{') && read_labels(c, sample))
        return c->err->code;
    value = read_word(c);
    if (!sample->name || !file_number(value, &sample->value))
        return no_sample(c);
    time = read_word(c);
    if (time.n_bytes == 0 || *time.bytes == '#')
        return file_line_error(c->line, c->err, "sample without a timestamp");
    if (!file_number(time, &number) || !isfinite(number))
        return no_sample(c);
    if (!is_in_ms)
        number *= MS_PER_S;
    if (fabs(number) > FILE_MAX_TIME_MS)
        return file_line_error(c->line, c->err, "time '" STR_FMT "' is beyond the year 2260",
                               STR_ARG(time));
    sample->time_ms = (int64_t)floor(number);
    skip_spaces(c);
    if (c->at < c->end && *c->at != '#') /* an exemplar may follow */
        return no_sample(c);
    return ERR_OK;
}

/* Of the side that the question is about. */
static bool is_of_side(const struct file_question *question, const struct file_sample *sample)
{
    if (question->names || !question->side_label)
        return true;
    for (size_t i = 0; i < sample->n_labels; i++)
        if (strcmp(sample->labels[i].key, question->side_label) == 0)
            return strcmp(sample->labels[i].value, question->side) == 0;
    return question->side[0] == '\0';
}

enum err_code file_openmetrics_read(struct file_rows *rows, struct str content)
{
    const struct file_question *question = rows->question;
    struct file_lines lines = {.rest = content};
    struct arena *scratch = arena_create();
    bool has_ended = false;
    struct str line;

    while (!rows->err->code && file_line_next(&lines, &line, rows->err)) {
        struct cursor c = {line.bytes, line.bytes + line.n_bytes, lines.number, scratch, rows->err};
        struct file_sample sample;

        if (has_ended)
            file_line_error(lines.number, rows->err, "text after # EOF");
        else if (str_is(line, "# EOF"))
            has_ended = true;
        else if (line.n_bytes && *line.bytes != '#' &&
                 read_sample(&c, question->is_in_ms, &sample) == ERR_OK &&
                 is_of_side(question, &sample) && file_rows_take(rows, &sample))
            break;
        arena_reset(scratch);
    }
    arena_free(scratch);
    if (!rows->err->code && !has_ended && !question->is_in_ms)
        error_because(rows->err, ERR_UPSTREAM, "store_bad_response", "file ends without # EOF");
    return rows->err->code;
}
