/* The route table: one line per endpoint. Literal segments stand above parameters. */
#include "api/handlers.h"

/* clang-format off */
const struct route api_routes[] = {
    {METHOD_POST,   "/canary",                          handle_start_ad_hoc,             BODY_JSON, ROUTE_NORMAL},
    {METHOD_GET,    "/canary/executions",               handle_execution_list,           BODY_NONE, ROUTE_NORMAL},
    {METHOD_POST,   "/canary/{canaryConfigId}",         handle_start_by_config,          BODY_JSON, ROUTE_NORMAL},
    {METHOD_GET,    "/canary/{canaryExecutionId}",      handle_execution_get,            BODY_NONE, ROUTE_NORMAL},
    {METHOD_GET,    "/canaryConfig",                    handle_config_list,              BODY_NONE, ROUTE_NORMAL},
    {METHOD_POST,   "/canaryConfig",                    handle_config_create,            BODY_JSON, ROUTE_NORMAL},
    {METHOD_GET,    "/canaryConfig/{canaryConfigId}",   handle_config_get,               BODY_NONE, ROUTE_NORMAL},
    {METHOD_PUT,    "/canaryConfig/{canaryConfigId}",   handle_config_update,            BODY_JSON, ROUTE_NORMAL},
    {METHOD_DELETE, "/canaryConfig/{canaryConfigId}",   handle_config_delete,            BODY_NONE, ROUTE_NORMAL},
    {METHOD_GET,     "/canaryResultArchive",             handle_archive_list,             BODY_NONE, ROUTE_NORMAL},
    {METHOD_POST,    "/canaryResultArchive",             handle_archive_create,           BODY_JSON, ROUTE_NORMAL},
    {METHOD_GET,     "/canaryResultArchive/{pipelineId}",handle_archive_get,              BODY_NONE, ROUTE_NORMAL},
    {METHOD_PUT,     "/canaryResultArchive/{pipelineId}",handle_archive_update,           BODY_JSON, ROUTE_NORMAL},
    {METHOD_DELETE,  "/canaryResultArchive/{pipelineId}",handle_archive_delete,           BODY_NONE, ROUTE_NORMAL},
    {METHOD_GET,     "/metricSetList",                   handle_metric_set_list_list,     BODY_NONE, ROUTE_NORMAL},
    {METHOD_POST,    "/metricSetList",                   handle_metric_set_list_create,   BODY_JSON, ROUTE_NORMAL},
    {METHOD_GET,     "/metricSetList/{metricSetListId}", handle_metric_set_list_get,      BODY_NONE, ROUTE_NORMAL},
    {METHOD_DELETE,  "/metricSetList/{metricSetListId}", handle_metric_set_list_delete,   BODY_NONE, ROUTE_NORMAL},
    {METHOD_GET,     "/metricSetPairList",               handle_pair_list_list,           BODY_NONE, ROUTE_NORMAL},
    {METHOD_POST,    "/metricSetPairList",               handle_pair_list_create,         BODY_JSON, ROUTE_NORMAL},
    {METHOD_GET,     "/metricSetPairList/{metricSetPairListId}",handle_pair_list_get,            BODY_NONE, ROUTE_NORMAL},
    {METHOD_DELETE,  "/metricSetPairList/{metricSetPairListId}",handle_pair_list_delete,         BODY_NONE, ROUTE_NORMAL},
    {METHOD_GET,     "/metricSetPairList/{metricSetPairListId}/{metricSetPairId}",handle_pair_get,                 BODY_NONE, ROUTE_NORMAL},
    {METHOD_POST,   "/fetch/prometheus/query",          handle_fetch_prometheus,         BODY_FORM, ROUTE_FETCH},
    {METHOD_POST,   "/standalone_canary_analysis",      handle_analysis_start_ad_hoc,    BODY_JSON, ROUTE_NORMAL},
    {METHOD_POST,   "/standalone_canary_analysis/{canaryConfigId}", handle_analysis_start_by_config, BODY_JSON, ROUTE_NORMAL},
    {METHOD_GET,    "/standalone_canary_analysis/{canaryAnalysisExecutionId}", handle_analysis_get,  BODY_NONE, ROUTE_NORMAL},
    {METHOD_GET,    "/credentials",                     handle_credentials,              BODY_NONE, ROUTE_NORMAL},
    {METHOD_GET,    "/judges",                          handle_judges,                   BODY_NONE, ROUTE_NORMAL},
    {METHOD_GET,    "/api/v1/executions/{id}/bundle",   handle_execution_bundle,         BODY_NONE, ROUTE_NORMAL},
    {METHOD_GET,    "/livez",                           handle_live,                     BODY_NONE, ROUTE_INLINE},
    {METHOD_GET,    "/readyz",                          handle_ready,                    BODY_NONE, ROUTE_HEALTH},
    {METHOD_GET,    "/healthz",                         handle_ready,                    BODY_NONE, ROUTE_HEALTH},
    {METHOD_GET,    "/health",                          handle_health,                   BODY_NONE, ROUTE_HEALTH},
    {METHOD_GET,    "/actuator/health",                 handle_health,                   BODY_NONE, ROUTE_HEALTH},
    {METHOD_GET,    "/version",                         handle_version,                  BODY_NONE, ROUTE_INLINE},
    {METHOD_GET,    "/metrics",                         handle_metrics,                  BODY_NONE, ROUTE_NORMAL},
    {METHOD_GET,    "/",                                handle_index,                    BODY_NONE, ROUTE_NORMAL},
};
/* clang-format on */

const size_t api_n_routes = ARRAY_LEN(api_routes);
