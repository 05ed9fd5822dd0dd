/* collectors/query_template.h -- ${name} in a query template, expanded as Kayenta does. No
 * expression language: a name is looked up, and that is all.
 *
 * `${name}` is replaced, `${name:-text}` uses `text` when the name is unbound, `$${name}` yields
 * `${name}`, and `$\{` is another way to write `${` (configs travel through pipeline engines that
 * would evaluate `${`). A value is scanned again. What is not closed stays as it is.
 *
 * Values are inserted raw, so one that could leave the quoted literal it stands in is refused. */
#ifndef COLLECTORS_QUERY_TEMPLATE_H
#define COLLECTORS_QUERY_TEMPLATE_H

#include "base/metric_set.h"
#include "collectors/metric_query.h"

/* What a template may refer to. */
struct template_bindings {
    const struct tag *items; /* later ones win */
    size_t n_items;
    bool refuse_bare; /* outside quotes, refuse all but A-Z a-z 0-9 _ . : - / * | */
};

/* The text of the query's template: `customInlineTemplate`, else the entry of `templates` that
 * `customFilterTemplate` names, else NULL. Borrowed from the query.
 * Errors: ERR_INVALID with Kayenta's texts. */
MUST_CHECK enum err_code template_find(const struct metric_query *query, const char **out,
                                       struct error *err);

/* Expand the query's own template; *out is NULL when it has none. It may refer to `named` (values
 * that are NULL or "" are unbound) and to every extended scope parameter, which wins.
 * Errors: those of template_find() and template_expand(). */
MUST_CHECK enum err_code template_expand_query(const struct metric_query *query,
                                               const struct tag *named, size_t n_named,
                                               bool refuse_bare, struct arena *arena,
                                               const char **out, struct error *err);

/* Errors: ERR_INVALID "Problem evaluating custom filter template: <text>..." naming the variable:
 *         unbound; reason template_cycle (a value refers to itself, or is nested deeper than
 *         TEMPLATE_MAX_DEPTH); template_too_large; unsafe_template_value. */
MUST_CHECK enum err_code template_expand(const char *text, const struct template_bindings *bindings,
                                         const char *metric_name, struct arena *arena,
                                         const char **out, struct error *err);

/* The same check for a value that a collector itself puts between two `quote` characters. */
MUST_CHECK enum err_code template_check_quoted(const char *name, const char *value, char quote,
                                               const char *metric_name, struct error *err);

/* For accounts with rejectUnsafeValues: refuse `"`, `'`, `\`, `{`, `}` and control characters in
 * the scope, the location and every parameter. */
MUST_CHECK enum err_code template_check_scope(const struct scope *scope, const char *metric_name,
                                              struct error *err);

#endif
