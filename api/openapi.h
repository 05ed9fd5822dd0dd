/* api/openapi.h -- the description of this API as OpenAPI 3.1 and as a page to read.
 *
 * Which paths and methods there are, their path parameters and their operation ids come from the
 * route table; the words, query parameters and schemas are written by hand in api/openapi.json. A
 * route without words is still listed; tests/unit/api/openapi_test.c fails for it. */
#ifndef API_OPENAPI_H
#define API_OPENAPI_H

#include "api/router.h"
#include "base/str.h"
#include <jansson.h>

/* api/openapi.json as it was when this was built. */
struct str openapi_source(void);

/* A new reference. Errors: ERR_INTERNAL when the hand-written part is not JSON. */
MUST_CHECK enum err_code openapi_document(const struct route *routes, size_t n_routes, json_t **out,
                                          struct error *err);

/* The document as HTML: no script, no style, nothing from elsewhere; every text escaped. */
void openapi_page(const json_t *document, struct strbuf *out);

#endif
