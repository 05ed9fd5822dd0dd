/* analyzer/settings_files.h -- which files hold the settings, and which of their documents count.
 *
 * One file may hold several documents when it is written for Kayenta: Spring's way. A document with
 * spring.config.activate.on-profile (or, older, spring.profiles) counts when that profile is
 * active: SPRING_PROFILES_ACTIVE, else Kayenta's own two, test and local. Both take a list, of
 * which one must match, and expressions: "prod & !(eu | us)". */
#ifndef ANALYZER_SETTINGS_FILES_H
#define ANALYZER_SETTINGS_FILES_H

#include "analyzer/settings_tree.h"

/* Put a file's documents over what is there. What is left out because of its profile is noted.
 * Errors: ERR_NOT_FOUND, ERR_PERMISSION, ERR_IO; ERR_SETTINGS: a folder, too large, not YAML, two
 * documents where a section of the native form is in one of them, an expression that cannot be
 * read. */
MUST_CHECK enum err_code settings_file_merge(struct settings_tree *tree, const char *path,
                                             struct error *err);

/* The usual places: the first of ./serinus.yml and /etc/serinus/serinus.yml, or, where neither
 * is, all that Kayenta would read, in its order: spinnaker.yml and kayenta.yml and those of each
 * active profile (kayenta-local.yml) in ./, ./config/, /opt/spinnaker/config/, ~/.spinnaker/ and
 * $SPRING_CONFIG_ADDITIONAL_LOCATION. A notice names what was found. Errors: the same. */
MUST_CHECK enum err_code settings_files_search(struct settings_tree *tree, struct error *err);

#endif
