/* collectors/token_keeper.h -- one account's bearer token, fetched through the fetch engine and
 * kept fresh for all its queries. Part of the fetch engine; used on its thread only. */
#ifndef COLLECTORS_TOKEN_KEEPER_H
#define COLLECTORS_TOKEN_KEEPER_H

#include "collectors/fetch.h"

struct token_keeper;

enum token_state {
    TOKEN_READY,   /* token_keeper_text() is good now */
    TOKEN_PENDING, /* on its way; there is one request, however many wait */
    TOKEN_REFUSED, /* token_keeper_error() says why; asked for again after a while */
};

struct token_keeper *token_keeper_create(struct fetch *fetch);
void token_keeper_free(struct token_keeper *keeper); /* NULL is accepted */

/* What the account has. Asks for a token when there is none, and for a new one ahead of the end of
 * the old one, which is used meanwhile. */
enum token_state token_keeper_look(struct token_keeper *keeper, const struct account *account,
                                   int64_t now_mono_ms);

const char *token_keeper_text(const struct token_keeper *keeper);
const struct error *token_keeper_error(const struct token_keeper *keeper);

/* The store did not accept this token: forget it, unless there is a newer one. */
void token_keeper_drop(struct token_keeper *keeper, const char *text);

#endif
