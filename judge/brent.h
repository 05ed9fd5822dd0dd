/* judge/brent.h -- a root of a falling function, one evaluation at a time.
 *
 * The search hands out a point and is told the value there, so that a caller can run several at
 * once and evaluate their points together. Kayenta's search is followed step by step, because the
 * function is a staircase and it is the path that decides near which edge of a step the search
 * ends. Source: Brent, Algorithms for Minimization without Derivatives, 1973, ch. 4 (`zero`), in
 * the form of the C function zeroin that R uses. */
#ifndef JUDGE_BRENT_H
#define JUDGE_BRENT_H

#include <stdbool.h>

#define BRENT_TOLERANCE 1e-4 /* absolute, in the unit of the argument; part of the verdict */
#define BRENT_MAX_ROUNDS 1001

struct brent {
    double at; /* evaluate here next; the root once is_done */
    bool is_done;
    /* The last point, the one before, and the one on the other side of the root. */
    double a, b, c, f_a, f_b, f_c;
    int n_rounds;
};

/* Begin with the two ends and the values there. */
void brent_start(struct brent *search, double a, double f_a, double b, double f_b);

/* The value at search->at; not after is_done. */
void brent_next(struct brent *search, double f_at);

#endif
