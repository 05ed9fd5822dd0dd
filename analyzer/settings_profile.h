/* analyzer/settings_profile.h -- Spring's profiles: which are active, and what a document asks. */
#ifndef ANALYZER_SETTINGS_PROFILE_H
#define ANALYZER_SETTINGS_PROFILE_H

#include "analyzer/settings_tree.h"

struct settings_profiles {
    const char *const *names;
    size_t n_names;
};

/* SPRING_PROFILES_ACTIVE, a list with commas; where it is not set, "test" and "local". */
struct settings_profiles settings_profiles_active(struct arena *arena);
const char *settings_profiles_text(struct arena *arena); /* "test, local"; "none" */

/* Is one of the profiles, or profile expressions, that a document lists active?
 * Errors: ERR_SETTINGS: a broken expression, or & and | mixed without parentheses. */
MUST_CHECK enum err_code settings_profile_matches(struct settings_tree *tree,
                                                  const struct setting *list, bool *out,
                                                  struct error *err);

#endif
