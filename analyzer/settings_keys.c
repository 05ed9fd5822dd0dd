#include "analyzer/settings_keys.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define METRICS ROLE_METRICS
#define STORES (ROLE_OBJECTS | ROLE_CONFIGURATIONS)

/* Kayenta's sections, then ours. kayenta-api.md 14.1, 22.2, 22.3. */
const struct account_kind account_kinds[] = {
    {.section = "prometheus",
     .collector = "prometheus",
     .roles = METRICS,
     .default_roles = METRICS,
     .needs_url = true,
     .shown = {"endpoint", "username", "usernamePasswordFile"},
     .store_defaults = {{"scopeLabel", "instance"}, {"metadataCachingIntervalMS", "60000"}}},
    {.section = "datadog",
     .collector = "datadog",
     .roles = METRICS,
     .default_roles = METRICS,
     .shown = {"endpoint"},
     .store_defaults = {{"metadataCachingIntervalMS", "900000"}}},
    {.section = "newrelic",
     .collector = "newrelic",
     .roles = METRICS,
     .default_roles = METRICS,
     .shown = {"endpoint"}},
    {.section = "signalfx",
     .collector = "signalfx",
     .roles = METRICS,
     .default_roles = METRICS,
     .shown = {"endpoint"}},
    {.section = "graphite",
     .collector = "graphite",
     .roles = METRICS,
     .needs_url = true,
     .shown = {"endpoint"}},
    {.section = "influxdb",
     .collector = "influxdb",
     .roles = METRICS,
     .needs_url = true,
     .shown = {"endpoint"},
     .unused = {"apiKey", "applicationKey"}},
    {.section = "wavefront",
     .collector = "wavefront",
     .roles = METRICS,
     .needs_url = true,
     .shown = {"endpoint"}},
    {.section = "atlas",
     .collector = "atlas",
     .roles = METRICS,
     .shown = {"fetchId"},
     .store_defaults = {{"stageTimeoutMinutes", "3"}, {"maxBackoffPeriodSeconds", "32"}},
     .unused = {"namespace"}},
    {.section = "google",
     .collector = "stackdriver",
     .roles = METRICS | STORES,
     .shown = {"project", "bucket", "bucketLocation", "rootFolder"},
     .root_folder = "kayenta",
     .store_defaults = {{"metadataCachingIntervalMS", "60000"}},
     .switches = {{"stackdriver", METRICS}, {"gcs", STORES}}},
    {.section = "aws",
     .roles = STORES,
     .shown = {"bucket", "region", "rootFolder"},
     .root_folder = "kayenta",
     .switches = {{"s3", STORES}}},
    {.section = "azure", .roles = STORES, .shown = {"rootFolder"}, .switches = {{"blobs", STORES}}},
    {.section = "configbin", .roles = STORES, .shown = {"endpoint", "ownerApp", "configType"}},
    {.section = "memory", .roles = STORES},
    {.section = "sql", .roles = STORES, .default_roles = STORES},
    {.section = "cloudwatch",
     .collector = "cloudwatch",
     .roles = METRICS,
     .default_roles = METRICS,
     .shown = {"endpoint", "region"},
     .store_defaults = {{"metadataCachingIntervalMS", "900000"}}},
    {.section = "http-json",
     .collector = "http-json",
     .roles = METRICS,
     .default_roles = METRICS,
     .needs_url = true,
     .shown = {"endpoint"}},
    {.section = "file", .collector = "file", .roles = METRICS, .default_roles = METRICS},
    {.section = "sqlite", .roles = STORES, .default_roles = STORES},
};
const size_t n_account_kinds = ARRAY_LEN(account_kinds);

const struct account_kind *account_kind_find(const char *section)
{
    for (size_t i = 0; i < n_account_kinds; i++)
        if (setting_key_equal(section, strlen(section), account_kinds[i].section))
            return &account_kinds[i];
    return NULL;
}

/* Every word that may be a key in an account, at whatever level. */
/* clang-format off */
const char *const account_keys[] = {
    "name", "type", "roles", "url", "endpoint", "baseUrl", "supportedTypes", "locations",
    "recommendedLocations", "username", "password", "passwordFile", "usernamePasswordFile",
    "bearerToken", "bearerTokenFile", "headers", "queryParams", "method", "flavor", "partial",
    "sigv4", "googleAuth", "oauth2", "tokenUrl", "clientId", "clientSecret", "clientSecretFile",
    "scopes", "endpointParams", "service", "roleArn", "tls", "caFile", "certFile", "keyFile",
    "keyPassword", "keyPasswordFile", "serverName", "insecureSkipVerify", "proxy", "redirects",
    "connectTimeoutMs", "readTimeoutMs", "maxConcurrentRequests", "maxResponseBytes", "retry",
    "series", "statuses", "attempts", "backoffPeriodMultiplierMs", "strictSeries", "alignWindow",
    "rejectUnsafeValues", "keepReplies", "bareValues", "remoteRead", "scopeLabel",
    "metadataCachingIntervalMS",
    "defaultScopeKey", "defaultLocationKey", "exploreUrl", "apiKey", "apiKeyFile",
    "applicationKey", "applicationKeyFile", "accessToken", "accessTokenFile", "apiToken",
    "apiTokenFile", "token", "tokenFile", "site", "apiVersion", "appendRollup", "tagsFromGroups",
    "realm", "api", "userKey", "userKeyFile", "database", "retentionPolicy", "epoch",
    "backendsJsonBaseUrl", "fetchId", "namespace", "scheme", "project", "jsonPath", "bucket",
    "bucketLocation", "rootFolder", "quotaProject", "impersonate", "queryLanguage", "region",
    "profile", "profileName", "proxyHost", "proxyPort", "proxyProtocol", "explicitCredentials",
    "accessKey", "secretKey", "accessKeyId", "accessKeyIdFile", "secretAccessKey",
    "secretAccessKeyFile", "sessionToken", "sessionTokenFile", "credentials",
    "sharedCredentialsFile", "configFile", "webIdentity", "assumeRole", "sessionName",
    "externalId", "durationSeconds", "stsEndpoint", "partialData", "batch", "storageAccountName",
    "accountAccessKey", "endpointSuffix", "container", "ownerApp", "configType", "requests",
    "vars", "pathVars", "path", "format", "sides", "sideLabel", "window", "timeUnit",
    "stageTimeoutMinutes", "maxBackoffPeriodSeconds", "consolidate", "settleSeconds", "probe",
};
/* clang-format on */
const size_t n_account_keys = ARRAY_LEN(account_keys);

const char *account_key_spell(const char *key, struct arena *arena, bool *is_known)
{
    char *camel = arena_strdup(arena, key);
    char *out = camel;

    *is_known = true;
    for (size_t i = 0; i < ARRAY_LEN(account_keys); i++)
        if (setting_key_equal(key, strlen(key), account_keys[i]))
            return account_keys[i];
    *is_known = false;
    for (const char *in = key; *in; in++) {
        if (*in != '-' && *in != '_')
            *out++ = *in;
        else if (in[1])
            *out++ = (char)toupper((unsigned char)*++in);
    }
    *out = '\0';
    return camel;
}

bool account_key_is_list(const char *key)
{
    static const char *const lists[] = {
        "supportedTypes", "roles",  "locations", "recommendedLocations",
        "scopes",         "series", "statuses"};

    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        if (strcmp(key, lists[i]) == 0)
            return true;
    return false;
}

const char *const store_keys[] = {
    "metadataCachingIntervalMS", /* all */
    "scopeLabel",                /* prometheus */
    "stageTimeoutMinutes",       /* atlas */
    "maxBackoffPeriodSeconds",
    "settleSeconds", /* cloudwatch */
};
const size_t n_store_keys = ARRAY_LEN(store_keys);

const char *const fetch_default_keys[] = {"project", "resourceType", "location",
                                          "scope",   "start",        "end"};
const size_t n_fetch_default_keys = ARRAY_LEN(fetch_default_keys);

const struct known_setting known_settings[] = {
    {"http.listen", SETTING_TAKEN},
    {"http.allowed_hosts", SETTING_TAKEN},
    {"http.external_url", SETTING_TAKEN},
    {"store.url", SETTING_TAKEN},
    {"analysis.workers", SETTING_TAKEN},
    {"cors.origins", SETTING_TAKEN},
    {"auth.mode", SETTING_TAKEN},
    {"auth.i_accept_no_auth", SETTING_TAKEN},
    {"log.level", SETTING_TAKEN},
    {"limits.store.retry", SETTING_FOLDED},
    {"limits.store.concurrency", SETTING_FOLDED},
    {"limits.store.connect", SETTING_FOLDED},
    {"limits.store.total", SETTING_FOLDED},
    {"accounts.**", SETTING_FOLDED},
    {"notify.**", SETTING_FOLDED},
    {"server.port", SETTING_FOLDED},
    {"server.address", SETTING_FOLDED},
    {"server.ssl.**", SETTING_FOLDED},
    {"http.tls.**", SETTING_FOLDED},
    {"kayenta.standaloneCanaryAnalysis.enabled", SETTING_TAKEN},
    {"kayenta.disable.metricname.validation", SETTING_TAKEN},
    {"kayenta.metrics.retry.series", SETTING_FOLDED},
    {"kayenta.metrics.retry.statuses", SETTING_FOLDED},
    {"kayenta.metrics.retry.attempts", SETTING_FOLDED},
    {"kayenta.metrics.retry.backoffPeriodMultiplierMs", SETTING_FOLDED},
    {"kayenta.*.metadataCachingIntervalMS", SETTING_FOLDED},
    {"kayenta.prometheus.scopeLabel", SETTING_FOLDED},
    {"kayenta.atlas.stageTimeoutMinutes", SETTING_FOLDED},
    {"kayenta.atlas.maxBackoffPeriodSeconds", SETTING_FOLDED},
    {"kayenta.cloudwatch.settleSeconds", SETTING_FOLDED},
    {"kayenta.*.testControllerDefaults.project", SETTING_FOLDED},
    {"kayenta.*.testControllerDefaults.resourceType", SETTING_FOLDED},
    {"kayenta.*.testControllerDefaults.location", SETTING_FOLDED},
    {"kayenta.*.testControllerDefaults.scope", SETTING_FOLDED},
    {"kayenta.*.testControllerDefaults.start", SETTING_FOLDED},
    {"kayenta.*.testControllerDefaults.end", SETTING_FOLDED},
    {"kayenta.remoteJudge.enabled", SETTING_TAKEN},
    {"kayenta.remoteJudge.endpoint.baseUrl", SETTING_FOLDED},
    {"kayenta.remoteJudge.**", SETTING_FOLDED},
    {"kayenta.*.enabled", SETTING_FOLDED},
    {"kayenta.*.accounts.**", SETTING_FOLDED},
    {"kayenta.gcs.enabled", SETTING_FOLDED},
    {"kayenta.s3.enabled", SETTING_FOLDED},
    {"kayenta.blobs.enabled", SETTING_FOLDED},
    {"spring.config.activate.onProfile", SETTING_FOLDED},
    {"spring.config.activate.onCloudPlatform", SETTING_FOLDED},
    {"spring.profiles", SETTING_FOLDED},

    {"http.route_prefix", SETTING_NO_EFFECT},
    {"http.frame_ancestors", SETTING_NO_EFFECT},
    {"http.sse_subscribers", SETTING_NO_EFFECT},
    {"retention.**", SETTING_NO_EFFECT},
    {"analysis.thresholds.**", SETTING_NO_EFFECT},
    {"analysis.validation_profile", SETTING_NO_EFFECT},
    {"limits.**", SETTING_NO_EFFECT},
    {"metrics.**", SETTING_NO_EFFECT},
    {"log.format", SETTING_NO_EFFECT},
    {"server.servlet.**", SETTING_NO_EFFECT},
    {"kayenta.prometheus.health.**", SETTING_NO_EFFECT},
    {"kayenta.netflix.judge.**", SETTING_NO_EFFECT},
    {"kayenta.serialization.**", SETTING_NO_EFFECT},
    {"kayenta.security.enabled", SETTING_NO_EFFECT},
    {"kayenta.defaultArchivers.enabled", SETTING_NO_EFFECT},
    {"kayenta.includeSpringSecurityAuthenticationInPipelineContext", SETTING_NO_EFFECT},
    {"kayenta.index.**", SETTING_NO_EFFECT},
    {"kayenta.dataMigration.**", SETTING_NO_EFFECT},
    {"management.server.port", SETTING_FOLDED},
    {"management.endpoints.web.basePath", SETTING_FOLDED},

    {"redis.**", SETTING_FOREIGN},
    {"keiko.**", SETTING_FOREIGN},
    {"spectator.**", SETTING_FOREIGN},
    {"swagger.**", SETTING_FOREIGN},
    {"spring.**", SETTING_FOREIGN},
    {"management.**", SETTING_FOREIGN},
    {"okHttpClient.**", SETTING_FOREIGN},
    {"services.**", SETTING_FOREIGN},
    {"pollers.**", SETTING_FOREIGN},
    {"logging.**", SETTING_FOREIGN},
    {"springdoc.**", SETTING_FOREIGN},
    {"eureka.**", SETTING_FOREIGN},
    {"retrofit.**", SETTING_FOREIGN},
    {"resilience4j.**", SETTING_FOREIGN},
    {"server.tomcat.**", SETTING_FOREIGN},
    {"server.compression.**", SETTING_FOREIGN},
};
const size_t n_known_settings = ARRAY_LEN(known_settings);

bool settings_key_is_shown(const char *path)
{
    for (size_t i = 0; i < n_known_settings; i++)
        if (strcmp(known_settings[i].path, path) == 0)
            return known_settings[i].use == SETTING_TAKEN;
    return false;
}

bool settings_key_is_native(const char *key)
{
    static const char *const spring[] = {"kayenta", "server", "management", "spring"};
    size_t n_key = strcspn(key, ".[");

    for (size_t i = 0; i < ARRAY_LEN(spring); i++)
        if (setting_key_equal(key, n_key, spring[i]))
            return false;
    for (size_t i = 0; i < n_known_settings; i++) {
        const char *path = known_settings[i].path;
        size_t n_root = strcspn(path, ".");

        if (known_settings[i].use != SETTING_FOREIGN && n_key == n_root &&
            strncasecmp(key, path, n_root) == 0)
            return true;
    }
    return false;
}
