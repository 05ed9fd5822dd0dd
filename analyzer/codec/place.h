/* analyzer/codec/place.h -- where in a document, JSON or YAML, a JSON pointer points. */
#ifndef ANALYZER_CODEC_PLACE_H
#define ANALYZER_CODEC_PLACE_H

#include "base/str.h"
#include <stdbool.h>

/* Both from 1; columns count characters. */
struct place {
    size_t line, column;
};

/* The place of the value, or of its key, at `pointer` ("/metrics/3/name", RFC 6901); where that is
 * not written out (absent, or behind an alias or <<), the nearest around it that is; 1:1 if none.
 * Only the first document of a file is looked at. The text need not be valid to its end. */
struct place place_find(struct str text, const char *pointer, bool of_key);

#endif
