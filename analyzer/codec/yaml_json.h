/* analyzer/codec/yaml_json.h -- a settings file or a document written by hand, JSON or YAML, as a
 * jansson tree.
 *
 * What starts with `{` or `[` is read as JSON. When that fails on the grammar alone and the file is
 * not called *.json, it is tried as a YAML flow collection; if that fails too, JSON's error stands.
 *
 * YAML is read by the core schema of YAML 1.2: true, false, null (also ~ and nothing), integers
 * (decimal, 0x, 0o), reals. Everything else is text: no, on, 010, 1_000, 1:30, dates, and whatever
 * is quoted. Reals that JSON cannot hold (.inf, .nan) and integers beyond 64 bits stay text.
 * Anchors, aliases and merge keys (<<) are expanded under the budget of base/limits.h
 * (YAML_MAX_...). An empty document is an empty object. */
#ifndef ANALYZER_CODEC_YAML_JSON_H
#define ANALYZER_CODEC_YAML_JSON_H

#include "base/error.h"
#include "base/str.h"
#include <jansson.h>

/* Read one document, an object or an array. *out is owned by the caller (json_decref).
 *
 * file_name   for messages only
 *
 * Errors: ERR_INVALID, message `<file>:<line>:<column>: ...`, reason yaml_syntax (grammar, bad
 * UTF-8, tab indent, duplicate key) or yaml_feature (alias bomb, cycle, foreign tag, %TAG, second
 *         document, too deep, too large); for JSON the reasons of json_read(). */
MUST_CHECK enum err_code yaml_or_json_read(struct str text, const char *file_name, json_t **out,
                                           struct error *err);

/* The same with the line each value stands on. *marks mirrors the tree: an integer for a scalar,
 * {"line": n, "members": {...}} for an object, {"line": n, "elements": [...]} for an array; what
 * came in through an alias has the line of the alias. Read it with yaml_mark_...(). NULL when the
 * text was JSON. Owned by the caller. */
MUST_CHECK enum err_code yaml_or_json_read_marked(struct str text, const char *file_name,
                                                  json_t **out, json_t **marks, struct error *err);
/* The same for a file that may hold several documents, as Spring's settings do: *out and *marks are
 * arrays with one entry a document. JSON is one document, its mark null. */
MUST_CHECK enum err_code yaml_or_json_read_all(struct str text, const char *file_name, json_t **out,
                                               json_t **marks, struct error *err);
int yaml_mark_line(const json_t *mark);                              /* 0: unknown */
const json_t *yaml_mark_member(const json_t *mark, const char *key); /* borrowed; NULL: unknown */
const json_t *yaml_mark_element(const json_t *mark, size_t i);

#endif
