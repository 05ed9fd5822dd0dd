/* base/log.h -- structured events on stderr: one JSON object a line, past tense, fields not
 * sentences. Control characters are escaped; a line is cut at LOG_LINE_BYTES. Any thread. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_BYTES 8192u

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

struct log;

struct log_field {
    enum { LOG_FIELD_TEXT, LOG_FIELD_I64 } kind;
    const char *key;
    const char *text;
    int64_t i64;
};

#define LOG_STR(k, v) ((struct log_field){LOG_FIELD_TEXT, (k), (v), 0})
#define LOG_I64(k, v) ((struct log_field){LOG_FIELD_I64, (k), NULL, (int64_t)(v)})

struct log *log_create(enum log_level level);
void log_free(struct log *log);

/* A NULL log writes nothing. A text field that is NULL is left out. */
void log_event(struct log *log, enum log_level level, const char *event,
               const struct log_field *fields, size_t n_fields);

#define log_at(log, level, event, ...)                                                             \
    log_event((log), (level), (event), (const struct log_field[]){__VA_ARGS__},                    \
              sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))
#define log_error(log, ...) log_at((log), LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(log, ...) log_at((log), LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(log, ...) log_at((log), LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(log, ...) log_at((log), LOG_LEVEL_DEBUG, __VA_ARGS__)

/* Lines written at each level so far, for /metrics. */
uint64_t log_count(const struct log *log, enum log_level level);

#endif
