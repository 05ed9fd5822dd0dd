/* collectors/file_reply.h -- what the file store makes of a file's content. One question, three
 * formats; file_csv.c, file_openmetrics.c and file_bundle.c read one each. */
#ifndef COLLECTORS_FILE_REPLY_H
#define COLLECTORS_FILE_REPLY_H

#include "base/metric_set.h"
#include "collectors/file_selector.h"
#include "collectors/grid.h"
#include "collectors/metric_query.h"

#define FILE_MAX_TIME_MS 9.2e12 /* later ones have no nanoseconds in 64 bits */

enum file_transform { FILE_AS_IS, FILE_RATE, FILE_INCREASE };

struct file_question {
    const struct metric_query *query;
    const json_t *sides; /* {baseline: [name, ..], canary: [..]}: other names; may be NULL */
    const char *text;    /* the query text */
    const char *path;    /* for messages */
    struct file_selector selector;
    const char *side;       /* as the scope says; "" for none */
    const char *side_label; /* OpenMetrics: the label that says the side; NULL: none does */
    bool is_in_ms;          /* OpenMetrics: so are its times, and it need not end with # EOF */
    bool is_window_of_data;
    enum grid_reduce reduce;
    enum file_transform transform;
    json_t *names; /* not NULL: only the names of the series are wanted, as members of this object
                    */
};

/* "baseline" and "canary" for all their names, any other text as it is. */
const char *file_side(const struct file_question *question, const char *name);

/* --- series of rows --- */

struct file_sample {
    size_t line;
    int64_t time_ms;
    double value;
    const char *name;
    struct file_label *labels; /* those with a value */
    size_t n_labels;
};

struct file_series;

struct file_rows {
    const struct file_question *question;
    struct arena *arena; /* of the sets */
    struct error *err;
    struct file_series *series; /* owned */
    size_t n_series, capacity, n_points, last;
    struct strbuf key;
};

/* One sample of the question's side, taken if its series is meant. */
MUST_CHECK enum err_code file_rows_take(struct file_rows *rows, const struct file_sample *sample);

/* What was taken, as metric sets. */
MUST_CHECK enum err_code file_rows_finish(struct file_rows *rows, struct metric_set_list *out);
void file_rows_clear(struct file_rows *rows);

/* --- lines --- */

struct file_lines {
    struct str rest;
    size_t number; /* of the line read last, from 1 */
};

/* The next line without its end. False: there is none, or an error (not UTF-8, over 64 KiB). */
bool file_line_next(struct file_lines *lines, struct str *out, struct error *err);

/* ERR_UPSTREAM, reason store_bad_response: "line <n>: ..." */
enum err_code file_line_error(size_t line, struct error *err, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* A number; NaN and infinities in any case. */
bool file_number(struct str text, double *out);

/* --- formats --- */

MUST_CHECK enum err_code file_csv_read(struct file_rows *rows, struct str content);
MUST_CHECK enum err_code file_openmetrics_read(struct file_rows *rows, struct str content);
MUST_CHECK enum err_code file_bundle_read(const struct file_question *question, struct str content,
                                          struct metric_set_list *out, struct error *err);

#endif
