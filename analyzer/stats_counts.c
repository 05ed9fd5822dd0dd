/* Kinds of distributions, counts and sequences. */
#include "analyzer/stats_kind.h"

const struct stats_kind stats_counts_kinds[] = {{0}};
