#include "analyzer/settings_keys.h"

#include <ctype.h>
#include <string.h>

#define METRICS ROLE_METRICS
#define STORES (ROLE_OBJECTS | ROLE_CONFIGURATIONS)

/* Kayenta's sections, then ours. kayenta-api.md 14.1, 22.2, 22.3. */
const struct account_kind account_kinds[] = {
    {"prometheus",
     "prometheus",
     METRICS,
     METRICS,
     true,
     {"endpoint", "username", "usernamePasswordFile"},
     NULL},
    {"datadog", "datadog", METRICS, METRICS, false, {"endpoint"}, NULL},
    {"newrelic", "newrelic", METRICS, METRICS, false, {"endpoint"}, NULL},
    {"signalfx", "signalfx", METRICS, METRICS, false, {"endpoint"}, NULL},
    {"graphite", "graphite", METRICS, 0, true, {"endpoint"}, NULL},
    {"influxdb", "influxdb", METRICS, 0, true, {"endpoint"}, NULL},
    {"wavefront", "wavefront", METRICS, 0, true, {"endpoint"}, NULL},
    {"atlas", "atlas", METRICS, 0, false, {"fetchId"}, NULL},
    {"google",
     "stackdriver",
     METRICS | STORES,
     0,
     false,
     {"project", "bucket", "bucketLocation", "rootFolder"},
     "kayenta"},
    {"aws", NULL, STORES, 0, false, {"bucket", "region", "rootFolder"}, "kayenta"},
    {"azure", NULL, STORES, 0, false, {"rootFolder"}, NULL},
    {"configbin", NULL, STORES, 0, false, {"endpoint", "ownerApp", "configType"}, NULL},
    {"memory", NULL, STORES, 0, false, {NULL}, NULL},
    {"sql", NULL, STORES, STORES, false, {NULL}, NULL},
    {"cloudwatch", "cloudwatch", METRICS, METRICS, false, {"region"}, NULL},
    {"http-json", "http-json", METRICS, METRICS, true, {"endpoint"}, NULL},
    {"file", "file", METRICS, METRICS, false, {NULL}, NULL},
    {"sqlite", NULL, STORES, STORES, false, {NULL}, NULL},
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
    "rejectUnsafeValues", "bareValues", "remoteRead", "scopeLabel", "metadataCachingIntervalMS",
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
    {"limits.store.retry", SETTING_TAKEN},
    {"limits.store.concurrency", SETTING_TAKEN},
    {"limits.store.connect", SETTING_TAKEN},
    {"limits.store.total", SETTING_TAKEN},
    {"accounts.**", SETTING_TAKEN},
    {"notify.**", SETTING_TAKEN},
    {"server.port", SETTING_TAKEN},
    {"server.address", SETTING_TAKEN},
    {"server.ssl.enabled", SETTING_TAKEN},
    {"server.ssl.**", SETTING_TAKEN},
    {"kayenta.disable.metricname.validation", SETTING_TAKEN},
    {"kayenta.metrics.retry.series", SETTING_TAKEN},
    {"kayenta.metrics.retry.statuses", SETTING_TAKEN},
    {"kayenta.metrics.retry.attempts", SETTING_TAKEN},
    {"kayenta.metrics.retry.backoffPeriodMultiplierMs", SETTING_TAKEN},
    {"kayenta.prometheus.scopeLabel", SETTING_TAKEN},
    {"kayenta.prometheus.metadataCachingIntervalMS", SETTING_TAKEN},
    {"kayenta.prometheus.testControllerDefaults.project", SETTING_TAKEN},
    {"kayenta.prometheus.testControllerDefaults.resourceType", SETTING_TAKEN},
    {"kayenta.prometheus.testControllerDefaults.location", SETTING_TAKEN},
    {"kayenta.prometheus.testControllerDefaults.scope", SETTING_TAKEN},
    {"kayenta.prometheus.testControllerDefaults.start", SETTING_TAKEN},
    {"kayenta.prometheus.testControllerDefaults.end", SETTING_TAKEN},
    {"kayenta.*.enabled", SETTING_TAKEN},
    {"kayenta.*.accounts.**", SETTING_TAKEN},
    {"kayenta.stackdriver.enabled", SETTING_TAKEN},
    {"kayenta.gcs.enabled", SETTING_TAKEN},
    {"kayenta.s3.enabled", SETTING_TAKEN},
    {"kayenta.blobs.enabled", SETTING_TAKEN},

    {"http.route_prefix", SETTING_NO_EFFECT},
    {"http.frame_ancestors", SETTING_NO_EFFECT},
    {"http.sse_subscribers", SETTING_NO_EFFECT},
    {"http.tls.**", SETTING_TAKEN},
    {"retention.**", SETTING_NO_EFFECT},
    {"analysis.thresholds.**", SETTING_NO_EFFECT},
    {"analysis.validation_profile", SETTING_NO_EFFECT},
    {"limits.**", SETTING_NO_EFFECT},
    {"metrics.**", SETTING_NO_EFFECT},
    {"log.format", SETTING_NO_EFFECT},
    {"kayenta.prometheus.health.**", SETTING_NO_EFFECT},
    {"kayenta.*.metadataCachingIntervalMS", SETTING_NO_EFFECT},
    {"kayenta.*.testControllerDefaults.**", SETTING_NO_EFFECT},
    {"kayenta.stackdriver.**", SETTING_NO_EFFECT},
    {"kayenta.atlas.stageTimeoutMinutes", SETTING_NO_EFFECT},
    {"kayenta.atlas.maxBackoffPeriodSeconds", SETTING_NO_EFFECT},
    {"kayenta.standaloneCanaryAnalysis.enabled", SETTING_NO_EFFECT},
    {"kayenta.remoteJudge.**", SETTING_NO_EFFECT},
    {"kayenta.netflix.judge.**", SETTING_NO_EFFECT},
    {"kayenta.serialization.**", SETTING_NO_EFFECT},
    {"kayenta.security.enabled", SETTING_NO_EFFECT},
    {"kayenta.defaultArchivers.enabled", SETTING_NO_EFFECT},
    {"kayenta.includeSpringSecurityAuthenticationInPipelineContext", SETTING_NO_EFFECT},
    {"kayenta.index.**", SETTING_NO_EFFECT},
    {"kayenta.dataMigration.**", SETTING_NO_EFFECT},

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
};
const size_t n_known_settings = ARRAY_LEN(known_settings);
