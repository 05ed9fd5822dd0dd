/* collectors/token_steps.h -- what the code that asks for tokens shares: what the account says,
 * where one grant stands, and the requests it is made of. Part of token.h. */
#ifndef COLLECTORS_TOKEN_STEPS_H
#define COLLECTORS_TOKEN_STEPS_H

#include "collectors/mask.h"
#include "collectors/token.h"

enum token_kind { TOKEN_GOOGLE, TOKEN_CLIENT, TOKEN_AWS };

struct token_source {
    enum token_kind kind;
    const struct account *account;
    const struct aws_source *aws;                    /* all there is of TOKEN_AWS */
    const char *json_path, *token_url, *impersonate; /* NULL where not given */
    const char *scopes;                              /* separated by spaces */
    const char *client_id;
    const json_t *params; /* further members of the form, or NULL */
    const char *ca_file;
};

enum token_step { TOKEN_STEP_SUBJECT, TOKEN_STEP_FIRST, TOKEN_STEP_IMPERSONATE };

struct token_steps {
    const struct token_source *source;
    struct arena *arena;
    enum token_step now;
    json_t *file;                /* the credentials, NULL: none */
    const char *subject_field;   /* where a subject token stands in a JSON reply; NULL: all of it */
    const char *impersonate_url; /* NULL: no such step */
    struct mask secrets;         /* not to be shown */
    bool is_metadata;
};

bool token_url_is_http(const char *text); /* absolute, http or https, without user info */

/* The error of a grant, without its secrets. Returns ERR_UPSTREAM, reason store_auth_failed. */
enum err_code token_failed(const struct token_steps *steps, const char *text, struct error *err);

/* Make the grant's request: GET, or with a body POST. Errors: those of token_failed(). */
MUST_CHECK enum err_code token_ask(struct token_grant *grant, const char *url, const char *type,
                                   const char *body, struct error *err);

/* The same with a form, which is cleared. */
MUST_CHECK enum err_code token_ask_form(struct token_grant *grant, const char *url,
                                        struct strbuf *form, struct error *err);

/* One more header of the request. */
MUST_CHECK enum err_code token_ask_header(struct token_grant *grant, const char *name,
                                          const char *value, struct error *err);

#endif
