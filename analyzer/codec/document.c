/* The recursion follows the table of members, not the input; only the copy of free maps follows the
 * input, and json_read() bounds its depth. */
#include "analyzer/codec/document.h"

#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static json_t *wrong_type(struct error *err, const char *wanted)
{
    error_because(err, ERR_INVALID, "bad_type", "expected %s", wanted);
    return NULL;
}

static json_t *view_text(const json_t *value, struct error *err)
{
    struct arena *arena;
    json_t *wrapped, *out = NULL;
    const char *text;

    if (json_is_string(value))
        return json_string(json_string_value(value));
    arena = arena_create();
    wrapped = json_pack("{sO}", "v", value);
    text = json_text_of(wrapped, "v", arena);
    if (text)
        out = json_string(text);
    json_decref(wrapped);
    arena_free(arena);
    return out ? out : wrong_type(err, "text");
}

static json_t *view_number(const json_t *value, struct error *err)
{
    double number;

    if (!json_to_double(value, &number))
        return wrong_type(err, "a number");
    return json_number_or_text(number);
}

static json_t *view_integer(const json_t *value, struct error *err)
{
    double number;

    if (json_is_integer(value))
        return json_integer(json_integer_value(value));
    if (!json_to_double(value, &number) || !(fabs(number) < 0x1p53))
        return wrong_type(err, "a whole number");
    return json_integer((json_int_t)number);
}

static json_t *view_boolean(const json_t *value, struct error *err)
{
    if (json_is_boolean(value))
        return json_boolean(json_is_true(value));
    if (json_is_string(value) && strcasecmp(json_string_value(value), "true") == 0)
        return json_true();
    if (json_is_string(value) && strcasecmp(json_string_value(value), "false") == 0)
        return json_false();
    return wrong_type(err, "true or false");
}

static json_t *copy_without_nulls(const json_t *value)
{
    json_t *copy, *member;
    const char *key;
    size_t i;

    if (json_is_object(value)) {
        copy = json_object();
        json_object_foreach ((json_t *)value, key, member)
            if (!json_is_null(member))
                json_object_set_new(copy, key, copy_without_nulls(member));
        return copy;
    }
    if (json_is_array(value)) {
        copy = json_array();
        json_array_foreach (value, i, member)
            json_array_append_new(copy, copy_without_nulls(member));
        return copy;
    }
    return json_copy((json_t *)value);
}

static json_t *view_object(const json_t *value, const struct document_member *member,
                           struct error *err)
{
    if (!json_is_object(value))
        return wrong_type(err, "an object");
    return document_view(value, member->members, err);
}

static json_t *view_list(const json_t *value, const struct document_member *member,
                         struct error *err)
{
    json_t *out, *item;
    size_t i;

    if (!json_is_array(value))
        return wrong_type(err, "a list");
    out = json_array();
    json_array_foreach (value, i, item) {
        json_t *view =
            member->kind == DOC_TEXT_LIST ? view_text(item, err) : view_object(item, member, err);

        if (!view) {
            error_point(err, "/%zu", i);
            json_decref(out);
            return NULL;
        }
        json_array_append_new(out, view);
    }
    return out;
}

static json_t *view_map(const json_t *value, const struct document_member *member,
                        struct error *err)
{
    json_t *out, *item;
    const char *key;

    if (!json_is_object(value))
        return wrong_type(err, "an object");
    out = json_object();
    json_object_foreach ((json_t *)value, key, item) {
        json_t *view;

        if (json_is_null(item))
            continue;
        if (member->kind == DOC_TEXT_MAP)
            view = view_text(item, err);
        else if (member->kind == DOC_NUMBER_MAP)
            view = view_number(item, err);
        else
            view = view_object(item, member, err);
        if (!view) {
            error_point(err, "/%s", key);
            json_decref(out);
            return NULL;
        }
        json_object_set_new(out, key, view);
    }
    return out;
}

static json_t *view_member(const json_t *value, const struct document_member *member,
                           struct error *err)
{
    switch (member->kind) {
    case DOC_TEXT:
        return view_text(value, err);
    case DOC_NUMBER:
        return view_number(value, err);
    case DOC_INTEGER:
        return view_integer(value, err);
    case DOC_BOOLEAN:
        return view_boolean(value, err);
    case DOC_TEXT_LIST:
    case DOC_OBJECT_LIST:
        return view_list(value, member, err);
    case DOC_TEXT_MAP:
    case DOC_NUMBER_MAP:
    case DOC_OBJECT_MAP:
        return view_map(value, member, err);
    case DOC_ANY_MAP:
        return json_is_object(value) ? copy_without_nulls(value) : wrong_type(err, "an object");
    case DOC_OBJECT:
        return view_object(value, member, err);
    case DOC_CUSTOM:
        return member->custom(value, err);
    }
    abort();
}

json_t *document_view(const json_t *object, const struct document_member *members,
                      struct error *err)
{
    json_t *out = json_object();

    for (const struct document_member *member = members; member->name; member++) {
        const json_t *value = json_object_get(object, member->name);
        json_t *view;

        if (!value || json_is_null(value))
            continue;
        view = view_member(value, member, err);
        if (!view) {
            error_point(err, "/%s", member->name);
            json_decref(out);
            return NULL;
        }
        json_object_set_new(out, member->name, view);
    }
    return out;
}

static const struct document_member *member_find(const struct document_member *members,
                                                 const char *key)
{
    for (; members->name; members++)
        if (strcmp(members->name, key) == 0)
            return members;
    return NULL;
}

/* The pointer of a member, its key escaped after RFC 6901; to be cleared. */
static struct strbuf point_to(const char *pointer, const char *key)
{
    struct strbuf out = {0};

    strbuf_printf(&out, "%s/", pointer);
    for (; *key; key++)
        if (*key == '~' || *key == '/')
            strbuf_puts(&out, *key == '~' ? "~0" : "~1");
        else
            strbuf_append(&out, key, 1);
    return out;
}

static void review_member(const json_t *value, const char *pointer,
                          const struct document_member *member, document_unknown *found, void *ctx)
{
    struct strbuf below;
    const char *key;
    json_t *one;
    size_t i;

    if (member->kind == DOC_OBJECT)
        document_review(value, pointer, member->members, found, ctx);
    if (member->kind == DOC_OBJECT_LIST)
        json_array_foreach (value, i, one) {
            below = (struct strbuf){0};
            strbuf_printf(&below, "%s/%zu", pointer, i);
            document_review(one, below.bytes, member->members, found, ctx);
            strbuf_clear(&below);
        }
    if (member->kind == DOC_OBJECT_MAP)
        json_object_foreach ((json_t *)value, key, one) {
            below = point_to(pointer, key);
            document_review(one, below.bytes, member->members, found, ctx);
            strbuf_clear(&below);
        }
}

void document_review(const json_t *object, const char *pointer,
                     const struct document_member *members, document_unknown *found, void *ctx)
{
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)object, key, value) {
        const struct document_member *member = member_find(members, key);
        struct strbuf below = point_to(pointer, key);

        if (member)
            review_member(value, below.bytes, member, found, ctx);
        else
            found(ctx, below.bytes, key, members);
        strbuf_clear(&below);
    }
}
