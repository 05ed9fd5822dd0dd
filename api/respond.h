/* api/respond.h -- filling in the reply, and the one table from errors to HTTP statuses. */
#ifndef API_RESPOND_H
#define API_RESPOND_H

#include "api/call.h"

/* `body` is borrowed until the reply has been sent: it lives in the call's arena or is static. */
void respond_json(struct api_call *call, struct str body);
void respond_text(struct api_call *call, const char *content_type, struct str body);
void respond_empty(struct api_call *call, unsigned status);
/* {"<key>":"<value>"}, the answer to most writing calls. */
void respond_member(struct api_call *call, const char *key, const char *value);
/* {"<key>":"<id>"} for a run that has been started; the Location header says where its status is:
 * `path` and the id, behind http.external_url where that is set. */
void respond_started(struct api_call *call, const char *key, const char *path, const char *id);
/* Any JSON tree; takes the reference. */
void respond_tree_take(struct api_call *call, unsigned status, json_t *tree);

/* The status an error is answered with. */
unsigned respond_status(const struct error *err);

/* The error body of reliability-and-security.md: message, status, code, request id, pointer. Where
 * Kayenta's framework would have refused the request, the members of RFC 9457 are added. The text
 * of our own failures (storage, internal) goes to the log, not to the client. */
void respond_error(struct api_call *call, const struct error *err);

#endif
