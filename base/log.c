#include "base/log.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/str.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define N_LEVELS (LOG_LEVEL_DEBUG + 1)

struct log {
    enum log_level level;
    atomic_uint_fast64_t counts[N_LEVELS];
};

static const char *const level_names[N_LEVELS] = {"error", "warn", "info", "debug"};

struct log *log_create(enum log_level level)
{
    struct log *log = mem_alloc(1, sizeof(*log));

    log->level = level;
    return log;
}

void log_free(struct log *log)
{
    free(log);
}

static void put_text(struct strbuf *line, const char *text)
{
    strbuf_puts(line, "\"");
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\')
            strbuf_printf(line, "\\%c", *c);
        else if (*c < 0x20 || *c == 0x7f)
            strbuf_printf(line, "\\u%04x", *c);
        else
            strbuf_append(line, (const char *)c, 1);
    }
    strbuf_puts(line, "\"");
}

void log_event(struct log *log, enum log_level level, const char *event,
               const struct log_field *fields, size_t n_fields)
{
    struct strbuf line = {.max_bytes = LOG_LINE_BYTES};
    char now[INSTANT_TEXT_BYTES];
    ssize_t ignored;

    if (!log || level > log->level)
        return;
    atomic_fetch_add(&log->counts[level], 1);
    strbuf_printf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":",
                  instant_text(clock_wall_ms() * NS_PER_MS, now), level_names[level]);
    put_text(&line, event);
    for (size_t i = 0; i < n_fields; i++) {
        const struct log_field *field = &fields[i];
        size_t before = line.n_bytes;

        if (field->kind == LOG_FIELD_TEXT && !field->text)
            continue;
        strbuf_puts(&line, ",");
        put_text(&line, field->key);
        strbuf_puts(&line, ":");
        if (field->kind == LOG_FIELD_I64)
            strbuf_printf(&line, "%" PRId64, field->i64);
        else
            put_text(&line, field->text);
        if (line.n_bytes > LOG_LINE_BYTES - 32 || line.is_full) { /* drop it whole, keep the JSON */
            line.n_bytes = before;
            line.is_full = false;
            strbuf_puts(&line, ",\"cut\":true");
            break;
        }
    }
    strbuf_puts(&line, "}\n");
    ignored = write(STDERR_FILENO, line.bytes, line.n_bytes); /* one write: lines do not mix */
    (void)ignored; /* a full log must not stop the work */
    strbuf_clear(&line);
}

uint64_t log_count(const struct log *log, enum log_level level)
{
    return log ? atomic_load(&log->counts[level]) : 0;
}
