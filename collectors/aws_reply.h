/* collectors/aws_reply.h -- reading what those who give keys of AWS answer: XML from STS, JSON or
 * one line of text from the others. Pure; all texts live in `arena`. Part of aws_credentials.h. */
#ifndef COLLECTORS_AWS_REPLY_H
#define COLLECTORS_AWS_REPLY_H

#include "base/limits.h"
#include "collectors/http_message.h"

#define AWS_REPLY_MAX_BYTES (64u * KIB)

struct aws_reply_keys {
    const char *id, *secret, *token, *end; /* NULL: not there */
};

/* The keys in JSON, or where `may_be_xml` in XML. They may be missing or empty.
 * Errors: ERR_UPSTREAM: too large, no such document, or it says that it failed. */
MUST_CHECK enum err_code aws_reply_keys(const struct http_response *reply, bool may_be_xml,
                                        struct arena *arena, struct aws_reply_keys *out,
                                        struct error *err);

/* When they end. False: it is neither RFC 3339 nor seconds since 1970. */
bool aws_reply_end(const char *text, int64_t *out_unix_s);

/* The text between the first such start tag and its end tag; NULL: there is none. */
const char *aws_reply_xml(const char *body, const char *name, struct arena *arena);

/* One line of plain text, such as a token or a role's name. NULL: it is none. */
const char *aws_reply_line(const struct http_response *reply, struct arena *arena);

#endif
