/* The noted settings are a flat list of dotted names. They are printed as nested YAML level by
 * level: of the lines below one name, those that share the next part of it are printed together
 * where the first of them stands. */
#include "analyzer/settings_show.h"

#include <ctype.h>
#include <string.h>

#define MAX_LEVELS 16u /* of a dotted name; settings_tree.c makes no longer ones */
#define INDENT 2u

struct converting {
    const struct settings *settings;
    struct arena *arena;
    struct strbuf *out;
};

/* Part `level` of a line's name; false when there are fewer. */
static bool part_of(const struct setting_line *line, unsigned level, struct str *out)
{
    const char *at = line->path;

    for (; level > 0 && at; level--) {
        at = strchr(at, '.');
        if (at)
            at++;
        else if (level > 1 || !line->member)
            return false;
    }
    *out = at ? (struct str){at, strcspn(at, ".")} : str_of(line->member);
    return true;
}

/* --- secrets --- */

/* Capitals, digits and underscores. */
static char *variable_word(struct converting *c, const char *text)
{
    char *word = arena_strdup(c->arena, text);

    for (char *at = word; *at; at++)
        *at = isalnum((unsigned char)*at) ? (char)toupper((unsigned char)*at) : '_';
    return word;
}

static const char *name_of(struct converting *c, const char *account)
{
    const char *path = arena_printf(c->arena, "%s.name", account);

    for (size_t i = 0; i < c->settings->n_lines; i++)
        if (strcmp(c->settings->lines[i].path, path) == 0)
            return variable_word(c, c->settings->lines[i].values[0]);
    return "";
}

/* Is another account's name the same once it is a word? */
static bool is_ambiguous(struct converting *c, const char *word)
{
    size_t n = 0;

    for (size_t i = 0; i < c->settings->n_accounts; i++)
        n += strcmp(variable_word(c, c->settings->accounts[i].name), word) == 0;
    return n > 1;
}

/* SERINUS_SECRET_PROMETHEUS_PROD_PASSWORD */
static const char *secret_variable(struct converting *c, const struct setting_line *line)
{
    const char *key = line->path, *owner = "", *number = "";
    size_t n = strcspn(line->path, "]");

    if (strncmp(line->path, "accounts[", strlen("accounts[")) == 0) {
        owner = name_of(c, arena_strndup(c->arena, line->path, n + 1));
        if (is_ambiguous(c, owner))
            number = arena_printf(c->arena, "_%.*s", (int)(n - strlen("accounts[")),
                                  line->path + strlen("accounts["));
        key = line->path + n + 2;
    }
    return arena_printf(c->arena, "SERINUS_SECRET_%s%s%s%s%s%s", owner, number, *owner ? "_" : "",
                        variable_word(c, key), line->member ? "_" : "",
                        line->member ? variable_word(c, line->member) : "");
}

static void put_secret(struct converting *c, const struct setting_line *line)
{
    const char *variable;

    if (line->reference) {
        settings_yaml_scalar(line->reference, c->arena, c->out);
        if (strcmp(line->reference, line->from->text) != 0 && strchr(line->from->text, ':'))
            strbuf_puts(c->out, "  # the default that stood behind it was left out");
        return;
    }
    variable = secret_variable(c, line);
    settings_yaml_scalar(arena_printf(c->arena, "${env:%s}", variable), c->arena, c->out);
    strbuf_printf(c->out,
                  "  # stood in the open in %s: put it into this variable, or a file and "
                  "write ${file:/path}",
                  setting_origin(line->from, c->arena));
}

/* --- YAML --- */

static void put_value(struct converting *c, const struct setting_line *line)
{
    if (line->is_secret) {
        put_secret(c, line);
    } else if (line->is_json) {
        strbuf_puts(c->out, line->values[0]);
    } else if (line->reference) {
        settings_yaml_scalar(line->reference, c->arena, c->out);
    } else if (line->is_list) {
        strbuf_puts(c->out, "[");
        for (size_t i = 0; i < line->n_values; i++) {
            strbuf_puts(c->out, i ? ", " : "");
            settings_yaml_scalar(line->values[i], c->arena, c->out);
        }
        strbuf_puts(c->out, "]");
    } else {
        settings_yaml_scalar(line->values[0], c->arena, c->out);
    }
    strbuf_puts(c->out, "\n");
}

static void put_indent(struct converting *c, unsigned n_columns)
{
    strbuf_printf(c->out, "%*s", (int)n_columns, "");
}

/* Lines that share their first `level` parts. Depth: MAX_LEVELS. */
static void put_level(struct converting *c, const struct setting_line *const *lines, size_t n,
                      unsigned level, unsigned n_columns)
{
    const struct setting_line **below = arena_array(c->arena, const struct setting_line *, n);

    for (size_t i = 0; i < n; i++) {
        struct str part = {0}, other;
        bool is_first = true;
        size_t n_below = 0;

        if (!part_of(lines[i], level, &part) || level == MAX_LEVELS)
            continue;
        for (size_t k = 0; k < n; k++) {
            if (!part_of(lines[k], level, &other) || !str_equal(part, other))
                continue;
            is_first = is_first && k >= i;
            below[n_below++] = lines[k];
        }
        if (!is_first)
            continue;
        put_indent(c, n_columns);
        settings_yaml_scalar(arena_strndup(c->arena, part.bytes, part.n_bytes), c->arena, c->out);
        if (part_of(lines[i], level + 1, &other)) {
            strbuf_puts(c->out, ":\n");
            put_level(c, below, n_below, level + 1, n_columns + INDENT);
        } else {
            strbuf_puts(c->out, ": ");
            put_value(c, lines[i]);
        }
    }
}

/* A setting that is written out: not the default, and an account's roles in any case, for their
 * native default is not Kayenta's. */
static bool is_wanted(const struct setting_line *line)
{
    size_t n = strlen(line->path), n_end = strlen("].roles");

    return line->from || (n > n_end && strcmp(line->path + n - n_end, "].roles") == 0);
}

/* The lines of one element of a list (an account, a sink) stand together. Of the accounts, the
 * built-in store has nothing that somebody wrote. */
static void put_elements(struct converting *c, const struct setting_line *const *lines, size_t n)
{
    for (size_t i = 0, end; i < n; i = end) {
        struct str first, other;
        size_t at;

        for (end = i; end < n && part_of(lines[i], 0, &first) && part_of(lines[end], 0, &other) &&
                      str_equal(first, other);)
            end++;
        if (!lines[i]->from)
            continue;
        at = c->out->n_bytes;
        put_level(c, lines + i, end - i, 1, 2 * INDENT);
        c->out->bytes[at + INDENT] = '-'; /* "    name: x" -> "  - name: x" */
    }
}

/* The lines that begin with `prefix` ("": that are not yet taken), below a heading. */
static void put_section(struct converting *c, bool *is_taken, const char *prefix, const char *head,
                        bool is_list)
{
    const struct settings *settings = c->settings;
    const struct setting_line **lines =
        arena_array(c->arena, const struct setting_line *, settings->n_lines);
    bool has_any = false;
    size_t n = 0;

    for (size_t i = 0; i < settings->n_lines; i++) {
        if (is_taken[i] || strncmp(settings->lines[i].path, prefix, strlen(prefix)) != 0)
            continue;
        is_taken[i] = true;
        if (!is_wanted(&settings->lines[i]))
            continue;
        lines[n++] = &settings->lines[i];
        has_any = has_any || settings->lines[i].from;
    }
    if (!has_any)
        return;
    strbuf_puts(c->out, head);
    if (is_list)
        put_elements(c, lines, n);
    else
        put_level(c, lines, n, 0, 0);
}

void settings_convert(const struct settings *settings, const char *source, struct strbuf *out)
{
    struct converting c = {settings, arena_create(), out};
    static const char kayenta[] = "\n# These have no name of their own here; Kayenta's is "
                                  "understood.\n";
    bool *is_taken = arena_array(c.arena, bool, settings->n_lines);
    struct strbuf lists = {0};

    strbuf_printf(out,
                  "# yaml-language-server: "
                  "$schema=/usr/share/serinus/schema/v1/server-config.json\n"
                  "# Settings of Serinus, converted from %s. What is not here is as the default "
                  "says.\n",
                  source);
    c.out = &lists;
    put_section(&c, is_taken, "accounts[",
                "\n# Metric stores, and names that data is kept under in the result store.\n"
                "accounts:\n",
                true);
    put_section(&c, is_taken, "notify[", "\n# Who is told what came out.\nnotify:\n", true);
    put_section(&c, is_taken, "kayenta.", kayenta, false);
    c.out = out;
    put_section(&c, is_taken, "", "\n", false);
    strbuf_append(out, strbuf_view(&lists).bytes, lists.n_bytes);
    strbuf_clear(&lists);
    arena_free(c.arena);
}
