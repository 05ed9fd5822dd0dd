#include "analyzer/execution_request.h"

#include "analyzer/codec/document.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/limits.h"

#include <math.h>
#include <string.h>

/* Kayenta writes out that an entry is not hidden. */
static void fill_metadata(json_t *metadata)
{
    json_t *entry;
    size_t i;

    json_array_foreach (metadata, i, entry)
        if (!json_object_get(entry, "hidden"))
            json_object_set_new(entry, "hidden", json_false());
}

/* An instant as text or as epoch seconds; "" counts as absent and stays "". */
static json_t *view_instant(const json_t *value, struct error *err)
{
    char text[INSTANT_TEXT_BYTES];
    int64_t unix_ns;

    if (json_is_number(value)) {
        double seconds = json_number_value(value);

        if (!(seconds >= 0 && seconds < 9e9)) {
            error_because(err, ERR_INVALID, "bad_time", "%g is not a time in epoch seconds",
                          seconds);
            return NULL;
        }
        return json_string(instant_text((int64_t)llround(seconds * 1e3) * NS_PER_MS, text));
    }
    if (!json_is_string(value)) {
        error_because(err, ERR_INVALID, "bad_type", "expected a time such as 2026-08-20T10:00:00Z");
        return NULL;
    }
    if (json_string_length(value) == 0)
        return json_string("");
    if (instant_parse(json_string_value(value), &unix_ns, err))
        return NULL;
    return json_string(instant_text(unix_ns, text));
}

static const struct document_member scope_members[] = {
    {.name = "scope", .kind = DOC_TEXT},
    {.name = "location", .kind = DOC_TEXT},
    {.name = "start", .kind = DOC_CUSTOM, .custom = view_instant},
    {.name = "end", .kind = DOC_CUSTOM, .custom = view_instant},
    {.name = "step", .kind = DOC_INTEGER},
    {.name = "extendedScopeParams", .kind = DOC_TEXT_MAP},
    {0},
};
static const struct document_member pair_members[] = {
    {.name = "controlScope", .kind = DOC_OBJECT, .members = scope_members},
    {.name = "experimentScope", .kind = DOC_OBJECT, .members = scope_members},
    {0},
};
static const struct document_member threshold_members[] = {
    {.name = "pass", .kind = DOC_NUMBER},
    {.name = "marginal", .kind = DOC_NUMBER},
    {0},
};
static const struct document_member metadata_members[] = {
    {.name = "name", .kind = DOC_TEXT},
    {.name = "value", .kind = DOC_TEXT},
    {.name = "hidden", .kind = DOC_BOOLEAN},
    {0},
};
static const struct document_member request_members[] = {
    {.name = "scopes", .kind = DOC_OBJECT_MAP, .members = pair_members},
    {.name = "thresholds", .kind = DOC_OBJECT, .members = threshold_members},
    {.name = "metadata", .kind = DOC_OBJECT_LIST, .members = metadata_members},
    {.name = "siteLocal", .kind = DOC_ANY_MAP},
    {0},
};

static const char *const side_members[N_SIDES] = {
    [SIDE_CONTROL] = "controlScope",
    [SIDE_EXPERIMENT] = "experimentScope",
};

static enum err_code decode_scopes(struct execution_request *request, struct arena *arena,
                                   struct error *err)
{
    json_t *scopes = json_object_get(request->view, "scopes");
    const char *name;
    json_t *pair;

    if (json_object_size(scopes) > REQUEST_MAX_SCOPES)
        return error_because(err, ERR_INVALID, "too_many_scopes",
                             "the request has more than %u scopes", REQUEST_MAX_SCOPES);
    request->scopes = arena_array(arena, struct scope_pair, json_object_size(scopes));
    json_object_foreach (scopes, name, pair) {
        struct scope_pair *out = &request->scopes[request->n_scopes++];

        out->name = name;
        for (int side = 0; side < N_SIDES; side++) {
            const json_t *scope = json_object_get(pair, side_members[side]);

            if (!scope)
                continue;
            out->has_side[side] = true;
            if (scope_decode(scope, arena, &out->sides[side], err))
                return error_point(err, "/scopes/%s/%s", name, side_members[side]);
        }
    }
    return ERR_OK;
}

enum err_code execution_request_decode(const json_t *json, struct arena *arena,
                                       struct execution_request **out, struct error *err)
{
    struct execution_request *request = arena_new(arena, struct execution_request);
    const json_t *thresholds;

    if (!json_is_object(json))
        return error_because(err, ERR_INVALID, "bad_type",
                             "the execution request is not an object");
    request->view = document_view(json, request_members, err);
    if (!request->view)
        return err->code;
    json_keep(request->view, arena);
    fill_metadata(json_object_get(request->view, "metadata"));
    if (decode_scopes(request, arena, err))
        return err->code;
    thresholds = json_object_get(request->view, "thresholds");
    request->has_thresholds =
        json_to_double(json_object_get(thresholds, "pass"), &request->pass) &&
        json_to_double(json_object_get(thresholds, "marginal"), &request->marginal);
    *out = request;
    return ERR_OK;
}

const struct scope_pair *execution_request_scope(const struct execution_request *request,
                                                 const char *name)
{
    for (size_t i = 0; i < request->n_scopes; i++)
        if (strcmp(request->scopes[i].name, name) == 0)
            return &request->scopes[i];
    return NULL;
}

bool execution_request_duration(const struct execution_request *request, int64_t *out_ns)
{
    bool has_one = false;

    for (size_t i = 0; i < request->n_scopes; i++) {
        for (int side = 0; side < N_SIDES; side++) {
            const struct scope *scope = &request->scopes[i].sides[side];
            int64_t duration_ns = scope->end_unix_ns - scope->start_unix_ns;

            if (!scope->has_start || !scope->has_end || (has_one && duration_ns != *out_ns))
                return false;
            *out_ns = duration_ns;
            has_one = true;
        }
    }
    return has_one;
}

void execution_request_review(const json_t *request, document_unknown *found, void *ctx)
{
    document_review(request, "", request_members, found, ctx);
}
