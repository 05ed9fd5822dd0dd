/* libyaml delivers a document as a flat list of events. We keep one frame per open collection, put
 * each finished value into the frame above it, and count: values, aliases, depth. An alias becomes
 * a deep copy of what its anchor named, counted in full, so that the tree's size is known and
 * nothing is shared. libyaml's own document API would share the nodes instead, and a walk over
 * shared nodes can expand a few bytes a billionfold or never end.
 *
 * Every value has a second tree beside it, its mark: the lines it came from. */
#include "analyzer/codec/yaml_json.h"

#include "analyzer/codec/yaml_scalar.h"
#include "base/arena.h"
#include "base/json.h"
#include "base/limits.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define YAML_TAG_PREFIX "tag:yaml.org,2002:"
#define MERGE_KEY "<<"

static const char utf8_bom[] = "\xEF\xBB\xBF";
static const char *const scalar_tags[] = {"str", "int", "float", "bool", "null", NULL};
static const char *const mapping_tags[] = {"map", NULL};
static const char *const sequence_tags[] = {"seq", NULL};

/* One collection that is being read. */
struct frame {
    json_t *value;   /* the object or array; owned */
    json_t *members; /* marks of its members or elements; owned */
    json_t *merges;  /* objects to merge into it (<<); NULL: none; owned */
    char *key;       /* the member being read; NULL: the next scalar is a key */
    bool is_merge;   /* that member is << */
    size_t line;
    size_t anchor;  /* index + 1 into anchors, 0: none */
    size_t n_nodes; /* values in it so far, itself included */
    size_t height;  /* levels of collections in it, itself included */
};

struct anchor {
    char *name;
    json_t *value; /* NULL while its own collection is still open */
    size_t n_nodes, height;
};

struct reader {
    yaml_parser_t parser;
    const char *file_name;
    struct frame frames[YAML_MAX_DEPTH];
    size_t depth;
    struct anchor *anchors;
    size_t n_anchors, anchors_capacity;
    size_t n_nodes, n_aliases;
    json_t *root, *root_mark;
    json_t *documents, *document_marks; /* NULL: one document is all that is taken */
    struct error *err;
};

static enum err_code fail_at(struct reader *r, yaml_mark_t mark, const char *reason,
                             const char *what)
{
    return error_because(r->err, ERR_INVALID, reason, "%s:%zu:%zu: %s", r->file_name, mark.line + 1,
                         mark.column + 1, what);
}

static enum err_code fail_limit(struct reader *r, yaml_mark_t mark, const char *what, size_t limit)
{
    return error_because(r->err, ERR_INVALID, "yaml_feature", "%s:%zu:%zu: %s (limit %zu)",
                         r->file_name, mark.line + 1, mark.column + 1, what, limit);
}

static enum err_code fail_parser(struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    const char *problem = p->problem ? p->problem : "cannot be read";

    if (p->error == YAML_READER_ERROR) { /* it knows the byte only */
        size_t line = 1, column = 1;

        for (const unsigned char *at = p->input.string.start;
             at < p->input.string.end && at < p->input.string.start + p->problem_offset; at++) {
            column++;
            if (*at == '\n') {
                line++;
                column = 1;
            }
        }
        return error_because(r->err, ERR_INVALID, "yaml_syntax", "%s:%zu:%zu: %s", r->file_name,
                             line, column, problem);
    }
    return error_because(r->err, ERR_INVALID, "yaml_syntax", "%s:%zu:%zu: %s%s%s", r->file_name,
                         p->problem_mark.line + 1, p->problem_mark.column + 1, problem,
                         p->context ? " " : "", p->context ? p->context : "");
}

/* --- scalars --- */

static bool has_type(const json_t *value, const char *tag)
{
    if (strcmp(tag, "int") == 0)
        return json_is_integer(value);
    if (strcmp(tag, "float") == 0)
        return json_is_number(value);
    if (strcmp(tag, "bool") == 0)
        return json_is_boolean(value);
    return strcmp(tag, "null") == 0 && json_is_null(value);
}

static enum err_code scalar_value(struct reader *r, const yaml_event_t *event, json_t **out)
{
    const char *text = (const char *)event->data.scalar.value;
    size_t n_bytes = event->data.scalar.length;
    const char *tag = (const char *)event->data.scalar.tag;

    if (memchr(text, '\0', n_bytes))
        return fail_at(r, event->start_mark, "yaml_feature", "a NUL character is not taken");
    if (!tag) {
        *out = event->data.scalar.plain_implicit ? yaml_scalar_value(text, n_bytes)
                                                 : json_stringn(text, n_bytes);
    } else if (strcmp(tag, "!") == 0 || strcmp(tag, YAML_STR_TAG) == 0) {
        *out = json_stringn(text, n_bytes);
    } else {
        *out = yaml_scalar_value(text, n_bytes);
        tag += strlen(YAML_TAG_PREFIX); /* check_tag() has seen it */
        if (*out && !has_type(*out, tag)) {
            json_decref(*out);
            return fail_at(r, event->start_mark, "yaml_syntax", "the value does not fit its tag");
        }
    }
    return *out ? ERR_OK
                : fail_at(r, event->start_mark, "yaml_syntax", "the text is not valid UTF-8");
}

static enum err_code check_tag(struct reader *r, const yaml_event_t *event, const yaml_char_t *tag,
                               const char *const *allowed)
{
    size_t n_prefix = strlen(YAML_TAG_PREFIX);
    const char *text = (const char *)tag;

    if (!text || strcmp(text, "!") == 0)
        return ERR_OK;
    for (size_t i = 0; allowed[i]; i++)
        if (strncmp(text, YAML_TAG_PREFIX, n_prefix) == 0 &&
            strcmp(text + n_prefix, allowed[i]) == 0)
            return ERR_OK;
    return error_because(r->err, ERR_INVALID, "yaml_feature",
                         "%s:%zu:%zu: the tag \"%.100s\" is not taken", r->file_name,
                         event->start_mark.line + 1, event->start_mark.column + 1, text);
}

/* --- putting values together --- */

static json_t *mark_scalar(size_t line)
{
    return json_integer((json_int_t)line);
}

/* Every value counts once as it appears; a copy made by an alias counts in full. */
static enum err_code count_nodes(struct reader *r, yaml_mark_t mark, size_t n)
{
    r->n_nodes += n;
    if (r->n_nodes > YAML_MAX_NODES)
        return fail_limit(r, mark, "too many values", YAML_MAX_NODES);
    for (size_t i = 0; i < r->depth; i++)
        r->frames[i].n_nodes += n;
    return ERR_OK;
}

static enum err_code add_merge(struct reader *r, struct frame *frame, yaml_mark_t at, json_t *value)
{
    json_t *element;
    size_t i;

    if (!frame->merges)
        frame->merges = json_array();
    if (json_is_object(value)) {
        json_array_append(frame->merges, value);
        return ERR_OK;
    }
    json_array_foreach (value, i, element) {
        if (!json_is_object(element))
            break;
        json_array_append(frame->merges, element);
    }
    if (!json_is_array(value) || i < json_array_size(value))
        return fail_at(r, at, "yaml_syntax", "<< takes a mapping or a list of mappings");
    return ERR_OK;
}

/* Hand a finished value and its mark (both taken) to the collection it stands in. */
static enum err_code put(struct reader *r, yaml_mark_t at, json_t *value, json_t *mark)
{
    struct frame *frame = r->depth ? &r->frames[r->depth - 1] : NULL;

    if (!frame) {
        r->root = value;
        r->root_mark = mark;
    } else if (json_is_array(frame->value)) {
        json_array_append_new(frame->value, value);
        json_array_append_new(frame->members, mark);
    } else if (frame->is_merge) {
        add_merge(r, frame, at, value);
        json_decref(value);
        json_decref(mark);
    } else {
        json_object_set_new(frame->value, frame->key, value);
        json_object_set_new(frame->members, frame->key, mark);
    }
    if (frame) {
        free(frame->key);
        frame->key = NULL;
        frame->is_merge = false;
    }
    return r->err->code;
}

static bool wants_key(const struct reader *r)
{
    return r->depth && json_is_object(r->frames[r->depth - 1].value) &&
           !r->frames[r->depth - 1].key;
}

static enum err_code take_key(struct reader *r, const yaml_event_t *event)
{
    struct frame *frame = &r->frames[r->depth - 1];
    const char *text = (const char *)event->data.scalar.value;
    json_t *checked;

    if (memchr(text, '\0', event->data.scalar.length))
        return fail_at(r, event->start_mark, "yaml_feature", "a NUL character is not taken");
    checked = json_stringn(text, event->data.scalar.length);
    if (!checked)
        return fail_at(r, event->start_mark, "yaml_syntax", "the text is not valid UTF-8");
    json_decref(checked);
    frame->is_merge =
        strcmp(text, MERGE_KEY) == 0 && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (frame->is_merge ? frame->merges != NULL : json_object_get(frame->value, text) != NULL)
        return error_because(r->err, ERR_INVALID, "yaml_syntax",
                             "%s:%zu:%zu: the key \"%.100s\" stands here twice", r->file_name,
                             event->start_mark.line + 1, event->start_mark.column + 1, text);
    frame->key = mem_strdup(text);
    return ERR_OK;
}

static size_t anchor_add(struct reader *r, const yaml_char_t *name)
{
    if (!name)
        return 0;
    if (r->n_anchors == r->anchors_capacity) {
        r->anchors_capacity = r->anchors_capacity ? r->anchors_capacity * 2 : 8;
        r->anchors = mem_realloc(r->anchors, r->anchors_capacity, sizeof(*r->anchors));
    }
    r->anchors[r->n_anchors++] = (struct anchor){.name = mem_strdup((const char *)name)};
    return r->n_anchors;
}

static void anchor_set(struct reader *r, size_t anchor, json_t *value, size_t n_nodes,
                       size_t height)
{
    if (!anchor)
        return;
    r->anchors[anchor - 1].value = json_incref(value);
    r->anchors[anchor - 1].n_nodes = n_nodes;
    r->anchors[anchor - 1].height = height;
}

static void raise_height(struct reader *r, size_t height_below)
{
    if (r->depth && r->frames[r->depth - 1].height < height_below + 1)
        r->frames[r->depth - 1].height = height_below + 1;
}

static enum err_code on_alias(struct reader *r, const yaml_event_t *event)
{
    const char *name = (const char *)event->data.alias.anchor;
    const struct anchor *anchor = NULL;

    if (wants_key(r))
        return fail_at(r, event->start_mark, "yaml_feature", "an alias as a key is not taken");
    if (++r->n_aliases > YAML_MAX_ALIASES)
        return fail_limit(r, event->start_mark, "too many aliases", YAML_MAX_ALIASES);
    for (size_t i = r->n_anchors; i > 0 && !anchor; i--) /* the latest of that name */
        if (strcmp(r->anchors[i - 1].name, name) == 0)
            anchor = &r->anchors[i - 1];
    if (!anchor)
        return fail_at(r, event->start_mark, "yaml_syntax", "the alias names no anchor");
    if (!anchor->value)
        return fail_at(r, event->start_mark, "yaml_feature", "the alias stands inside its anchor");
    if (r->depth + anchor->height > YAML_MAX_DEPTH)
        return fail_limit(r, event->start_mark, "nested too deep", YAML_MAX_DEPTH);
    if (count_nodes(r, event->start_mark, anchor->n_nodes))
        return r->err->code;
    raise_height(r, anchor->height);
    return put(r, event->start_mark, json_deep_copy(anchor->value),
               mark_scalar(event->start_mark.line + 1));
}

static enum err_code on_scalar(struct reader *r, const yaml_event_t *event)
{
    json_t *value = NULL;

    if (check_tag(r, event, event->data.scalar.tag, scalar_tags) ||
        count_nodes(r, event->start_mark, 1))
        return r->err->code;
    if (wants_key(r)) {
        if (event->data.scalar.anchor)
            return fail_at(r, event->start_mark, "yaml_feature", "an anchor on a key is not taken");
        return take_key(r, event);
    }
    if (scalar_value(r, event, &value))
        return r->err->code;
    anchor_set(r, anchor_add(r, event->data.scalar.anchor), value, 1, 0);
    return put(r, event->start_mark, value, mark_scalar(event->start_mark.line + 1));
}

static enum err_code on_open(struct reader *r, const yaml_event_t *event, bool is_object,
                             const yaml_char_t *tag, const yaml_char_t *anchor)
{
    struct frame *frame;

    if (wants_key(r))
        return fail_at(r, event->start_mark, "yaml_feature", "a collection as a key is not taken");
    if (check_tag(r, event, tag, is_object ? mapping_tags : sequence_tags))
        return r->err->code;
    if (r->depth == YAML_MAX_DEPTH)
        return fail_limit(r, event->start_mark, "nested too deep", YAML_MAX_DEPTH);
    if (count_nodes(r, event->start_mark, 1))
        return r->err->code;
    frame = &r->frames[r->depth++];
    *frame = (struct frame){
        .value = is_object ? json_object() : json_array(),
        .members = is_object ? json_object() : json_array(),
        .line = event->start_mark.line + 1,
        .anchor = anchor_add(r, anchor),
        .n_nodes = 1,
        .height = 1,
    };
    return ERR_OK;
}

static void frame_clear(struct frame *frame)
{
    json_decref(frame->value);
    json_decref(frame->members);
    json_decref(frame->merges);
    free(frame->key);
}

static enum err_code on_close(struct reader *r, const yaml_event_t *event)
{
    struct frame frame = r->frames[--r->depth];
    bool is_object = json_is_object(frame.value);
    json_t *merged, *mark;
    size_t i;

    /* What is written out wins over what is merged in, and earlier mappings over later ones. */
    json_array_foreach (frame.merges, i, merged)
        json_object_update_missing(frame.value, merged);
    json_decref(frame.merges);
    mark = json_object();
    json_object_set_new(mark, "line", mark_scalar(frame.line));
    json_object_set_new(mark, is_object ? "members" : "elements", frame.members);
    anchor_set(r, frame.anchor, frame.value, frame.n_nodes, frame.height);
    raise_height(r, frame.height);
    return put(r, event->start_mark, frame.value, mark);
}

static enum err_code on_document(struct reader *r, const yaml_event_t *event)
{
    if (event->data.document_start.tag_directives.start !=
        event->data.document_start.tag_directives.end)
        return fail_at(r, event->start_mark, "yaml_feature", "%TAG is not taken");
    if (r->root && !r->documents)
        return fail_at(r, event->start_mark, "yaml_feature",
                       "a second document in one file is not taken");
    return ERR_OK;
}

static void clear_anchors(struct reader *r)
{
    for (size_t i = 0; i < r->n_anchors; i++) {
        free(r->anchors[i].name);
        json_decref(r->anchors[i].value);
    }
    r->n_anchors = 0;
}

/* A document without a value is an empty object. */
static enum err_code check_root(struct reader *r)
{
    if (!r->root || json_is_null(r->root)) {
        json_decref(r->root);
        json_decref(r->root_mark);
        r->root = json_object();
        r->root_mark = mark_scalar(1);
    }
    if (!json_is_object(r->root) && !json_is_array(r->root))
        return error_because(r->err, ERR_INVALID, "yaml_syntax",
                             "%s:%d:1: a mapping or a list was expected", r->file_name,
                             yaml_mark_line(r->root_mark));
    return ERR_OK;
}

/* Anchors end with their document. */
static enum err_code on_document_end(struct reader *r)
{
    if (!r->documents || check_root(r))
        return r->err->code;
    json_array_append_new(r->documents, r->root);
    json_array_append_new(r->document_marks, r->root_mark);
    r->root = r->root_mark = NULL;
    clear_anchors(r);
    return ERR_OK;
}

static enum err_code on_event(struct reader *r, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return on_document(r, event);
    case YAML_DOCUMENT_END_EVENT:
        return on_document_end(r);
    case YAML_ALIAS_EVENT:
        return on_alias(r, event);
    case YAML_SCALAR_EVENT:
        return on_scalar(r, event);
    case YAML_SEQUENCE_START_EVENT:
        return on_open(r, event, false, event->data.sequence_start.tag,
                       event->data.sequence_start.anchor);
    case YAML_MAPPING_START_EVENT:
        return on_open(r, event, true, event->data.mapping_start.tag,
                       event->data.mapping_start.anchor);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return on_close(r, event);
    default:
        return ERR_OK;
    }
}

static enum err_code read_events(struct reader *r)
{
    yaml_event_t event;
    bool is_end = false;

    while (!is_end && r->err->code == ERR_OK) {
        if (!yaml_parser_parse(&r->parser, &event))
            return fail_parser(r);
        is_end = event.type == YAML_STREAM_END_EVENT;
        on_event(r, &event);
        yaml_event_delete(&event);
    }
    return r->err->code || r->documents ? r->err->code : check_root(r);
}

static enum err_code yaml_read(struct str text, const char *file_name, bool takes_all, json_t **out,
                               json_t **marks, struct error *err)
{
    struct reader *r;

    if (text.n_bytes > YAML_MAX_BYTES)
        return error_because(err, ERR_INVALID, "yaml_feature",
                             "%s:1:1: the file has %zu bytes (limit %u)", file_name, text.n_bytes,
                             YAML_MAX_BYTES);
    if (text.n_bytes >= strlen(utf8_bom) && memcmp(text.bytes, utf8_bom, strlen(utf8_bom)) == 0) {
        text.bytes += strlen(utf8_bom);
        text.n_bytes -= strlen(utf8_bom);
    }
    r = mem_alloc(1, sizeof(*r));
    r->file_name = file_name;
    r->err = err;
    if (takes_all) {
        r->documents = json_array();
        r->document_marks = json_array();
    }
    if (!yaml_parser_initialize(&r->parser)) {
        error_set(err, ERR_INTERNAL, "could not start the YAML parser");
    } else {
        yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING); /* no guessing at UTF-16 */
        yaml_parser_set_input_string(&r->parser, (const unsigned char *)text.bytes, text.n_bytes);
        read_events(r);
        yaml_parser_delete(&r->parser);
    }
    while (r->depth > 0)
        frame_clear(&r->frames[--r->depth]);
    clear_anchors(r);
    free(r->anchors);
    if (err->code) {
        json_decref(r->root);
        json_decref(r->root_mark);
        json_decref(r->documents);
        json_decref(r->document_marks);
    } else {
        *out = takes_all ? r->documents : r->root;
        *marks = takes_all ? r->document_marks : r->root_mark;
    }
    free(r);
    return err->code;
}

/* --- JSON or YAML --- */

static bool looks_like_json(struct str text)
{
    size_t i = 0;

    while (i < text.n_bytes && strchr(" \t\r\n", text.bytes[i]) && text.bytes[i])
        i++;
    return i < text.n_bytes && (text.bytes[i] == '{' || text.bytes[i] == '[');
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), n_end = strlen(end);

    return n >= n_end && strcmp(text + n - n_end, end) == 0;
}

static enum err_code read_either(struct str text, const char *file_name, bool takes_all,
                                 json_t **out, json_t **marks, struct error *err)
{
    struct error not_yaml = {0};
    struct error not_json = {0};
    json_t *document;

    *marks = NULL;
    if (!looks_like_json(text))
        return yaml_read(text, file_name, takes_all, out, marks, err);
    if (json_read(text, &json_limits_document, &document, &not_json) == ERR_OK) {
        *out = takes_all ? json_pack("[o]", document) : document;
        *marks = takes_all ? json_pack("[n]") : NULL;
        return ERR_OK;
    }
    if (strcmp(error_reason(&not_json), "json_syntax") == 0 && !ends_with(file_name, ".json") &&
        yaml_read(text, file_name, takes_all, out, marks, &not_yaml) == ERR_OK)
        return ERR_OK;
    error_context(&not_json, "%s", file_name);
    if (err->code == ERR_OK)
        *err = not_json;
    return err->code;
}

enum err_code yaml_or_json_read_marked(struct str text, const char *file_name, json_t **out,
                                       json_t **marks, struct error *err)
{
    return read_either(text, file_name, false, out, marks, err);
}

enum err_code yaml_or_json_read_all(struct str text, const char *file_name, json_t **out,
                                    json_t **marks, struct error *err)
{
    return read_either(text, file_name, true, out, marks, err);
}

enum err_code yaml_or_json_read(struct str text, const char *file_name, json_t **out,
                                struct error *err)
{
    json_t *marks = NULL;

    if (yaml_or_json_read_marked(text, file_name, out, &marks, err) == ERR_OK)
        json_decref(marks);
    return err->code;
}

int yaml_mark_line(const json_t *mark)
{
    return (int)json_integer_value(json_is_object(mark) ? json_object_get(mark, "line") : mark);
}

const json_t *yaml_mark_member(const json_t *mark, const char *key)
{
    return json_object_get(json_object_get(mark, "members"), key);
}

const json_t *yaml_mark_element(const json_t *mark, size_t i)
{
    return json_array_get(json_object_get(mark, "elements"), i);
}
