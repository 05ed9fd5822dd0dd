/* collectors/sigv4.h -- AWS Signature Version 4 over a request's headers and body.
 *
 * Source: AWS General Reference, "Signing AWS API requests": canonical request, string to sign,
 * signing key, Authorization header. As for every service but S3, the path is encoded once more. */
#ifndef COLLECTORS_SIGV4_H
#define COLLECTORS_SIGV4_H

#include "base/arena.h"
#include "base/str.h"
#include "collectors/http_message.h"
#include <stdint.h>

/* What the credentials are for. */
struct sigv4_place {
    const char *region, *service;
};

struct sigv4_keys {
    const char *id, *secret;
    const char *token; /* of temporary ones; NULL for others */
};

struct sigv4_request {
    const char *method;
    const char *url;                   /* absolute; its query as percent-encoded by us */
    const struct http_header *headers; /* those to sign, besides host, date and token */
    size_t n_headers;
    struct str body;
};

/* Headers to be sent: X-Amz-Date, Authorization, and with a token X-Amz-Security-Token. */
struct sigv4_headers {
    struct http_header items[3];
    size_t n_items;
};

struct sigv4_headers sigv4_sign(const struct sigv4_request *request,
                                const struct sigv4_place *place, const struct sigv4_keys *keys,
                                int64_t now_unix_s, struct arena *arena);

/* The canonical request alone, for comparing with what others make of it. */
const char *sigv4_canonical(const struct sigv4_request *request, const struct sigv4_keys *keys,
                            int64_t now_unix_s, struct arena *arena, const char **signed_names);

/* Keys as one line of text each, as the fetch engine's token, and back. */
const char *sigv4_keys_pack(const struct sigv4_keys *keys, struct arena *arena);
struct sigv4_keys sigv4_keys_unpack(const char *text, struct arena *arena);

/* Whether an error reply says that credentials or clock are out of date, so that signing anew with
 * fresh ones may help. */
bool sigv4_is_outdated(long status, struct str body);

#endif
