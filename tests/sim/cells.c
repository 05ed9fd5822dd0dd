/* The rows: what is judged, and how often it may be flagged. Bounds are those of 20,000 runs; rows
 * with ± repeat what is known of a rule that others use, as a check of this program itself. */
#include "tests/sim/procedures.h"

#define KAYENTA "NetflixACAJudge-v1.0"
#define ROBUST_RANK "RobustRank-v1.0"
#define MEAN "Mean-v1.0"
#define DISTRIBUTION "Distribution-v1.0"
#define RATE "Rate-v1.0"
#define SEQUENTIAL "Sequential-v1.0"

#define AT_MOST(value) .bound = {BOUND_AT_MOST, .percent = (value)}
#define AT_LEAST(value) .bound = {BOUND_AT_LEAST, .percent = (value)}
#define AROUND(value, give) .bound = {BOUND_AROUND, .percent = (value), .width = (give)}
#define SERIES(kind, minutes, memory) .data = {(kind), .n = (minutes), .phi = (memory)}
#define SHIFTED(kind, minutes, memory, deviations)                                                 \
    .data = {(kind), .n = (minutes), .phi = (memory), .shift = (deviations)}
#define AR(minutes, memory) SERIES(PROCESS_AR, minutes, memory)
#define SOONER(value, minute) .bound = {BOUND_AT_LEAST, .percent = (value), .median = (minute)}
/* `errors` of both sides together in a minute; `part` of the traffic is the canary's, whose error
 * rate is `times` the baseline's. */
#define COUNTS(minutes, errors, part, times, ...)                                                  \
    .data = {PROCESS_COUNTS,  .n = (minutes),    .errors_per_min = (errors),                       \
             .share = (part), .factor = (times), __VA_ARGS__},                                     \
    .type = TYPE_COUNTER
#define NO_GUARD .min_effective_points = 2 /* the test itself, whatever it has to go by */

const struct cell cells[] = {
    /* --- the rule of Kayenta's standard judge, for comparison --- */
    {"Kayenta's rule, no change, φ = 0.7, n = 180", judge_once, KAYENTA, AR(180, 0.7),
     AROUND(19.0, 1.2)},
    {"Kayenta's rule, no change, φ = 0, n = 180", judge_once, KAYENTA, AR(180, 0),
     AROUND(0.2, 0.15)},
    {"Kayenta's rule, no change, φ = 0.7, every minute from 10 to 180", judge_every_minute, KAYENTA,
     AR(180, 0.7), .first_look = 10, .divisor = 4, AROUND(68.2, 2.2)},
    {"Kayenta's rule, 0.75 SD higher, φ = 0, n = 60", judge_once, KAYENTA,
     SHIFTED(PROCESS_AR, 60, 0, 0.75), AROUND(80.8, 1.7)},

    /* --- RobustRank: false alarms --- */
    {"RobustRank, no change, φ = 0, n = 60", judge_once, ROBUST_RANK, AR(60, 0), AT_MOST(2.8)},
    {"RobustRank, no change, φ = 0, n = 180", judge_once, ROBUST_RANK, AR(180, 0), AT_MOST(2.8)},
    {"RobustRank, no change, φ = 0.3, n = 60", judge_once, ROBUST_RANK, AR(60, 0.3), AT_MOST(2.8)},
    {"RobustRank, no change, φ = 0.3, n = 180", judge_once, ROBUST_RANK, AR(180, 0.3),
     AT_MOST(2.8)},
    {"RobustRank, no change, φ = 0.5, n = 60", judge_once, ROBUST_RANK, AR(60, 0.5), AT_MOST(2.8)},
    {"RobustRank, no change, φ = 0.5, n = 180", judge_once, ROBUST_RANK, AR(180, 0.5),
     AT_MOST(2.8)},
    {"RobustRank, no change, φ = 0.7, n = 60", judge_once, ROBUST_RANK, AR(60, 0.7), AT_MOST(3.6)},
    {"RobustRank, no change, φ = 0.7, n = 180", judge_once, ROBUST_RANK, AR(180, 0.7),
     AT_MOST(3.0)},
    {"RobustRank, no change, φ = 0.7, n = 180, alpha 0.05", judge_once, ROBUST_RANK, AR(180, 0.7),
     .alpha = 0.05, AT_MOST(6.2)},
    {"RobustRank, no change, φ = 0.9, n = 60", judge_once, ROBUST_RANK, AR(60, 0.9), AT_MOST(8.8)},
    {"RobustRank, no change, φ = 0.9, n = 60, minEffectivePoints 2", judge_once, ROBUST_RANK,
     AR(60, 0.9), NO_GUARD, AT_MOST(8.8)},
    {"RobustRank, no change, φ = 0.9, n = 180", judge_once, ROBUST_RANK, AR(180, 0.9),
     AT_MOST(5.2)},
    {"RobustRank, no change, φ = 0.9, n = 180, minEffectivePoints 2", judge_once, ROBUST_RANK,
     AR(180, 0.9), NO_GUARD, AT_MOST(5.2)},
    {"RobustRank, no change, φ = 0.9, n = 60, alpha 0.05, 50 windows", judge_once, ROBUST_RANK,
     AR(60, 0.9), NO_GUARD, .alpha = 0.05, .n_windows = 50, .divisor = 10, AT_MOST(8)},
    {"RobustRank, no change, φ = 0.9, n = 180, alpha 0.05, 50 windows", judge_once, ROBUST_RANK,
     AR(180, 0.9), NO_GUARD, .alpha = 0.05, .n_windows = 50, .divisor = 10, AT_MOST(8)},
    {"RobustRank, no change, AR + noise, φ = 0.7, n = 180", judge_once, ROBUST_RANK,
     SERIES(PROCESS_AR_NOISE, 180, 0.7), AT_MOST(3.2)},
    {"RobustRank, no change, log-normal, φ = 0.5, n = 180", judge_once, ROBUST_RANK,
     SERIES(PROCESS_LOGNORMAL, 180, 0.5), AT_MOST(2.8)},
    {"RobustRank, no change under a common season, n = 180", judge_once, ROBUST_RANK,
     SERIES(PROCESS_SEASONAL, 180, 0.3), AT_MOST(2.8)},

    {"RobustRank, no change, φ = 0.5, n = 60, unpaired", judge_once, ROBUST_RANK, AR(60, 0.5),
     .pairing = POINTS_UNPAIRED, AT_MOST(2.8)},

    /* --- RobustRank: what it finds --- */
    {"RobustRank, 0.75 SD higher, φ = 0.5, n = 180", judge_once, ROBUST_RANK,
     SHIFTED(PROCESS_AR, 180, 0.5, 0.75), AT_LEAST(89)},
    {"RobustRank, 0.75 SD higher, φ = 0, n = 60, unpaired", judge_once, ROBUST_RANK,
     SHIFTED(PROCESS_AR, 60, 0, 0.75), .pairing = POINTS_UNPAIRED, AT_LEAST(87)},
    {"RobustRank, 0.5 SD higher under a common season, n = 180", judge_once, ROBUST_RANK,
     SHIFTED(PROCESS_SEASONAL, 180, 0.3, 0.5), AT_LEAST(74)},

    /* --- Mean and Distribution --- */
    {"Mean, no change, φ = 0.5, n = 60", judge_once, MEAN, AR(60, 0.5), AT_MOST(2.8)},
    {"Mean, no change, φ = 0.7, n = 180", judge_once, MEAN, AR(180, 0.7), AT_MOST(3.0)},
    {"Distribution (ks), no change, φ = 0, n = 180", judge_once, DISTRIBUTION, AR(180, 0),
     .method = METHOD_KS, AT_MOST(2.8)},
    {"Distribution (ad), no change, φ = 0, n = 180", judge_once, DISTRIBUTION, AR(180, 0),
     .method = METHOD_AD, AT_MOST(2.8)},
    {"Distribution (ks), no change, φ = 0.7, n = 180", judge_once, DISTRIBUTION, AR(180, 0.7),
     .method = METHOD_KS, AT_MOST(2.8)},
    {"Distribution (ad), no change, φ = 0.7, n = 180", judge_once, DISTRIBUTION, AR(180, 0.7),
     .method = METHOD_AD, AT_MOST(2.8)},
    {"Distribution (ad, independent), SD doubled, φ = 0, n = 180", judge_once, DISTRIBUTION,
     .data = {PROCESS_AR, .n = 180, .spread = 2}, .method = METHOD_AD, .is_independent = true,
     AT_LEAST(99)},
    {"Distribution (ks, independent), SD doubled, φ = 0, n = 180", judge_once, DISTRIBUTION,
     .data = {PROCESS_AR, .n = 180, .spread = 2}, .method = METHOD_KS, .is_independent = true,
     AT_LEAST(96)},
    {"Kayenta's rule, SD doubled, φ = 0, n = 180", judge_once, KAYENTA,
     .data = {PROCESS_AR, .n = 180, .spread = 2}, AROUND(0.2, 0.2)},

    /* --- Rate --- */
    {"Rate, errors at 1 per minute doubled, n = 60", judge_once, RATE, COUNTS(60, 2, 0.5, 2),
     AT_LEAST(97)},
    {"Kayenta's rule, errors at 1 per minute doubled, n = 60", judge_once, KAYENTA,
     COUNTS(60, 2, 0.5, 2), AROUND(38.6, 2)},
    {"Rate, no change, 1 error per minute, n = 60", judge_once, RATE, COUNTS(60, 2, 0.5, 1),
     AT_MOST(2.5)},
    {"Rate, no change, canary 10 % of the traffic, n = 180", judge_once, RATE,
     COUNTS(180, 20, 0.1, 1), AT_MOST(2.5)},
    {"Rate, no change, bursts of each side, φ = 0.7, n = 180", judge_once, RATE,
     COUNTS(180, 20, 0.5, 1, .phi = 0.7, .burst_sd = 0.3), AT_MOST(3)},

    /* --- Sequential: false alarms within 180 looks --- */
    {"Sequential, means, no change, φ = 0", judge_sequence, SEQUENTIAL, AR(180, 0),
     .method = METHOD_HAR, .alpha = 0.05, AT_MOST(5.8)},
    {"Sequential, means, no change, φ = 0.5", judge_sequence, SEQUENTIAL, AR(180, 0.5),
     .method = METHOD_HAR, .alpha = 0.05, AT_MOST(5.8)},
    {"Sequential, means, no change, φ = 0.7", judge_sequence, SEQUENTIAL, AR(180, 0.7),
     .method = METHOD_HAR, .alpha = 0.05, AT_MOST(5.8)},
    {"Sequential, ranks, no change, φ = 0", judge_sequence, SEQUENTIAL, AR(180, 0), .alpha = 0.05,
     .divisor = 4, AT_MOST(6.3)},
    {"Sequential, ranks, no change, φ = 0.5", judge_sequence, SEQUENTIAL, AR(180, 0.5),
     .alpha = 0.05, .divisor = 4, AT_MOST(6.3)},
    {"Sequential, ranks, no change, φ = 0.7", judge_sequence, SEQUENTIAL, AR(180, 0.7),
     .alpha = 0.05, .divisor = 4, AT_MOST(6.3)},
    {"Sequential, Poisson, no change, 50:50", judge_sequence, SEQUENTIAL, COUNTS(180, 20, 0.5, 1),
     .model = MODEL_POISSON, .alpha = 0.05, .divisor = 4, AT_MOST(5)},
    {"Sequential, Poisson, no change, canary 10 % of the traffic", judge_sequence, SEQUENTIAL,
     COUNTS(180, 20, 0.1, 1), .model = MODEL_POISSON, .alpha = 0.05, .divisor = 4, AT_MOST(5)},
    {"Sequential, Poisson, no change under a common season", judge_sequence, SEQUENTIAL,
     COUNTS(180, 20, 0.5, 1, .wave = 2), .model = MODEL_POISSON, .alpha = 0.05, .divisor = 4,
     AT_MOST(5)},
    {"Sequential, counts (har), no change, bursts of each side, φ = 0.7", judge_sequence,
     SEQUENTIAL, COUNTS(180, 20, 0.5, 1, .phi = 0.7, .burst_sd = 0.3), .alpha = 0.05, AT_MOST(6.5)},
    {"test of two proportions, no change, every minute", z_test_every_minute, NULL,
     COUNTS(180, 20, 0.5, 1), .alpha = 0.05, .divisor = 4, AROUND(41.6, 3)},
    {"Sequential, histograms, no change", judge_histograms, SEQUENTIAL,
     .data = {.n = 180, .factor = 1}, .type = TYPE_HISTOGRAM, .alpha = 0.05, .divisor = 4,
     AT_MOST(5)},

    /* --- Sequential: how soon --- */
    {"Sequential, ranks, 2 SD higher, φ = 0.5", judge_sequence, SEQUENTIAL,
     SHIFTED(PROCESS_AR, 180, 0.5, 2), .alpha = 0.05, .divisor = 4, SOONER(99.9, 46)},
    {"Sequential, Poisson, errors doubled from 10 per minute and side", judge_sequence, SEQUENTIAL,
     COUNTS(180, 20, 0.5, 2), .model = MODEL_POISSON, .alpha = 0.05, .divisor = 4, SOONER(100, 4)},
    {"Sequential, histograms, 10 % slower", judge_histograms, SEQUENTIAL,
     .data = {.n = 180, .factor = 1.1}, .type = TYPE_HISTOGRAM, .alpha = 0.05, .divisor = 4,
     SOONER(100, 11)},

    /* --- the unit of a metric makes no difference --- */
    {"RobustRank, data times 2^-40 to 2^40", judge_scaled, ROBUST_RANK,
     SHIFTED(PROCESS_AR, 60, 0.5, 2), .divisor = 40, AT_MOST(0)},
    {"RobustRank, unpaired, data times 2^-40 to 2^40", judge_scaled, ROBUST_RANK,
     SHIFTED(PROCESS_LOGNORMAL, 60, 0.5, 2), .pairing = POINTS_UNPAIRED, .divisor = 40, AT_MOST(0)},
    {"Mean, data times 2^-40 to 2^40", judge_scaled, MEAN, SHIFTED(PROCESS_AR, 60, 0.5, 2),
     .divisor = 40, AT_MOST(0)},
    {"Distribution, data times 2^-40 to 2^40", judge_scaled, DISTRIBUTION,
     SHIFTED(PROCESS_LOGNORMAL, 60, 0.5, 2), .divisor = 40, AT_MOST(0)},
    {"Rate, exposure times 2^-40 to 2^40", judge_scaled, RATE, COUNTS(60, 2, 0.5, 1.5),
     .divisor = 160, AT_MOST(0)},
    {"Rate, bursts, exposure times 2^-40 to 2^40", judge_scaled, RATE,
     COUNTS(60, 20, 0.3, 1.5, .phi = 0.7, .burst_sd = 0.3), .divisor = 160, AT_MOST(0)},
    {"Sequential, counts (har), exposure times 2^-40 to 2^40", judge_scaled, SEQUENTIAL,
     COUNTS(60, 20, 0.3, 1.5), .divisor = 160, AT_MOST(0)},
    {"Sequential, Poisson, exposure times 2^-40 to 2^40", judge_scaled, SEQUENTIAL,
     COUNTS(60, 20, 0.3, 1.5), .model = MODEL_POISSON, .divisor = 160, AT_MOST(0)},
    {"Sequential, ranks, data times 2^-40 to 2^40", judge_scaled, SEQUENTIAL,
     SHIFTED(PROCESS_AR, 60, 0.5, 2), .divisor = 40, AT_MOST(0)},
    {"Sequential, means, data times 2^-40 to 2^40", judge_scaled, SEQUENTIAL,
     SHIFTED(PROCESS_AR, 60, 0.5, 2), .method = METHOD_HAR, .divisor = 40, AT_MOST(0)},
};
const size_t n_cells = ARRAY_LEN(cells);
