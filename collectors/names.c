#include "collectors/names.h"

#include "base/json.h"

#include <string.h>

enum err_code names_begin(struct names *names, const struct collector_type *type,
                          const struct account *account, const char *text, struct arena *arena,
                          struct error *err)
{
    struct http_request *first = arena_new(arena, struct http_request);
    json_t *known = NULL;

    *names = (struct names){
        .type = type,
        .account = account,
        .text = text,
        .arena = arena,
        .requests = {first},
        .n_requests = 1,
    };
    if (type->completion
            ? collector_build_completion(type, account, text, arena, first, &known, err)
            : collector_build_metadata(type, account, arena, first, err))
        return err->code;
    if (known)
        names->n_requests = 0;
    names->list = known ? known : json_array();
    names->seen = json_object();
    return ERR_OK;
}

const struct http_request *names_request(const struct names *names)
{
    return names->n_answered < names->n_requests ? names->requests[names->n_answered] : NULL;
}

static enum err_code add(struct names *names, const json_t *found, struct error *err)
{
    struct strbuf key = {0};
    json_t *one;
    size_t i;

    json_array_foreach (found, i, one) {
        key.n_bytes = 0;
        json_write(one, &key);
        if (json_object_get(names->seen, key.bytes))
            continue;
        if (json_array_size(names->list) == NAMES_MAX) {
            error_because(err, ERR_UPSTREAM, "store_too_many_pages",
                          "the store has more than %u names", NAMES_MAX);
            break;
        }
        json_object_set_new(names->seen, key.bytes, json_true());
        json_array_append(names->list, one);
    }
    strbuf_clear(&key);
    return err->code;
}

static enum err_code ask_more(struct names *names, const struct http_response *reply,
                              struct error *err)
{
    collector_names_next *next =
        names->type->completion ? names->type->completion->next : names->type->metadata->next;
    struct http_request_list more = {0};

    if (!next || next(names->account, names->text, reply, names->arena, &more, err))
        return err->code;
    for (size_t i = 0; i < more.n_requests; i++) {
        if (names->n_requests == NAMES_MAX_REQUESTS)
            return error_because(err, ERR_UPSTREAM, "store_too_many_pages",
                                 "the store's names take more than %u requests",
                                 NAMES_MAX_REQUESTS);
        for (size_t k = 0; k < names->n_requests; k++)
            if (http_request_is_same(names->requests[k], &more.requests[i]))
                return error_because(err, ERR_UPSTREAM, "store_too_many_pages",
                                     "a page of the store's names leads back to one that came "
                                     "before");
        if (collector_complete(names->account, names->arena, &more.requests[i], err))
            return err->code;
        names->requests[names->n_requests++] = &more.requests[i];
    }
    return ERR_OK;
}

enum err_code names_take(struct names *names, const struct http_response *reply, struct error *err)
{
    const struct collector_type *type = names->type;
    const struct http_request *asked = names_request(names);
    json_t *found = NULL;

    names->n_answered++;
    names->n_bytes += reply->n_body_bytes;
    if (names->n_bytes > names->account->max_response_bytes)
        return error_because(err, ERR_UPSTREAM, "store_response_too_large",
                             "all replies together are larger than the account's maxResponseBytes");
    if (collector_check_reply(type, names->account, asked, reply, names->arena, err) ||
        (type->completion ? type->completion->parse(names->account, names->text, reply, &found, err)
                          : type->metadata->parse(names->account, reply, &found, err)))
        return err->code;
    if (add(names, found, err) == ERR_OK)
        (void)(ask_more(names, reply, err) == ERR_OK);
    json_decref(found);
    return err->code;
}

bool names_skip(struct names *names)
{
    const char *file = names_request(names)->file;

    names->n_answered++;
    return file && *file;
}

void names_clear(struct names *names)
{
    json_decref(names->list);
    json_decref(names->seen);
    names->list = names->seen = NULL;
}
