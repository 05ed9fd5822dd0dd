/* collectors/aws_profile.h -- the shared files of the AWS tools: ~/.aws/credentials, where a
 * section is [name], and ~/.aws/config, where it is [profile name] but for [default]. */
#ifndef COLLECTORS_AWS_PROFILE_H
#define COLLECTORS_AWS_PROFILE_H

#include "base/arena.h"
#include <stdbool.h>

struct aws_files {
    const char *credentials, *config; /* their text; NULL for one that is not there */
};

/* Errors: ERR_SETTINGS when one that is there cannot be read. NULL for a path is the place named
 * by AWS_SHARED_CREDENTIALS_FILE or AWS_CONFIG_FILE, or else the usual one in HOME. "~/" is HOME.
 */
MUST_CHECK enum err_code aws_files_read(const char *credentials_path, const char *config_path,
                                        struct arena *arena, struct aws_files *out,
                                        struct error *err);

/* Whether either file has the section. */
bool aws_profile_is_there(const struct aws_files *files, const char *profile);

/* A value of the profile, keys in any case, that of the credentials file first; NULL: not there. */
const char *aws_profile_get(const struct aws_files *files, const char *profile, const char *key,
                            struct arena *arena);

#endif
