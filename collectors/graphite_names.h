/* collectors/graphite_names.h -- what a Graphite target that is being typed may become. */
#ifndef COLLECTORS_GRAPHITE_NAMES_H
#define COLLECTORS_GRAPHITE_NAMES_H

#include "collectors/collector.h"

/* Asks for what is below the part up to the last dot, with "*" for $scope and $location. A last
 * part with a "$" in it becomes one of these, without asking. */
extern const struct collector_completion graphite_completion;

#endif
