/* analyzer/lint_judge.h -- the part of lint.h that looks at what the judge is told beside Kayenta's
 * own settings. */
#ifndef ANALYZER_LINT_JUDGE_H
#define ANALYZER_LINT_JUDGE_H

#include "analyzer/lint.h"

/* Of a config's view: judge.name and judge.judgeConfigurations, and every metric's
 * analysisConfigurations.canary.judge. */
void lint_judge(struct lint *lint, const json_t *view);

#endif
