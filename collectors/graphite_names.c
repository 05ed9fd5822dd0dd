#include "collectors/graphite_names.h"

#include "base/json.h"

#include <string.h>

#define FIND_PATH "/metrics/find"

static const char *const variables[] = {"$scope", "$location"};

/* "a.b.c" -> "a.b.", "a" -> "" */
static const char *prefix_of(const char *text, struct arena *arena)
{
    const char *dot = strrchr(text, '.');

    return arena_strndup(arena, text, dot ? (size_t)(dot - text) + 1 : 0);
}

static void add_name(json_t *list, const char *name)
{
    json_array_append_new(list, json_pack("{s:s}", "name", name));
}

static enum err_code find_build(const struct account *account, const char *text,
                                struct arena *arena, struct http_request *out, json_t **out_list,
                                struct error *err)
{
    const char *prefix = prefix_of(text, arena);
    struct strbuf query = {0}, form = {0};

    (void)err;
    if (strchr(text + strlen(prefix), '$')) {
        *out_list = json_array();
        for (size_t i = 0; i < ARRAY_LEN(variables); i++)
            add_name(*out_list, arena_printf(arena, "%s%s", prefix, variables[i]));
        return ERR_OK;
    }
    while (*text) {
        size_t n = 0;

        for (size_t i = 0; i < ARRAY_LEN(variables) && !n; i++)
            if (strncmp(text, variables[i], strlen(variables[i])) == 0)
                n = strlen(variables[i]);
        strbuf_append(&query, n ? "*" : text, 1);
        text += n ? n : 1;
    }
    http_form_add(&form, "query", query.n_bytes ? query.bytes : "*"); /* none is refused */
    http_form_add(&form, "format", "completer");
    out->method = "GET";
    out->url = arena_printf(arena, "%s" FIND_PATH "?%s", account->base_url, form.bytes);
    strbuf_clear(&query);
    strbuf_clear(&form);
    return ERR_OK;
}

/* {"metrics":[{"path":"a.b.","name":"b","is_leaf":"0"}]} */
static enum err_code find_parse(const struct account *account, const char *text,
                                const struct http_response *reply, json_t **out_list,
                                struct error *err)
{
    struct arena *arena = arena_create();
    const char *prefix = prefix_of(text, arena);
    struct error why = {0};
    json_auto_t *root = NULL;
    json_auto_t *seen = json_object();
    const json_t *metric;
    size_t i;

    (void)account;
    if (json_read((struct str){reply->body, reply->n_body_bytes}, &json_limits_reply, &root, &why))
        error_because(err, ERR_UPSTREAM, "store_bad_response",
                      "the list of metrics cannot be read: %s", why.message);
    else if (!json_is_array(json_object_get(root, "metrics")))
        error_because(err, ERR_UPSTREAM, "store_bad_response",
                      "the list of metrics has no \"metrics\" array");
    else
        *out_list = json_array();
    json_array_foreach (err->code ? NULL : json_object_get(root, "metrics"), i, metric) {
        const char *name = json_string_value(json_object_get(metric, "name"));
        const char *is_leaf = json_text_of(metric, "is_leaf", arena);

        if (!name)
            continue;
        name = arena_printf(arena, "%s%s%s", prefix, name,
                            is_leaf && strcmp(is_leaf, "1") == 0 ? "" : ".");
        if (!json_object_get(seen, name))
            add_name(*out_list, name);
        json_object_set_new(seen, name, json_true());
    }
    arena_free(arena);
    return err->code;
}

const struct collector_completion graphite_completion = {
    .build = find_build,
    .parse = find_parse,
};
