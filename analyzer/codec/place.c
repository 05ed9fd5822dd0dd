/* libyaml's events carry the marks that the tree has lost, and JSON is YAML enough for them. We
 * follow the events down the one path that the pointer names: a collection beside it is skipped by
 * counting, so there is nothing to keep but the depth reached. */
#include "analyzer/codec/place.h"

#include "base/arena.h"
#include "base/limits.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct search {
    const char *segment; /* the one looked for in the collection we are in; "/..." or "" */
    bool is_map;         /* that collection */
    bool has_key;        /* in a map: the next value belongs to a key that has been read */
    bool is_next;        /* the next value is the one the segment names */
    size_t index;        /* in a list: of the next value */
    size_t n_skipped;    /* open collections that are beside the path */
    bool is_in;          /* the root collection is open */
    bool is_done, of_key;
    yaml_mark_t key;
    struct place best;
};

static size_t segment_length(const char *segment)
{
    return *segment == '/' ? strcspn(segment + 1, "/") : 0;
}

/* Is the segment, "~1" and "~0" undone, this text? */
static bool names(const char *segment, const char *text)
{
    const char *at = segment + 1, *end = at + segment_length(segment);

    for (; at < end && *text; at++, text++) {
        char c = *at;

        if (c == '~' && at + 1 < end)
            c = *++at == '1' ? '/' : '~';
        if (c != *text)
            return false;
    }
    return at == end && *text == '\0';
}

static struct place place_of(yaml_mark_t mark)
{
    return (struct place){mark.line + 1, mark.column + 1};
}

/* The value that the segment names begins: go on to the next segment. */
static void descend(struct search *s, yaml_mark_t mark, bool is_collection, bool is_map)
{
    if (s->is_in) {
        s->segment += 1 + segment_length(s->segment);
        s->best = s->of_key && s->is_map && *s->segment == '\0' ? place_of(s->key) : place_of(mark);
    } else {
        s->best = place_of(mark);
    }
    s->is_in = true;
    s->is_next = s->has_key = false;
    s->is_map = is_map;
    s->index = 0;
    s->is_done = *s->segment == '\0' || !is_collection;
}

static void on_value(struct search *s, const yaml_event_t *event)
{
    bool is_map = event->type == YAML_MAPPING_START_EVENT;
    bool is_collection = is_map || event->type == YAML_SEQUENCE_START_EVENT;
    bool is_key = s->is_in && !s->n_skipped && s->is_map && !s->has_key;

    if (s->n_skipped) {
        s->n_skipped += is_collection;
        return;
    }
    if (is_key && event->type == YAML_SCALAR_EVENT) {
        s->has_key = true;
        s->key = event->start_mark;
        s->is_next = names(s->segment, (const char *)event->data.scalar.value);
        return;
    }
    if (s->is_in && !s->is_map) {
        char *end;
        size_t wanted = strtoul(s->segment + 1, &end, 10);

        s->is_next = wanted == s->index++ && end == s->segment + 1 + segment_length(s->segment);
    }
    if (!s->is_in || (s->is_next && !is_key)) {
        descend(s, event->start_mark, is_collection, is_map);
        return;
    }
    s->has_key = is_key; /* a key that is a collection: the reader refuses it */
    s->n_skipped = is_collection;
}

static void on_event(struct search *s, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
    case YAML_ALIAS_EVENT:
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        on_value(s, event);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        if (s->n_skipped)
            s->n_skipped--;
        else
            s->is_done = true; /* the end of what should have had it */
        break;
    case YAML_DOCUMENT_END_EVENT:
    case YAML_STREAM_END_EVENT:
        s->is_done = true;
        break;
    default:
        break;
    }
}

#define N_DIGITS 4u /* of an escape */

/* JSON writes what is beyond 16 bits as two escapes, \ud83d\ude00, at which libyaml stops. In a
 * copy they are made letters of the same length, \uaaaa. */
static void hide_surrogates(char *text, size_t n_bytes)
{
    for (size_t i = 0; i + 2 + N_DIGITS <= n_bytes; i++)
        if (text[i] == '\\' && text[i + 1] == 'u' && (text[i + 2] == 'd' || text[i + 2] == 'D') &&
            strchr("89abcdefABCDEF", text[i + 3]))
            memset(text + i + 2, 'a', N_DIGITS);
}

struct place place_find(struct str text, const char *pointer, bool of_key)
{
    struct search search = {.segment = pointer, .of_key = of_key, .best = {1, 1}};
    yaml_parser_t parser;
    yaml_event_t event;
    char *copy;

    if (text.n_bytes > YAML_MAX_BYTES || !yaml_parser_initialize(&parser))
        return search.best;
    copy = mem_alloc(text.n_bytes + 1, 1);
    if (text.n_bytes)
        memcpy(copy, text.bytes, text.n_bytes);
    hide_surrogates(copy, text.n_bytes);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)copy, text.n_bytes);
    while (!search.is_done && yaml_parser_parse(&parser, &event)) {
        on_event(&search, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    free(copy);
    return search.best;
}
