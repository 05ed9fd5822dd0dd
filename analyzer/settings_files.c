#include "analyzer/settings_files.h"

#include "analyzer/codec/yaml_json.h"
#include "analyzer/settings_keys.h"
#include "analyzer/settings_profile.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- one file --- */

static enum err_code read_bytes(const char *path, struct strbuf *out, struct error *err)
{
    char chunk[16384];
    struct stat info;
    ssize_t n = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return error_set(err,
                         errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND
                         : errno == EACCES                   ? ERR_PERMISSION
                                                             : ERR_IO,
                         "could not open the settings \"%s\": %s", path, strerror(errno));
    if (fstat(fd, &info) == 0 && S_ISDIR(info.st_mode))
        error_set(err, ERR_SETTINGS, "the settings \"%s\" are a folder", path);
    while (!err->code && out->n_bytes <= YAML_MAX_BYTES && (n = read(fd, chunk, sizeof(chunk))) > 0)
        strbuf_append(out, chunk, (size_t)n);
    if (n < 0)
        error_set(err, ERR_IO, "could not read the settings \"%s\": %s", path, strerror(errno));
    else if (out->n_bytes > YAML_MAX_BYTES)
        error_set(err, ERR_SETTINGS, "the settings \"%s\" are larger than %u KiB", path,
                  YAML_MAX_BYTES / KIB);
    close(fd);
    return err->code;
}

static bool has_native_section(const json_t *document)
{
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)document, key, value)
        if (settings_key_is_native(key))
            return true;
    return false;
}

/* Does a document of several count? It is put into a tree of its own to be asked. */
static enum err_code is_active(struct settings_tree *tree, const json_t *document,
                               const json_t *marks, const char *file, bool *out, struct error *err)
{
    struct settings_tree one;
    const struct setting *profile, *platform;

    settings_tree_init(&one, tree->arena);
    if (settings_tree_merge(&one, document, marks, file, err))
        return err->code;
    profile = setting_find(one.root, "spring.config.activate.onProfile");
    platform = setting_find(one.root, "spring.config.activate.onCloudPlatform");
    if (!profile) {
        profile = setting_find(one.root, "spring.profiles");
        if (profile && profile->kind == SETTING_MAP) /* spring.profiles.active is no condition */
            profile = NULL;
    }
    *out = !platform;
    if (platform)
        settings_notice(tree, "%s: left out, for this service knows no cloud platforms",
                        setting_origin(platform, tree->arena));
    if (!profile || platform || settings_profile_matches(&one, profile, out, err))
        return err->code;
    if (!*out)
        settings_notice(tree, "%s: left out, for its profile is not active (active are %s)",
                        setting_origin(profile, tree->arena), settings_profiles_text(tree->arena));
    return ERR_OK;
}

static enum err_code merge_documents(struct settings_tree *tree, const json_t *documents,
                                     const json_t *marks, const char *path, struct error *err)
{
    size_t n = json_array_size(documents);

    for (size_t i = 0; i < n; i++)
        if (n > 1 && has_native_section(json_array_get(documents, i)))
            return error_set(err, ERR_SETTINGS,
                             "%s:%d: a second document in one file is not taken; give it a file of "
                             "its own",
                             path, yaml_mark_line(json_array_get(marks, 1)));
    for (size_t i = 0; i < n; i++) {
        const json_t *document = json_array_get(documents, i);
        const json_t *mark = json_array_get(marks, i);
        bool is_wanted = true;

        if (json_is_object(document) && is_active(tree, document, mark, path, &is_wanted, err))
            return err->code;
        if (is_wanted && settings_tree_merge(tree, document, mark, path, err))
            return err->code;
    }
    return ERR_OK;
}

enum err_code settings_file_merge(struct settings_tree *tree, const char *path, struct error *err)
{
    struct strbuf bytes = {0};
    json_t *documents = NULL, *marks = NULL;
    struct error why = {0};
    char text[sizeof(why.context) + sizeof(why.message) + 2];

    if (read_bytes(path, &bytes, err))
        goto out;
    if (yaml_or_json_read_all(strbuf_view(&bytes), path, &documents, &marks, &why))
        error_because(err, ERR_SETTINGS, why.reason, "%s", error_text(&why, text, sizeof(text)));
    else
        (void)(merge_documents(tree, documents, marks, path, err) == ERR_OK);
out:
    json_decref(documents);
    json_decref(marks);
    strbuf_clear(&bytes);
    return err->code;
}

/* --- the usual places --- */

struct search {
    struct settings_tree *tree;
    const struct settings_profiles *profiles;
    struct strbuf found; /* names, for one notice */
    struct error *err;
};

/* False: it is not there, or (an error is set) cannot be used. */
static bool merge_if_there(struct search *search, const char *path)
{
    if (access(path, F_OK) != 0 || settings_file_merge(search->tree, path, search->err))
        return false;
    strbuf_printf(&search->found, "%s%s", search->found.n_bytes ? ", " : "", path);
    return true;
}

/* `folder` ends with a slash, or is empty. */
static void merge_folder(struct search *search, const char *folder)
{
    static const char *const names[] = {"spinnaker", "kayenta"};
    struct arena *arena = search->tree->arena;

    for (size_t i = 0; i < ARRAY_LEN(names) && !search->err->code; i++)
        merge_if_there(search, arena_printf(arena, "%s%s.yml", folder, names[i]));
    for (size_t p = 0; p < search->profiles->n_names; p++)
        for (size_t i = 0; i < ARRAY_LEN(names) && !search->err->code; i++)
            merge_if_there(search, arena_printf(arena, "%s%s-%s.yml", folder, names[i],
                                                search->profiles->names[p]));
}

/* "optional:file:/etc/kayenta/" and the like. */
static void merge_location(struct search *search, const char *location)
{
    struct settings_tree *tree = search->tree;
    bool is_optional = strncmp(location, "optional:", strlen("optional:")) == 0;
    const char *path = is_optional ? location + strlen("optional:") : location;
    struct stat info;

    if (strncmp(path, "file:", strlen("file:")) == 0)
        path += strlen("file:");
    if (strncmp(path, "classpath:", strlen("classpath:")) == 0) {
        settings_notice(tree,
                        "SPRING_CONFIG_ADDITIONAL_LOCATION: there is no class path; \"%s\" is "
                        "not read",
                        location);
    } else if (stat(path, &info) != 0) {
        if (!is_optional)
            error_set(search->err, ERR_SETTINGS,
                      "SPRING_CONFIG_ADDITIONAL_LOCATION: could not read \"%s\": %s", path,
                      strerror(errno));
    } else if (S_ISDIR(info.st_mode)) {
        merge_folder(search,
                     path[strlen(path) - 1] == '/' ? path : arena_printf(tree->arena, "%s/", path));
    } else {
        merge_if_there(search, path);
    }
}

static void merge_additional(struct search *search)
{
    const char *locations = getenv("SPRING_CONFIG_ADDITIONAL_LOCATION");

    if (!locations || !*locations)
        return;
    settings_notice(search->tree, "SPRING_CONFIG_ADDITIONAL_LOCATION is honoured: %s", locations);
    while (*locations && !search->err->code) {
        size_t n = strcspn(locations, ",;");

        if (n)
            merge_location(search, arena_strndup(search->tree->arena, locations, n));
        locations += n + (locations[n] != '\0');
    }
}

static void merge_kayenta(struct search *search)
{
    static const char *const folders[] = {"", "config/", "/opt/spinnaker/config/"};
    const char *home = getenv("HOME");

    for (size_t i = 0; i < ARRAY_LEN(folders) && !search->err->code; i++)
        merge_folder(search, folders[i]);
    if (home && *home && !search->err->code)
        merge_folder(search, arena_printf(search->tree->arena, "%s/.spinnaker/", home));
    if (!search->err->code)
        merge_additional(search);
}

enum err_code settings_files_search(struct settings_tree *tree, struct error *err)
{
    const struct settings_profiles profiles = settings_profiles_active(tree->arena);
    struct search search = {.tree = tree, .profiles = &profiles, .err = err};

    if (!merge_if_there(&search, "serinus.yml") && !err->code &&
        !merge_if_there(&search, "/etc/serinus/serinus.yml") && !err->code)
        merge_kayenta(&search);
    if (search.found.n_bytes)
        settings_notice(tree, "settings found in %s", search.found.bytes);
    strbuf_clear(&search.found);
    return err->code;
}
