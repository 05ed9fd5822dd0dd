/* Kinds of ranks, means, autocorrelation and power. */
#include "analyzer/stats_kind.h"

const struct stats_kind stats_ranks_kinds[] = {{0}};
