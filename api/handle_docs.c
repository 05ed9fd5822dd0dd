#include "api/handlers.h"
#include "api/openapi.h"
#include "api/respond.h"

#include <microhttpd.h>

enum err_code handle_openapi(struct api_call *call, struct error *err)
{
    json_t *document;

    if (openapi_document(api_routes, api_n_routes, &document, err))
        return err->code;
    respond_tree_take(call, MHD_HTTP_OK, document);
    return ERR_OK;
}

static void release_strbuf(void *buf)
{
    strbuf_clear(buf);
}

enum err_code handle_api_docs(struct api_call *call, struct error *err)
{
    struct strbuf *page = arena_new(call->arena, struct strbuf);
    json_t *document;

    if (openapi_document(api_routes, api_n_routes, &document, err))
        return err->code;
    arena_defer(call->arena, release_strbuf, page);
    openapi_page(document, page);
    json_decref(document);
    respond_text(call, "text/html; charset=utf-8", strbuf_view(page));
    return ERR_OK;
}
