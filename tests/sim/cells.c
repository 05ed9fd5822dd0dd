/* The rows: what is judged, and how often it may be flagged. Bounds are those of 20,000 runs; rows
 * with ± repeat what is known of a rule that others use, as a check of this program itself. */
#include "tests/sim/procedures.h"

#define KAYENTA "NetflixACAJudge-v1.0"
#define ROBUST_RANK "RobustRank-v1.0"

#define AT_MOST(value) .bound = {BOUND_AT_MOST, .percent = (value)}
#define AT_LEAST(value) .bound = {BOUND_AT_LEAST, .percent = (value)}
#define AROUND(value, give) .bound = {BOUND_AROUND, .percent = (value), .width = (give)}
#define AR(minutes, memory) .data = {PROCESS_AR, .n = (minutes), .phi = (memory)}

const struct cell cells[] = {
    {"Kayenta's rule, no change, φ = 0.7, n = 180", judge_once, KAYENTA, AR(180, 0.7),
     AROUND(19.0, 1.2)},
    {"Kayenta's rule, no change, φ = 0, n = 180", judge_once, KAYENTA, AR(180, 0),
     AROUND(0.2, 0.15)},
    {"Kayenta's rule, no change, φ = 0.7, every minute from 10 to 180", judge_every_minute, KAYENTA,
     AR(180, 0.7), .first_look = 10, .divisor = 4, AROUND(68, 3)},

    {"RobustRank, no change, φ = 0, n = 60", judge_once, ROBUST_RANK, AR(60, 0), AT_MOST(2.8)},
    {"RobustRank, no change, φ = 0.3, n = 60", judge_once, ROBUST_RANK, AR(60, 0.3), AT_MOST(2.8)},
    {"RobustRank, no change, φ = 0.5, n = 60", judge_once, ROBUST_RANK, AR(60, 0.5), AT_MOST(2.8)},
    {"RobustRank, no change, φ = 0.7, n = 60", judge_once, ROBUST_RANK, AR(60, 0.7), AT_MOST(3.6)},
    {"RobustRank, no change, φ = 0.9, n = 60", judge_once, ROBUST_RANK, AR(60, 0.9), AT_MOST(8.8)},
};
const size_t n_cells = ARRAY_LEN(cells);
