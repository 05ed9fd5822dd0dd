#include "analyzer/settings_show.h"

#include "analyzer/codec/yaml_scalar.h"
#include "base/json.h"

#include <ctype.h>
#include <string.h>

#define MASK "********"

/* Letters, digits and what stands in names, paths and URLs, and not what begins or ends something
 * else in YAML. */
static bool looks_plain(const char *text)
{
    size_t n = strlen(text);

    return n > 0 && (isalnum((unsigned char)*text) || *text == '/' || *text == '_') &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@%+-") ==
               n &&
           text[n - 1] != ':';
}

void settings_yaml_scalar(const char *text, struct arena *arena, struct strbuf *out)
{
    json_t *value = looks_plain(text) ? yaml_scalar_value(text, strlen(text)) : NULL;
    const char *read_back = json_scalar_text(value, arena);

    if (read_back && strcmp(read_back, text) == 0) {
        strbuf_puts(out, text);
    } else {
        json_t *string = json_string(text);

        json_write(string, out);
        json_decref(string);
    }
    json_decref(value);
}

static void put_value(const struct setting_line *line, struct arena *arena, struct strbuf *out)
{
    const char *text = line->n_values ? line->values[0] : "";

    if (line->is_secret && setting_has_user_info(text)) {
        settings_yaml_scalar(setting_mask_url(text, arena), arena, out);
    } else if (line->is_secret) {
        strbuf_puts(out, MASK);
    } else if (line->is_json) {
        strbuf_puts(out, text);
    } else if (line->is_list) {
        strbuf_puts(out, "[");
        for (size_t i = 0; i < line->n_values; i++) {
            strbuf_puts(out, i ? ", " : "");
            settings_yaml_scalar(line->values[i], arena, out);
        }
        strbuf_puts(out, "]");
    } else {
        settings_yaml_scalar(text, arena, out);
    }
}

void settings_show(const struct settings *settings, bool has_origin, struct strbuf *out)
{
    struct arena *arena = arena_create();

    for (size_t i = 0; i < settings->n_lines; i++) {
        const struct setting_line *line = &settings->lines[i];

        strbuf_puts(out, line->path);
        if (line->member) {
            strbuf_puts(out, ".");
            settings_yaml_scalar(line->member, arena, out);
        }
        strbuf_puts(out, ": ");
        put_value(line, arena, out);
        if (has_origin && !line->from)
            strbuf_puts(out, "  # default");
        else if (has_origin && strcmp(line->from->path, line->path) == 0)
            strbuf_printf(out, "  # %s", setting_origin(line->from, arena));
        else if (has_origin)
            strbuf_printf(out, "  # %s (%s)", setting_origin(line->from, arena), line->from->path);
        strbuf_puts(out, "\n");
        arena_reset(arena);
    }
    arena_free(arena);
}
