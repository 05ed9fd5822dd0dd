/* Three ways lead to a server, and the first that does is taken:
 *
 *  1. the location is the name of a backend's target, its regions and environments filled in;
 *  2. the scope names an account, and storage.json knows where that one is stored;
 *  3. a backend has the scope's deployment and dataset, and serves its region and environment.
 *
 * What a scope says is only ever compared, or put into a host name as one label of it: a request
 * must not be able to name the host that is asked. */
#include "collectors/atlas_backends.h"

#include "base/json.h"

#include <ctype.h>
#include <string.h>

#define MAX_HOST_BYTES 260u /* 253 and a port */
#define MAX_TARGETS 100000u /* a file of lists could make a great many of them */

/* What a host name is made for; from the scope, with Kayenta's defaults. */
struct wanted {
    const char *location, *account_id, *deployment, *dataset, *environment;
};

static const char *or_default(const char *text, const char *otherwise)
{
    return text && *text ? text : otherwise;
}

static const char *member(const json_t *object, const char *key)
{
    return or_default(json_string_value(json_object_get(object, key)), "");
}

/* --- filling in --- */

struct variables {
    const char *deployment, *dataset, *region, *env; /* NULL: left alone */
};

static const char *fill(const char *text, const struct variables *variables, struct arena *arena)
{
    const struct {
        const char *name, *value;
    } known[] = {
        {"$(deployment)", variables->deployment},
        {"$(dataset)", variables->dataset},
        {"$(region)", variables->region},
        {"$(env)", variables->env},
    };
    struct strbuf out = {.max_bytes = MAX_HOST_BYTES};
    const char *copy;

    while (*text) {
        size_t n = 0;

        for (size_t i = 0; i < ARRAY_LEN(known) && !n; i++) {
            if (known[i].value && strncmp(text, known[i].name, strlen(known[i].name)) == 0) {
                n = strlen(known[i].name);
                strbuf_puts(&out, known[i].value);
            }
        }
        if (!n)
            strbuf_append(&out, text, n = 1);
        text += n;
    }
    copy = out.is_full ? "" : arena_strndup(arena, out.bytes, out.n_bytes);
    strbuf_clear(&out);
    return copy;
}

/* One label of a host name. */
static bool is_label(const char *text)
{
    if (!*text)
        return false;
    for (; *text; text++)
        if (!isalnum((unsigned char)*text) && *text != '-')
            return false;
    return true;
}

/* Names or addresses and a port; nothing that could end the host in a URL. */
static bool is_host(const char *host)
{
    const char *colon = strchr(host, ':');
    size_t n = colon ? (size_t)(colon - host) : strlen(host);

    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)host[i]) && host[i] != '-' && host[i] != '.')
            return false;
    return n > 0 && isalnum((unsigned char)host[0]) &&
           (!colon || (colon[1] && strspn(colon + 1, "0123456789") == strlen(colon + 1)));
}

/* Null stands for all of them. */
static bool holds(const json_t *list, const char *text)
{
    const json_t *item;
    size_t i;

    if (!json_is_array(list))
        return true;
    json_array_foreach (list, i, item)
        if (json_is_string(item) && strcmp(json_string_value(item), text) == 0)
            return true;
    return false;
}

/* --- the three ways --- */

/* The i-th of a list; NULL once, for a list that is null. False: there are no more. */
static bool nth(const json_t *list, size_t i, const char **out)
{
    *out = json_string_value(json_array_get(list, i));
    return json_is_array(list) ? i < json_array_size(list) : i == 0;
}

static const char *by_target(const json_t *backends, const struct wanted *wanted,
                             struct arena *arena)
{
    const json_t *backend;
    size_t i, n_targets = 0;

    json_array_foreach (backends, i, backend) {
        const json_t *regions = json_object_get(backend, "regions");
        const json_t *environments = json_object_get(backend, "environments");
        struct variables filled = {.deployment = member(backend, "deployment"),
                                   .dataset = member(backend, "dataset")};

        for (size_t r = 0; nth(regions, r, &filled.region); r++)
            for (size_t e = 0; nth(environments, e, &filled.env) && n_targets < MAX_TARGETS;
                 e++, n_targets++)
                if (strcmp(fill(member(backend, "target"), &filled, arena), wanted->location) == 0)
                    return fill(member(backend, "cname"), &filled, arena);
    }
    return NULL;
}

static const char *by_account(const json_t *storage, const struct wanted *wanted,
                              struct arena *arena)
{
    const json_t *accounts = json_object_get(storage, "atlas_storage");
    const json_t *account = json_object_get(accounts, wanted->account_id);
    const json_t *regions = json_object_get(account, "regions");
    const struct variables filled = {.region = wanted->location};

    if (strcmp(wanted->dataset, "global") == 0)
        return json_string_value(json_object_get(account, "global"));
    if (!json_is_array(regions) || !holds(regions, wanted->location))
        return NULL;
    return fill(member(account, "regional"), &filled, arena);
}

static const char *by_dataset(const json_t *backends, const struct wanted *wanted,
                              struct arena *arena)
{
    const struct variables filled = {wanted->deployment, wanted->dataset, wanted->location,
                                     wanted->environment};
    const json_t *backend;
    size_t i;

    if (!is_label(wanted->location) || !is_label(wanted->environment))
        return NULL;
    json_array_foreach (backends, i, backend)
        if (strcmp(member(backend, "deployment"), wanted->deployment) == 0 &&
            strcmp(member(backend, "dataset"), wanted->dataset) == 0 &&
            holds(json_object_get(backend, "regions"), wanted->location) &&
            holds(json_object_get(backend, "environments"), wanted->environment))
            return fill(member(backend, "cname"), &filled, arena);
    return NULL;
}

static enum err_code read_file(const struct http_response *reply, const char *name, json_t **out,
                               struct error *err)
{
    struct error why = {0};

    if (json_read((struct str){reply->body, reply->n_body_bytes}, &json_limits_reply, out, &why))
        return error_because(err, ERR_UPSTREAM, "store_bad_response", "%s cannot be read: %s", name,
                             why.message);
    return ERR_OK;
}

enum err_code atlas_find_host(const struct metric_query *query,
                              const struct http_response *backends_reply,
                              const struct http_response *storage_reply, struct arena *arena,
                              const char **out, struct error *err)
{
    const struct wanted wanted = {
        .location = or_default(query->scope.location, ""),
        .account_id = metric_query_param(query, "accountId"),
        .deployment = or_default(metric_query_param(query, "deployment"), "main"),
        .dataset = or_default(metric_query_param(query, "dataset"), "regional"),
        .environment = or_default(metric_query_param(query, "environment"), "test"),
    };
    json_auto_t *backends = NULL;
    json_auto_t *storage = NULL;
    const char *host = NULL;

    if (read_file(backends_reply, "backends.json", &backends, err) ||
        read_file(storage_reply, "storage.json", &storage, err))
        return err->code;
    if (!json_is_array(backends) || !json_is_object(json_object_get(storage, "atlas_storage")))
        return error_because(err, ERR_UPSTREAM, "store_bad_response",
                             "backends.json is no list, or storage.json has no \"atlas_storage\"");
    host = by_target(backends, &wanted, arena);
    if (!host && wanted.account_id)
        host = by_account(storage, &wanted, arena);
    if (!host)
        host = by_dataset(backends, &wanted, arena);
    if (!host)
        return error_because(err, ERR_UPSTREAM, "store_rejected",
                             "Unable to find an appropriate Atlas cluster for location=%s "
                             "accountId=%s dataset=%s deployment=%s environment=%s.",
                             wanted.location, or_default(wanted.account_id, "null"), wanted.dataset,
                             wanted.deployment, wanted.environment);
    if (!is_host(host))
        return error_because(err, ERR_UPSTREAM, "store_bad_response",
                             "backends.json or storage.json names a server that is no host: %.260s",
                             host);
    *out = arena_strdup(arena, host);
    return ERR_OK;
}
