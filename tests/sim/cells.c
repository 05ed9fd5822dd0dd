/* The rows: what is judged, and how often it may be flagged. Bounds are those of 20,000 runs; rows
 * with ± repeat what is known of a rule that others use, as a check of this program itself. */
#include "tests/sim/procedures.h"

#define KAYENTA "NetflixACAJudge-v1.0"
#define ROBUST_RANK "RobustRank-v1.0"

#define AT_MOST(value) .bound = {BOUND_AT_MOST, .percent = (value)}
#define AT_LEAST(value) .bound = {BOUND_AT_LEAST, .percent = (value)}
#define AROUND(value, give) .bound = {BOUND_AROUND, .percent = (value), .width = (give)}
#define SERIES(kind, minutes, memory) .data = {(kind), .n = (minutes), .phi = (memory)}
#define SHIFTED(kind, minutes, memory, deviations)                                                 \
    .data = {(kind), .n = (minutes), .phi = (memory), .shift = (deviations)}
#define AR(minutes, memory) SERIES(PROCESS_AR, minutes, memory)
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
     AR(60, 0.9), NO_GUARD, .alpha = 0.05, .n_windows = 50, .divisor = 4, AT_MOST(8)},
    {"RobustRank, no change, φ = 0.9, n = 180, alpha 0.05, 50 windows", judge_once, ROBUST_RANK,
     AR(180, 0.9), NO_GUARD, .alpha = 0.05, .n_windows = 50, .divisor = 4, AT_MOST(8)},
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

    /* --- the unit of a metric makes no difference --- */
    {"RobustRank, data times 2^-40 to 2^40", judge_scaled, ROBUST_RANK,
     SHIFTED(PROCESS_AR, 60, 0.5, 2), .divisor = 40, AT_MOST(0)},
    {"RobustRank, unpaired, data times 2^-40 to 2^40", judge_scaled, ROBUST_RANK,
     SHIFTED(PROCESS_LOGNORMAL, 60, 0.5, 2), .pairing = POINTS_UNPAIRED, .divisor = 40, AT_MOST(0)},
};
const size_t n_cells = ARRAY_LEN(cells);
