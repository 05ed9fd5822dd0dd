#include "collectors/http_message.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum err_code http_request_header(struct http_request *request, struct arena *arena,
                                  const char *name, const char *value, struct error *err)
{
    struct http_header *grown;

    /* NUL cannot be in terminated text; a line break would start a header of its own. */
    if (name[0] == '\0' || strpbrk(name, "\r\n: ") || strpbrk(value, "\r\n"))
        return error_set(err, ERR_INVALID, "the header \"%.64s\" holds characters it may not",
                         name);
    grown = arena_array(arena, struct http_header, request->n_headers + 1);
    if (request->n_headers)
        memcpy(grown, request->headers, request->n_headers * sizeof(*grown));
    grown[request->n_headers++] =
        (struct http_header){arena_strdup(arena, name), arena_strdup(arena, value)};
    request->headers = grown;
    return ERR_OK;
}

bool http_request_is_same(const struct http_request *a, const struct http_request *b)
{
    return strcmp(a->method, b->method) == 0 && strcmp(a->url, b->url) == 0 &&
           a->n_body_bytes == b->n_body_bytes &&
           (a->n_body_bytes == 0 || memcmp(a->body, b->body, a->n_body_bytes) == 0);
}

const char *http_response_header(const struct http_response *response, const char *name)
{
    for (size_t i = 0; i < response->n_headers; i++)
        if (strcasecmp(response->headers[i].name, name) == 0)
            return response->headers[i].value;
    return NULL;
}

void http_percent_encode(struct strbuf *out, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (isalnum(c) || strchr("-._~", c))
            strbuf_append(out, text, 1);
        else
            strbuf_printf(out, "%%%02X", c);
    }
}

void http_form_add(struct strbuf *form, const char *name, const char *value)
{
    if (!value)
        return;
    if (form->n_bytes)
        strbuf_append(form, "&", 1);
    http_percent_encode(form, name);
    strbuf_append(form, "=", 1);
    http_percent_encode(form, value);
}
