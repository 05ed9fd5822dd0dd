/* api/handlers.h -- one function per endpoint; api/routes.c says which path each one serves.
 *
 * A handler is plain blocking code on a thread of its own. It reads the call, asks the analyzer,
 * and fills the reply or returns an error. */
#ifndef API_HANDLERS_H
#define API_HANDLERS_H

#include "api/call.h"

/* handle_executions.c */
MUST_CHECK enum err_code handle_start_ad_hoc(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_start_by_config(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_execution_get(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_execution_list(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_execution_bundle(struct api_call *call, struct error *err);

/* handle_analyses.c */
MUST_CHECK enum err_code handle_analysis_start_ad_hoc(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_analysis_start_by_config(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_analysis_get(struct api_call *call, struct error *err);

/* handle_v1.c */
MUST_CHECK enum err_code handle_follow_list(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_follow_get(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_follow_cancel(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_events(struct api_call *call, struct error *err);

/* handle_configs.c */
MUST_CHECK enum err_code handle_config_list(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_config_create(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_config_get(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_config_update(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_config_delete(struct api_call *call, struct error *err);

/* handle_series.c */
MUST_CHECK enum err_code handle_metric_set_list_list(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_metric_set_list_create(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_metric_set_list_get(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_metric_set_list_delete(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_pair_list_list(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_pair_list_create(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_pair_list_get(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_pair_list_delete(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_pair_get(struct api_call *call, struct error *err);

/* handle_archive.c */
MUST_CHECK enum err_code handle_archive_list(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_archive_create(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_archive_get(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_archive_update(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_archive_delete(struct api_call *call, struct error *err);

/* handle_pipelines.c */
MUST_CHECK enum err_code handle_pipeline_list(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_pipeline_get(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_pipeline_cancel(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_pipeline_delete(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_pipeline_start(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_queue_enabled(struct api_call *call, struct error *err);

/* handle_fetch.c */
MUST_CHECK enum err_code handle_fetch_prometheus(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_fetch_datadog(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_fetch_newrelic(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_fetch_stackdriver(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_fetch_graphite(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_fetch_influxdb(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_fetch_wavefront(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_fetch_atlas(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_fetch_cloudwatch(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_fetch_http_json(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_fetch_file(struct api_call *call, struct error *err);

/* handle_accounts.c */
MUST_CHECK enum err_code handle_credentials(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_credential_delete(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_metrics_services(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_metadata(struct api_call *call, struct error *err);

/* handle_judges.c */
MUST_CHECK enum err_code handle_judges(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_judge(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_comparison_start(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_comparison_get(struct api_call *call, struct error *err);

/* handle_docs.c */
MUST_CHECK enum err_code handle_openapi(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_api_docs(struct api_call *call, struct error *err);

/* handle_health.c */
MUST_CHECK enum err_code handle_index(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_version(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_health(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_live(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_ready(struct api_call *call, struct error *err);
MUST_CHECK enum err_code handle_metrics(struct api_call *call, struct error *err);

#endif
