/* analyzer/codec/document.h -- JSON documents described by a table of their members.
 *
 * document_view() keeps what the table knows and drops the rest, coerces scalars the way Kayenta
 * does ("60" for 60, 1.0 for "1.0"), leaves out nulls, and names the member that has a wrong type.
 */
#ifndef ANALYZER_CODEC_DOCUMENT_H
#define ANALYZER_CODEC_DOCUMENT_H

#include "base/error.h"
#include <jansson.h>

enum document_kind {
    DOC_TEXT,        /* text; numbers and booleans become text */
    DOC_NUMBER,      /* a real; numeric text is taken, "NaN" and infinities stay text */
    DOC_INTEGER,     /* an integer; numeric text is taken, a fraction is cut */
    DOC_BOOLEAN,     /* true, false, "true", "false" */
    DOC_TEXT_LIST,   /* array of text */
    DOC_TEXT_MAP,    /* object of text */
    DOC_NUMBER_MAP,  /* object of reals */
    DOC_ANY_MAP,     /* object of anything, without its nulls */
    DOC_OBJECT,      /* object, see members */
    DOC_OBJECT_LIST, /* array of objects, see members */
    DOC_OBJECT_MAP,  /* object of objects, see members */
    DOC_CUSTOM,      /* see custom */
};

struct document_member {
    const char *name;
    enum document_kind kind;
    const struct document_member *members;
    /* DOC_CUSTOM: a new value from a non-null one, or NULL with err set */
    json_t *(*custom)(const json_t *value, struct error *err);
};

/* A new object, or NULL with err set (ERR_INVALID, reason bad_type, pointer). `members` ends with a
 * zeroed row. */
json_t *document_view(const json_t *object, const struct document_member *members,
                      struct error *err);

/* Call `found` for every member that the table does not know, here and in the objects below it, but
 * not inside DOC_CUSTOM. `pointer` ("/metrics/3/scopName") is good during the call; `members` is
 * the table it is not in. */
typedef void document_unknown(void *ctx, const char *pointer, const char *key,
                              const struct document_member *members);
void document_review(const json_t *object, const char *pointer,
                     const struct document_member *members, document_unknown *found, void *ctx);

#endif
