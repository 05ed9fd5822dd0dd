/* Query templates: the first line is the template, each further one name=value. Expansion ends, its
 * size is bounded, and no value gets out of the quoted literal that it was put into. */
#include "base/limits.h"
#include "base/str.h"
#include "collectors/query_template.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BINDINGS 100u

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static size_t split(char *text, struct tag items[MAX_BINDINGS])
{
    size_t n = 0;

    for (char *line = strchr(text, '\n'); line && n < MAX_BINDINGS;) {
        char *equals;

        *line++ = '\0';
        equals = strchr(line, '=');
        if (!equals)
            break;
        *equals = '\0';
        items[n++] = (struct tag){line, equals + 1};
        line = strchr(equals + 1, '\n');
    }
    return n;
}

/* The same value between quotes that we know of. */
static void check_quoted(const struct template_bindings *bindings, struct arena *arena)
{
    struct error err = {0};
    const char *out;

    if (bindings->n_items == 0 ||
        template_expand(arena_printf(arena, "a=\"${%s}\"", bindings->items[0].key), bindings, "m",
                        arena, &out, &err))
        return;
    for (const char *c = out + 3; *c; c++) {
        if (*c == '\\' && c[1])
            c++;
        else if (*c == '"' && c[1])
            abort(); /* the literal ended before the text did */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct arena *arena = arena_create();
    struct tag items[MAX_BINDINGS];
    char *text = arena_strndup(arena, (const char *)bytes, n_bytes);
    struct template_bindings bindings = {.items = items, .n_items = split(text, items)};

    for (int i = 0; i < 2; i++) {
        struct error err = {0};
        const char *out;

        bindings.refuse_bare = i;
        if (template_expand(text, &bindings, "m", arena, &out, &err)) {
            if (err.code != ERR_INVALID || !err.message[0])
                abort();
        } else if (strlen(out) > TEMPLATE_MAX_EXPANDED_BYTES) {
            abort();
        }
    }
    /* a name with braces or a default in it is not looked up as it stands */
    if (bindings.n_items && !strpbrk(items[0].key, "{}$:\\"))
        check_quoted(&bindings, arena);
    arena_free(arena);
    return 0;
}
