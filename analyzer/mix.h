/* analyzer/mix.h -- hop 8: control and experiment sets -> pairs, by equal tags, as Kayenta pairs.
 */
#ifndef ANALYZER_MIX_H
#define ANALYZER_MIX_H

#include "base/metric_set.h"

/* Where the config says how to pair: judge.judgeConfigurations.seriesPairing, one of these words.
 */
#define PAIRING_KEY "seriesPairing"
#define PAIRING_LABELS "labels"   /* the default */
#define PAIRING_KAYENTA "kayenta" /* nothing is rescued */

/* The attribute that both sides of a rescued pair have: the label left out, `version="v41"`, or
 * `no version`. */
#define PAIRING_ATTRIBUTE "pairedWithout"

/* Where Kayenta's way finds no pair that could be judged, the label that separates the two sides
 * may be left out: it has one value in all sets of a side, and another in all sets of the other, or
 * is on no set of the other. There must be no second label like it: code="200" beside code="500" on
 * two lone series of different pods is a guess that is not made. */
enum mix_rescue {
    MIX_AS_KAYENTA,    /* never */
    MIX_RESCUE_ERRORS, /* where Kayenta ends the run: "different tag keys" */
    MIX_RESCUE,        /* also where no set of either side has a partner */
};

/* Pair the sets of one metric. Sets of both sides whose tags are equal go together; a set without
 * partner gets one of NaN; where one side has only an untagged set, that side becomes NaN for every
 * set of the other, and has_unused says if it had values. Each side is padded with NaN at its end
 * up to its own expected points, never cut. Order: that of the control sets, then of experiment
 * sets without a control.
 *
 * A rescue (see above) happens only if a pair with a value on both sides comes of it; the label is
 * not among the pairs' tags then, but in the attribute of each side. Anything else is the same,
 * byte by byte, whatever `rescue` says.
 *
 * `seed` makes the pairs' ids: the same execution, metric and tags give the same id, so that
 * judging again gives the same bytes. Pairs and their values live in `arena` and in the sets.
 *
 * Errors: ERR_INVALID with Kayenta's texts: no set on a side, different tag keys; too_many_points
 *         when a set claims to be longer than any store may answer. */
MUST_CHECK enum err_code mix_pairs(const char *seed, const char *metric_name,
                                   enum mix_rescue rescue, const struct metric_set_list *control,
                                   const struct metric_set_list *experiment, struct arena *arena,
                                   struct metric_pair **out, size_t *n_out, struct error *err);

#endif
